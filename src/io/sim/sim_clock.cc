#include "io/sim/sim_clock.h"

#include "base/assert.h"

namespace chronos::io {

std::int64_t SimClock::wall_ns() {
    const std::lock_guard lock(mutex_);
    const std::int64_t now = wall_ns_;
    wall_ns_ += step_ns_;
    monotonic_ns_ += step_ns_;
    return now;
}

std::int64_t SimClock::monotonic_ns() {
    const std::lock_guard lock(mutex_);
    const std::int64_t now = monotonic_ns_;
    monotonic_ns_ += step_ns_;
    return now;
}

void SimClock::advance(std::int64_t duration_ns) {
    ASSERT(duration_ns >= 0);
    const std::lock_guard lock(mutex_);
    wall_ns_ += duration_ns;
    monotonic_ns_ += duration_ns;
}

void SimClock::jump_wall(std::int64_t difference_ns) {
    const std::lock_guard lock(mutex_);
    wall_ns_ += difference_ns;
}

void SimClock::set_wall(std::int64_t wall_ns) {
    const std::lock_guard lock(mutex_);
    wall_ns_ = wall_ns;
}

void SimClock::set_step(std::int64_t step_ns) {
    ASSERT(step_ns >= 0);
    const std::lock_guard lock(mutex_);
    step_ns_ = step_ns;
}

void SimRandom::fill(std::span<std::byte> out) {
    const std::lock_guard lock(mutex_);
    prng_.fill(out);
}

}  // namespace chronos::io
