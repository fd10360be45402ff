#include "wal/log_segment.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace chronos::wal {
namespace {

constexpr std::uint64_t kFileSize = 100;

TEST(ZeroFrontTest, ZeroesInPiecesUpToSoMuchInFrontOfTheCommits) {
    ZeroFront front(20);
    front.begin_commit(0, 10);
    const auto first = front.begin_zeroing(30, 15, kFileSize);
    EXPECT_EQ(first.begin, 20U);
    EXPECT_EQ(first.end, 35U);
    front.end_zeroing();
    const auto second = front.begin_zeroing(30, 15, kFileSize);
    EXPECT_EQ(second.begin, 35U);
    front.end_zeroing();
    const auto none = front.begin_zeroing(30, 15, kFileSize);
    EXPECT_EQ(none.begin, none.end);
}

TEST(ZeroFrontTest, NeverZeroesWhatACommitHas) {
    ZeroFront front(20);
    front.begin_commit(10, 60);
    const auto range = front.begin_zeroing(30, 100, kFileSize);
    EXPECT_EQ(range.begin, 60U);
    EXPECT_EQ(range.end, kFileSize);
    front.end_zeroing();
    front.begin_commit(60, kFileSize);
    const auto none = front.begin_zeroing(30, 100, kFileSize);
    EXPECT_EQ(none.begin, none.end);
}

TEST(ZeroFrontTest, ACommitWaitsForZerosThatAreOnTheirWayToItsPlaceAndForNoOthers) {
    ZeroFront front;
    front.begin_commit(0, 10);
    (void)front.begin_zeroing(30, 15, kFileSize);  // [10, 25)
    front.begin_commit(25, 30);
    std::atomic<bool> is_zeroed = false;
    std::thread committer([&] {
        front.begin_commit(20, 30);
        EXPECT_TRUE(is_zeroed);
    });
    is_zeroed = true;
    front.end_zeroing();
    committer.join();
    EXPECT_EQ(front.committed_upto(), 30U);
}

}  // namespace
}  // namespace chronos::wal
