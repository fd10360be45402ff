#include "mcp/tools/value_periods.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
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

/// Of one page.
constexpr std::size_t kPeriodsMax = 200;
/// Values that are told apart in totals.
constexpr std::size_t kTotalsMax = 40;

/// A value of more bytes is told by its size alone.
constexpr std::size_t kValueBytesMax = std::size_t{64} << 10;
/// Bytes of values that are made to be compared, in all.
constexpr std::size_t kWorkBytesMax = std::size_t{256} << 20;

struct Period {
    std::vector<const HistoryEntry*> entries;  ///< The one that began it, and those that left the value as it was.
    std::uint64_t hash = 0;                    ///< Of the value.
    bool is_there = false;
    std::optional<std::string> value;  ///< JSON; only of those that may be on the page.
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

/// All periods, with the values of those that may be on the page.
class Periods {
public:
    explicit Periods(const PeriodRequest& request)
        : request_(request), size_max_(std::min(request.limit, kPeriodsMax)) {}

    Status add(const HistoryEntry& entry) {
        RETURN_IF_ERROR(fold_payload(tree_, entry.event, request_.fold.fold));
        const std::size_t begun_before = periods_.size();
        if (touches(entry, request_.field)) RETURN_IF_ERROR(add_change(entry));
        if (request_.after == entry.event.version.value) start_ = request_.is_backward ? begun_before : periods_.size();
        return {};
    }

    /// After the last entry.
    void finish() {
        for (std::size_t i = 0; i < periods_.size(); ++i) {
            Period& period = periods_[i];
            if (i + 1 < periods_.size()) period.until = periods_[i + 1].from;
            period.lasted_ns = std::max<std::int64_t>(span_ns(period.from, period.until.value_or(request_.until)), 0);
        }
    }

    [[nodiscard]] const std::vector<Period>& all() const { return periods_; }
    [[nodiscard]] const Values& values() const { return values_; }
    /// Where the page begins going forward, or ends going backward.
    [[nodiscard]] std::size_t start() const {
        const bool is_from_the_first = !request_.is_backward && !request_.after;
        return start_.value_or(is_from_the_first ? 0 : periods_.size());
    }
    [[nodiscard]] std::size_t size_max() const { return size_max_; }

private:
    Status add_change(const HistoryEntry& entry) {
        std::optional<std::string> changed = tree_.field(request_.field);
        if (changed) work_bytes_ += changed->size();
        if (work_bytes_ > kWorkBytesMax)
            return base::fail(ErrorCode::kLimitExceeded,
                              "the values that the field had come to more than 256 MiB; name a field inside of it");
        const std::uint64_t hash = changed ? base::xxh3_64(std::string_view(*changed), 0) : 0;
        const bool is_same = periods_.empty()
                                 ? !changed
                                 : periods_.back().is_there == changed.has_value() && periods_.back().hash == hash;
        if (!is_same) begin(entry, hash, std::move(changed));
        if (is_same && !periods_.empty()) periods_.back().entries.push_back(&entry);
        return {};
    }

    void begin(const HistoryEntry& entry, std::uint64_t hash, std::optional<std::string> value) {
        if (value && !request_.after && values_.size() <= kTotalsMax) values_.try_emplace(hash, to_show(*value));
        const bool is_by_occurrence = request_.fold.order == FoldOrder::kOccurred;
        periods_.push_back({.entries = {&entry},
                            .hash = hash,
                            .is_there = value.has_value(),
                            .value = {},
                            .from = is_by_occurrence ? entry.event.occurred_at : entry.event.recorded_at});
        const std::size_t index = periods_.size() - 1;
        const bool may_be_shown = request_.is_backward ? !start_ : index >= start() && index - start() < size_max_;
        if (value && may_be_shown) periods_.back().value = to_show(*std::move(value));
        // The one that begins here may be the last of the page before.
        if (request_.is_backward && !start_ && index > size_max_) periods_[index - size_max_ - 1].value.reset();
    }

