// How long from one time to another.
//
// Threads: functions without state.
#pragma once

#include <cstdint>
#include <limits>

#include "chronos/types.h"

namespace chronos::event {

/// Nanoseconds; the longest there are where it is longer than can be said, so that it can be negated.
constexpr std::int64_t span_ns(Timestamp from, Timestamp to) {
    constexpr std::int64_t kLongest = std::numeric_limits<std::int64_t>::max();
    std::int64_t span = 0;
    if (!__builtin_sub_overflow(to.ns, from.ns, &span) && span >= -kLongest) return span;
    return to < from ? -kLongest : kLongest;
}

}  // namespace chronos::event
