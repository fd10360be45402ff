// Time and randomness as the engine gets them, so that every run can be replayed from a seed.
//
// Threads: all calls from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace chronos::io {

class Clock {
public:
    Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    virtual ~Clock() = default;

    /// Nanoseconds since 1970-01-01T00:00:00Z by the wall clock; may jump either way.
    virtual std::int64_t wall_ns() = 0;
    /// Nanoseconds since some start; never goes back.
    virtual std::int64_t monotonic_ns() = 0;
};

class Random {
public:
    Random() = default;
    Random(const Random&) = delete;
    Random& operator=(const Random&) = delete;
    virtual ~Random() = default;

    /// Fills `out` with unpredictable bytes (in `sim/`: from the seed).
    virtual void fill(std::span<std::byte> out) = 0;
};

}  // namespace chronos::io
