#include "peers/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace chronos::bench {
namespace {

/// Three digits that matter, thousands apart: 1,234,000 or 12.3 or 0.123.
std::string rounded(double value) {
    if (value < 100) return fmt::format("{:.3g}", value);
    std::string text = fmt::format("{:.0f}", value);
    for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
    return text;
}

/// What fits into a cell of a table.
std::string one_line(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    std::ranges::replace(text, '|', '/');
    return text;
}

void add_row(std::string& out, const GroupResult& group, const RowResult& result) {
    const Row& row = result.row;
    const std::string start = fmt::format("| {} | {} | {} |", row.name, row.what, row.durability);
    const std::string end =
        fmt::format("{} | {} |\n", rounded(static_cast<double>(row.n)), rounded(static_cast<double>(row.k)));
    if (result.status != RowStatus::kMeasured) {
        const std::string_view word = result.status == RowStatus::kAbsent ? "not here" : "FAILED";
        out += fmt::format("{} **{}**: {} | | | | {}", start, word, one_line(result.message), end);
        return;
    }
    for (const MetricResult& metric : result.metrics) {
        const double ratio = group.ratio(metric);
        out += fmt::format("{} {} | {} | {} .. {} | {} | {}", start, metric.name, rounded(metric.median()),
                           rounded(metric.values.front()), rounded(metric.values.back()),
                           ratio == 0 ? "" : fmt::format("{:.2f}", ratio), end);
    }
}

std::string_view status_name(RowStatus status) {
    switch (status) {
        case RowStatus::kMeasured: return "measured";
        case RowStatus::kAbsent: return "absent";
        case RowStatus::kFailed: return "failed";
    }
    return "";
}

void add_json(nlohmann::json& rows, const GroupResult& group, const RowResult& result) {
    const Row& row = result.row;
    nlohmann::json entry = {{"group", group.title},
                            {"row", row.name},
                            {"what", row.what},
                            {"durability", row.durability},
                            {"n", row.n},
                            {"k", row.k},
                            {"status", status_name(result.status)}};
    if (result.status != RowStatus::kMeasured) {
        entry["message"] = result.message;
        rows.push_back(entry);
        return;
    }
    for (const MetricResult& metric : result.metrics) {
        entry["metric"] = metric.name;
        entry["median"] = metric.median();
        entry["min"] = metric.values.front();
        entry["max"] = metric.values.back();
        entry["repetitions"] = metric.values.size();
        const double ratio = group.ratio(metric);
        entry["baseline"] = ratio == 0 ? nlohmann::json() : nlohmann::json(group.baseline);
        entry["ratio"] = ratio == 0 ? nlohmann::json() : nlohmann::json(ratio);
        rows.push_back(entry);
    }
}

}  // namespace

std::string to_markdown(const Report& report) {
    const Machine& machine = report.machine;
    std::string out = fmt::format(
        "# Chronos beside others, {}\n\n"
        "- Command: `{}`\n"
        "- Machine: {}, {} processors, {:.0f} GiB, {}; {}\n"
        "- Load average: {:.2f} before, {:.2f} after; what the run itself needs is in the latter\n"
        "- Each figure: median of {} repetitions (least .. most), in which the rows of a table "
        "took turns. "
        "A ratio above 1 is better than the named row.\n",
        report.date, report.command, machine.processor, machine.processor_count, machine.memory_gib, machine.kernel,
        machine.disk, machine.load, report.load_at_end, report.options.repetitions);
    if (report.options.quick) out += "- **Quick: sizes are small, the figures only show that everything runs.**\n";
    for (const GroupResult& group : report.groups) {
        out += fmt::format(
            "\n## {}\n\n| row | layout | durability | metric | median | least .. most | × {} | N | "
            "K |\n"
            "|---|---|---|---|---:|---:|---:|---:|---:|\n",
            group.title, group.baseline.empty() ? "-" : group.baseline);
        for (const RowResult& row : group.rows) add_row(out, group, row);
    }
    return out;
}

std::string to_json(const Report& report) {
    const Machine& machine = report.machine;
    nlohmann::json json = {{"date", report.date},
                           {"command", report.command},
                           {"repetitions", report.options.repetitions},
                           {"quick", report.options.quick},
                           {"machine",
                            {{"processor", machine.processor},
                             {"processor_count", machine.processor_count},
                             {"memory_gib", machine.memory_gib},
                             {"kernel", machine.kernel},
                             {"disk", machine.disk},
                             {"load_before", machine.load},
                             {"load_after", report.load_at_end}}},
                           {"rows", nlohmann::json::array()}};
    for (const GroupResult& group : report.groups)
        for (const RowResult& row : group.rows) add_json(json["rows"], group, row);
    return json.dump(2) + "\n";
}

}  // namespace chronos::bench
