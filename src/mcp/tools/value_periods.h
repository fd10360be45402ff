// Since when and how long a field had each of its values.
//
// Threads: free functions.
#pragma once

#include <span>
#include <string>

#include "chronos/state.h"
#include "mcp/tools/shown.h"

namespace chronos::mcp {

/// Puts `periods` (value, from, until, how long, which event set it, who and why), oldest first, and
/// `time_by_value` into `untrusted`. Periods are by occurred_at; the last one goes to `until`.
void put_value_periods(Json& untrusted, std::span<const HistoryEntry> entries, const std::string& field,
                       Timestamp until, Shown& shown);

}  // namespace chronos::mcp
