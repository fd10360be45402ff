// Lengths of time as people type and read them: "10m", "24h", "7d".
//
// Threads: free functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chronos/result.h"

namespace chronos::wire {

/// Nanoseconds of a whole number with a unit (s, m or min, h, d, w), or of seconds without one. A day is 24 hours.
///
/// Errors: kInvalidArgument, saying what to write.
Result<std::int64_t> parse_duration(std::string_view text);

/// The two largest units that are not nothing, rounded down: "23h 59m", "6d", "45s"; "0s" for what is over.
std::string duration_text(std::int64_t ns);

}  // namespace chronos::wire
