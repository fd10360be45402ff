#include "io/sim/sim_clock.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "io/sim/sim_environment.h"

namespace chronos::io {
namespace {

TEST(SimClockTest, StartsIn2026AndMovesWhenReadOrTold) {
    SimClock clock;
    EXPECT_EQ(clock.wall_ns(), 1'767'225'600'000'000'000);
    EXPECT_EQ(clock.wall_ns(), 1'767'225'600'000'001'000);
    clock.set_step(0);
    const std::int64_t monotonic = clock.monotonic_ns();
    const std::int64_t wall = clock.wall_ns();
    clock.advance(5);
    clock.jump_wall(-100);
    EXPECT_EQ(clock.monotonic_ns(), monotonic + 5);
    EXPECT_EQ(clock.wall_ns(), wall - 95);
    clock.set_wall(7);
    EXPECT_EQ(clock.wall_ns(), 7);
}

TEST(SimEnvironmentTest, TheSameSeedGivesTheSameRandomBytes) {
    std::array<std::byte, 19> a = {};
    std::array<std::byte, 19> b = {};
    std::array<std::byte, 19> c = {};
    SimEnvironment(1).environment().random.fill(a);
    SimEnvironment(1).environment().random.fill(b);
    SimEnvironment(2).environment().random.fill(c);
    EXPECT_EQ(a, b);
    EXPECT_NE(a, c);
}

}  // namespace
}  // namespace chronos::io
