// Since when and how long a field had each of its values.
//
// Threads: free functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "chronos/state.h"
#include "mcp/tools/shown.h"

namespace chronos::mcp {

struct PeriodRequest {
    std::string field;
    StateOptions fold;  ///< Periods are by occurred_at, or by recorded_at where the fold is in the order of the stream.
    Timestamp until;    ///< What the last period goes to.
    /// The page before ended with the period that the event of this version began.
    std::optional<std::uint64_t> after;
    bool is_backward = true;  ///< From the last period, which tells most of now, to the first.
    std::size_t limit = 0;
    std::size_t bytes_max = 0;
    /// A row for each event that changed the field.
    std::function<Json(const HistoryEntry&)> entry_row;
};

struct PeriodPage {
    /// Oldest first: value, from, until, how long, which event set it, who and why.
    Json periods = Json::array();
    /// Of the events of these periods, by version.
    Json entries = Json::array();
    /// How long each value was there in all; null: not asked for, or each was there once.
    Json time_by_value;
    std::size_t left_out = 0;           ///< Periods behind the page.
    std::size_t entries_left_out = 0;   ///< Of the periods of the page; there is no room for them.
    bool has_totals_left_out = false;   ///< There is no room for time_by_value.
    std::optional<std::uint64_t> last;  ///< What `after` is on the next page.
};

/// As many periods as fit, each with its events. `entries` come in the order of the fold.
///
/// Errors: kLimitExceeded.
Result<PeriodPage> value_periods(std::span<const HistoryEntry> entries, const PeriodRequest& request, Shown& shown);

}  // namespace chronos::mcp
