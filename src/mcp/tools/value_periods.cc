#include "mcp/tools/value_periods.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/result.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/refold.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kPeriodsMax = 40;

/// A value of more bytes is told by its size alone.
constexpr std::size_t kValueBytesMax = std::size_t{64} << 10;
/// Bytes of values that are made to be compared, in all.
constexpr std::size_t kWorkBytesMax = std::size_t{256} << 20;

struct Period {
    const HistoryEntry* entry = nullptr;
    std::uint64_t hash = 0;  ///< Of the value.
    bool is_there = false;
    std::optional<std::string> value;  ///< JSON; only of the last kPeriodsMax, which may be shown.
    Timestamp from;
    std::int64_t lasted_ns = 0;
    std::optional<Timestamp> until;  ///< Absent: still so.
};

std::string to_show(std::string value) {
    if (value.size() <= kValueBytesMax) return value;
    return "\"(" + std::to_string(value.size()) + " bytes)\"";
}

/// Values by their hashes, until there are too many to tell how long each was there.
using Values = std::map<std::uint64_t, std::string>;

/// Each value that the field came to have, be it a value or all that is inside of it.
Result<std::vector<Period>> periods_of(std::span<const HistoryEntry> entries, const PeriodRequest& request,
                                       Values& values) {
    std::vector<Period> periods;
    json::MergeTree tree;
    std::size_t work_bytes = 0;
    for (const HistoryEntry& entry : entries) {
        RETURN_IF_ERROR(fold_payload(tree, entry.event, request.fold.fold));
        if (!touches(entry, request.field)) continue;
        std::optional<std::string> changed = tree.field(request.field);
        const std::uint64_t hash = changed ? base::xxh3_64(std::string_view(*changed), 0) : 0;
        const bool is_same =
            periods.empty() ? !changed : periods.back().is_there == changed.has_value() && periods.back().hash == hash;
        if (changed) work_bytes += changed->size();
        if (work_bytes > kWorkBytesMax)
            return base::fail(ErrorCode::kLimitExceeded,
                              "the values that the field had come to more than 256 MiB; name a field inside of it");
        if (is_same) continue;
        if (periods.size() >= kPeriodsMax) periods[periods.size() - kPeriodsMax].value.reset();
        if (changed && values.size() <= kPeriodsMax) values.try_emplace(hash, to_show(*changed));
        const bool is_by_occurrence = request.fold.order == FoldOrder::kOccurred;
        periods.push_back({.entry = &entry,
                           .hash = hash,
                           .is_there = changed.has_value(),
                           .value = changed ? std::optional(to_show(*std::move(changed))) : std::nullopt,
                           .from = is_by_occurrence ? entry.event.occurred_at : entry.event.recorded_at});
    }
    for (std::size_t i = 0; i < periods.size(); ++i) {
        if (i + 1 < periods.size()) periods[i].until = periods[i + 1].from;
        periods[i].lasted_ns =
            std::max<std::int64_t>(span_ns(periods[i].from, periods[i].until.value_or(request.until)), 0);
    }
    return periods;
}

Json period_row(const Period& period, Shown& shown) {
    const HistoryEntry& entry = *period.entry;
    Json row;
    row["value"] = period.value ? shown.json(*period.value) : Json(nullptr);
    if (!period.value) row["removed"] = true;
    row["from"] = period.from.to_string();
    row["until"] = period.until ? Json(period.until->to_string()) : Json("still so");
    row["lasted"] = duration_json(period.lasted_ns);
    row["set_by"] = shown.text(entry.event.event_type);
    row["version"] = entry.event.version.value;
    if (!entry.actor.empty()) row["actor"] = shown.text(entry.actor);
    if (!entry.reason.empty()) row["reason"] = shown.text(entry.reason);
    return row;
}

/// The last ones, which tell most of now, as many as fit.
Json rows_of(const std::vector<Period>& periods, std::size_t bytes_max, Shown& shown) {
    Rows rows(bytes_max);
    for (auto period = periods.rbegin(); period != periods.rend() && rows.size() < kPeriodsMax; ++period) {
        if (!rows.add(period_row(*period, shown))) break;
    }
    Json out = rows.take();
    std::reverse(out.begin(), out.end());
    return out;
}

/// Empty where every value was there once, or there are too many.
Json totals_of(const std::vector<Period>& periods, const Values& values, Shown& shown) {
    Json rows = Json::array();
    if (values.size() > kPeriodsMax) return rows;
    std::map<std::pair<bool, std::uint64_t>, std::int64_t> totals;
    for (const Period& period : periods) {
        std::int64_t& total = totals[{period.is_there, period.hash}];
        // Both may be as long as can be said.
        if (__builtin_add_overflow(total, period.lasted_ns, &total)) total = std::numeric_limits<std::int64_t>::max();
    }
    if (totals.size() == periods.size()) return rows;
    for (const auto& [key, ns] : totals) {
        Json row;
        row["value"] = key.first ? shown.json(values.at(key.second)) : Json(nullptr);
        row["total"] = duration_json(ns);
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace

Result<bool> put_value_periods(Json& untrusted, std::span<const HistoryEntry> entries, const PeriodRequest& request,
                               Shown& shown) {
    Values values;
    ASSIGN_OR_RETURN(const std::vector<Period> periods, periods_of(entries, request, values));
    Json rows = rows_of(periods, request.bytes_max, shown);
    bool fits = rows.size() == periods.size();
    if (!fits) untrusted["earlier_periods_left_out"] = periods.size() - rows.size();
    const std::size_t used = json_size(rows);
    untrusted["periods"] = std::move(rows);
    Json totals = totals_of(periods, values, shown);
    if (totals.empty()) return fits;
    if (used + json_size(totals) <= request.bytes_max)
        untrusted["time_by_value"] = std::move(totals);
    else
        fits = false;
    return fits;
}

}  // namespace chronos::mcp
