// Time and randomness that replay: the clock moves when it is read or told to.
//
// Threads: all calls from any thread.
#pragma once

#include <cstdint>
#include <mutex>

#include "io/clock.h"
#include "io/sim/prng.h"

namespace chronos::io {

class SimClock final : public Clock {
public:
    /// 2026-01-01T00:00:00Z.
    static constexpr std::int64_t kStartWallNs = 1'767'225'600'000'000'000;

    /// Each reading moves what it reads by one step; the wall clock's takes the other along.
    std::int64_t wall_ns() override;
    std::int64_t monotonic_ns() override;

    /// Lets time pass on both. Requires: `duration_ns` >= 0.
    void advance(std::int64_t duration_ns);
    /// Moves only the wall clock, either way.
    void jump_wall(std::int64_t difference_ns);
    void set_wall(std::int64_t wall_ns);
    /// How much each reading adds: 1 us at first, 0 to stand still.
    void set_step(std::int64_t step_ns);

private:
    std::mutex mutex_;
    // Guarded by mutex_:
    std::int64_t wall_ns_ = kStartWallNs;
    std::int64_t monotonic_ns_ = 0;
    std::int64_t step_ns_ = 1'000;
};

class SimRandom final : public Random {
public:
    explicit SimRandom(std::uint64_t seed) : prng_(seed) {}
    void fill(std::span<std::byte> out) override;

private:
    std::mutex mutex_;
    Prng prng_;  // Guarded by mutex_.
};

}  // namespace chronos::io
