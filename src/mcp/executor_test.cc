#include "mcp/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace chronos::mcp {
namespace {

TEST(ExecutorConcurrent, DoesAllThatItTook) {
    std::atomic<int> done = 0;
    Executor executor({.threads_max = 4, .queue_max = 1'000});
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(executor.run([&done] { ++done; }));
    EXPECT_TRUE(executor.wait_until_idle(10'000));
    EXPECT_EQ(done, 500);
    executor.stop();
    EXPECT_FALSE(executor.run([] {}));
}

TEST(ExecutorConcurrent, WorkThatWaitsKeepsNoOtherFromRunning) {
    Executor executor({.threads_max = 3, .queue_max = 10});
    std::latch all(3);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(executor.run([&all] { all.arrive_and_wait(); }));
    EXPECT_TRUE(executor.wait_until_idle(10'000));
}

TEST(ExecutorConcurrent, RefusesWhatWouldWaitTooLong) {
    Executor executor({.threads_max = 1, .queue_max = 2});
    std::latch begun(1);
    std::latch go_on(1);
    EXPECT_TRUE(executor.run([&] {
        begun.count_down();
        go_on.wait();
    }));
    begun.wait();
    EXPECT_TRUE(executor.run([] {}));
    EXPECT_TRUE(executor.run([] {}));
    EXPECT_FALSE(executor.run([] {}));
    EXPECT_FALSE(executor.wait_until_idle(1));
    go_on.count_down();
    executor.stop();
}

}  // namespace
}  // namespace chronos::mcp
