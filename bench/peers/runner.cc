#include "peers/runner.h"

#include <algorithm>
#include <cstdio>
#include <exception>

#include "peers/failure.h"
#include "peers/interrupt.h"
#include "peers/latencies.h"

namespace chronos::bench {
namespace {

void add(RowResult& result, const std::vector<Metric>& metrics) {
    for (const Metric& metric : metrics) {
        auto found = std::ranges::find(result.metrics, metric.name, &MetricResult::name);
        if (found == result.metrics.end()) found = result.metrics.insert(found, {.name = metric.name});
        found->values.insert(std::ranges::upper_bound(found->values, metric.value), metric.value);
    }
}

void run_once(RowResult& result, unsigned repetition) {
    std::fprintf(stderr, "%u  %-32s", repetition + 1, result.row.name.c_str());
    const std::int64_t started_ns = now_ns();
    try {
        add(result, result.row.run());
    } catch (const Absent& absent) {
        result.status = RowStatus::kAbsent;
        result.message = absent.what();
    } catch (const std::exception& failure) {
        result.status = RowStatus::kFailed;
        result.message = failure.what();
    }
    if (result.status != RowStatus::kMeasured) result.metrics.clear();
    std::fprintf(stderr, "%6.1f s  %s\n", static_cast<double>(now_ns() - started_ns) / 1e9, result.message.c_str());
}

}  // namespace

double MetricResult::median() const {
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double GroupResult::ratio(const MetricResult& metric) const {
    for (const RowResult& row : rows) {
        if (row.row.name != baseline) continue;
        for (const MetricResult& base : row.metrics) {
            if (base.name != metric.name) continue;
            const bool more_is_better = metric.name.ends_with("/s");
            return more_is_better ? metric.median() / base.median() : base.median() / metric.median();
        }
    }
    return 0;
}

GroupResult run_group(Group group, unsigned repetitions) {
    GroupResult result{.title = group.title, .baseline = group.baseline};
    for (Row& row : group.rows) result.rows.push_back({.row = std::move(row)});
    for (unsigned repetition = 0; repetition < repetitions; ++repetition)
        for (RowResult& row : result.rows)
            if (row.status == RowStatus::kMeasured && !interrupted()) run_once(row, repetition);
    for (RowResult& row : result.rows) {
        row.row.run = {};
        if (row.status == RowStatus::kMeasured && row.metrics.empty()) {
            row.status = RowStatus::kFailed;
            row.message = "interrupted";
        }
    }
    return result;
}

}  // namespace chronos::bench
