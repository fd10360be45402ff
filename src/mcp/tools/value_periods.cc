#include "mcp/tools/value_periods.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "mcp/tools/answer.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kPeriodsMax = 40;

struct Period {
    const HistoryEntry* entry = nullptr;
    std::optional<std::string> value;  ///< JSON; absent: not there.
    std::int64_t lasted_ns = 0;
    std::optional<Timestamp> until;  ///< Absent: still so.
};

/// The changes of exactly this field, in the order in which they occurred.
std::vector<Period> periods_of(std::span<const HistoryEntry> entries, const std::string& field, Timestamp until) {
    std::vector<Period> periods;
    for (const HistoryEntry& entry : entries) {
        for (const FieldChange& change : entry.changes) {
            if (change.pointer == field) periods.push_back({.entry = &entry, .value = change.after});
        }
    }
    std::stable_sort(periods.begin(), periods.end(), [](const Period& a, const Period& b) {
        return a.entry->event.occurred_at < b.entry->event.occurred_at;
    });
    for (std::size_t i = 0; i < periods.size(); ++i) {
        const Timestamp from = periods[i].entry->event.occurred_at;
        if (i + 1 < periods.size()) periods[i].until = periods[i + 1].entry->event.occurred_at;
        periods[i].lasted_ns = std::max<std::int64_t>(span_ns(from, periods[i].until.value_or(until)), 0);
    }
    return periods;
}

Json period_row(const Period& period, Shown& shown) {
    const HistoryEntry& entry = *period.entry;
    Json row;
    row["value"] = period.value ? shown.json(*period.value) : Json(nullptr);
    if (!period.value) row["removed"] = true;
    row["from"] = entry.event.occurred_at.to_string();
    row["until"] = period.until ? Json(period.until->to_string()) : Json("still so");
    row["lasted"] = duration_json(period.lasted_ns);
    row["set_by"] = shown.text(entry.event.event_type);
    row["version"] = entry.event.version.value;
    if (!entry.actor.empty()) row["actor"] = shown.text(entry.actor);
    if (!entry.reason.empty()) row["reason"] = shown.text(entry.reason);
    return row;
}

}  // namespace

void put_value_periods(Json& untrusted, std::span<const HistoryEntry> entries, const std::string& field,
                       Timestamp until, Shown& shown) {
    const std::vector<Period> periods = periods_of(entries, field, until);
    std::map<std::string, std::int64_t> totals;
    Json rows = Json::array();
    // The last ones tell most of now.
    const std::size_t first = periods.size() > kPeriodsMax ? periods.size() - kPeriodsMax : 0;
    for (std::size_t i = 0; i < periods.size(); ++i) {
        std::int64_t& total = totals[periods[i].value.value_or("not there")];
        // Both may be as long as can be said.
        if (__builtin_add_overflow(total, periods[i].lasted_ns, &total))
            total = std::numeric_limits<std::int64_t>::max();
        if (i >= first) rows.push_back(period_row(periods[i], shown));
    }
    if (first > 0) untrusted["earlier_periods_left_out"] = first;
    untrusted["periods"] = std::move(rows);
    if (totals.size() > kPeriodsMax || totals.size() == periods.size()) return;
    for (const auto& [value, ns] : totals) {
        Json row;
        row["value"] = value == "not there" ? Json(nullptr) : shown.json(value);
        row["total"] = duration_json(ns);
        untrusted["time_by_value"].push_back(std::move(row));
    }
}

}  // namespace chronos::mcp
