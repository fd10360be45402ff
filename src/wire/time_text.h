// Times as people type them: what Timestamp::parse reads, and a few words relative to now.
//
// Threads: free functions.
#pragma once

#include <string_view>

#include "chronos/types.h"

namespace chronos::wire {

/// "2026-01-31", "2026-01-31T10:00:00+01:00", "now", "today", "yesterday" (00:00:00Z of that day),
/// "2 hours ago".
///
/// Units: seconds, minutes, hours, days, weeks, also s, min, h, d, w. A day is 24 hours.
/// Errors: kInvalidArgument, saying what to write instead: months and years have no fixed length,
/// "m" has two
///         meanings, and a time without an offset has none.
Result<Timestamp> parse_time(std::string_view text, Timestamp now);

}  // namespace chronos::wire
