// Since when and how long a field had each of its values.
//
// Threads: free functions.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "chronos/state.h"
#include "mcp/tools/shown.h"

namespace chronos::mcp {

struct PeriodRequest {
    std::string field;
    StateOptions fold;  ///< Periods are by occurred_at, or by recorded_at where the fold is in the order of the stream.
    Timestamp until;    ///< What the last period goes to.
    std::size_t bytes_max = 0;
};

/// Puts `periods` (value, from, until, how long, which event set it, who and why), oldest first, and
/// `time_by_value` into `untrusted`; answers whether all of them fitted. `entries` come in the order of the fold.
///
/// Errors: kLimitExceeded.
Result<bool> put_value_periods(Json& untrusted, std::span<const HistoryEntry> entries, const PeriodRequest& request,
                               Shown& shown);

}  // namespace chronos::mcp