    const PeriodRequest& request_;
    std::size_t size_max_;
    json::MergeTree tree_;
    std::size_t work_bytes_ = 0;
    std::vector<Period> periods_;
    Values values_;
    std::optional<std::size_t> start_;  ///< By the event of `after`.
};

Json period_row(const Period& period, Shown& shown) {
    const HistoryEntry& entry = *period.entries.front();
    Json row;
    row["value"] = period.value ? shown.json(*period.value) : Json(nullptr);
    if (!period.is_there) row["removed"] = true;
    row["from"] = period.from.to_string();
    row["until"] = period.until ? Json(period.until->to_string()) : Json("still so");
    row["lasted"] = duration_json(period.lasted_ns);
    row["set_by"] = shown.text(entry.event.event_type);
    row["version"] = entry.event.version.value;
    if (!entry.actor.empty()) row["actor"] = shown.text(entry.actor);
    if (!entry.reason.empty()) row["reason"] = shown.text(entry.reason);
    return row;
}

/// The page, with as many periods as fit together with their events.
PeriodPage page_of(const Periods& periods, const PeriodRequest& request, Shown& shown) {
    PeriodPage page;
    const std::vector<Period>& all = periods.all();
    const std::size_t start = periods.start();
    const std::size_t there = request.is_backward ? start : all.size() - start;
    std::vector<Json> rows;
    std::vector<std::pair<std::uint64_t, Json>> entries;
    std::size_t bytes = 0;
    while (rows.size() < std::min(there, periods.size_max())) {
        const Period& period = all[request.is_backward ? start - 1 - rows.size() : start + rows.size()];
        Json row = period_row(period, shown);
        std::size_t size = json_size(row) + 1;
        std::vector<std::pair<std::uint64_t, Json>> of_period;
        for (const HistoryEntry* entry : period.entries) {
            Json entry_row = request.entry_row(*entry);
            const std::size_t entry_size = json_size(entry_row) + 1;
            // One period is given even if there is no room for its events.
            const bool must_be_short = rows.empty() && bytes + size + entry_size > request.bytes_max;
            if (must_be_short) {
                ++page.entries_left_out;
                continue;
            }
            size += entry_size;
            of_period.emplace_back(entry->event.version.value, std::move(entry_row));
        }
        if (!rows.empty() && bytes + size > request.bytes_max) break;
        bytes += size;
        rows.push_back(std::move(row));
        std::move(of_period.begin(), of_period.end(), std::back_inserter(entries));
        page.last = period.entries.front()->event.version.value;
    }
    page.left_out = there - rows.size();
    if (request.is_backward) std::reverse(rows.begin(), rows.end());
    for (Json& row : rows) page.periods.push_back(std::move(row));
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [version, row] : entries) page.entries.push_back(std::move(row));
    return page;
}

/// Null where every value was there once, or there are too many.
Json totals_of(const std::vector<Period>& periods, const Values& values, Shown& shown) {
    if (values.size() > kTotalsMax) return nullptr;
    std::map<std::pair<bool, std::uint64_t>, std::int64_t> totals;
    for (const Period& period : periods) {
        std::int64_t& total = totals[{period.is_there, period.hash}];
        // Both may be as long as can be said.
        if (__builtin_add_overflow(total, period.lasted_ns, &total)) total = std::numeric_limits<std::int64_t>::max();
    }
    if (totals.size() == periods.size()) return nullptr;
    Json rows = Json::array();
    for (const auto& [key, ns] : totals) {
        Json row;
        row["value"] = key.first ? shown.json(values.at(key.second)) : Json(nullptr);
        row["total"] = duration_json(ns);
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace

Result<PeriodPage> value_periods(std::span<const HistoryEntry> entries, const PeriodRequest& request, Shown& shown) {
    Periods periods(request);
    for (const HistoryEntry& entry : entries) RETURN_IF_ERROR(periods.add(entry));
    periods.finish();
    // Of later pages they are the same.
    Json totals = request.after ? Json(nullptr) : totals_of(periods.all(), periods.values(), shown);
    const std::size_t totals_size = totals.is_null() ? 0 : json_size(totals);
    const bool has_room = totals_size <= request.bytes_max / 3;
    PeriodRequest rest = request;
    if (has_room) rest.bytes_max -= totals_size;
    PeriodPage page = page_of(periods, rest, shown);
    page.has_totals_left_out = !has_room;
    if (has_room) page.time_by_value = std::move(totals);
    return page;
}

}  // namespace chronos::mcp
