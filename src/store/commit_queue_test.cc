#include "store/commit_queue.h"

#include <gtest/gtest.h>

#include "cache/image_cache.h"
#include "io/sim/sim_environment.h"

namespace chronos::store {
namespace {

const std::string kFolder = "data/0190b8a0-0000-7000-8000-000000000001";

/// A log with one group of four records in two pieces, from seq 1 to seq 5, behind one record.
class CommitQueueTest : public testing::Test {
protected:
    CommitQueueTest() {
        EXPECT_TRUE(world_.files.make_directory("data").ok());
        EXPECT_TRUE(wal::Log::create(world_.environment(), kFolder, Uuid(), {}).ok());
        log_ = wal::Log::open(world_.environment(), kFolder, {}, cache_, {}).value();
        queue_ = std::make_unique<CommitQueue>(*log_, writer_lock_, world_.clock,
                                               CommitQueue::Options{.in_memory = false, .with_thread = false}, 0,
                                               [&](std::uint64_t seq) { published_.push_back(seq); });
        append();
        const std::vector<std::size_t> sizes(4, kBodySize);
        EXPECT_TRUE(log_->make_room(sizes).ok());
        log_->begin_group(4);
        for (int i = 0; i < 4; ++i) append();
        queue_->note_appended();
    }

    void append() {
        EXPECT_TRUE(log_->reserve(kBodySize).ok());
        log_->append(next_seq_++, 1, kBodySize);
    }

    std::shared_ptr<PendingAnswer> answer_at(std::uint64_t needs_seq, Durability wanted) {
        auto pending = std::make_shared<PendingAnswer>(AppendResult(), needs_seq, wanted);
        queue_->enqueue(pending);
        return pending;
    }

    static constexpr std::size_t kBodySize = std::size_t{600} << 10;
    io::SimEnvironment world_{1};
    cache::ImageCache cache_{std::uint64_t{1} << 30};
    std::unique_ptr<wal::Log> log_;
    std::mutex writer_lock_;
    std::vector<std::uint64_t> published_;
    std::unique_ptr<CommitQueue> queue_;
    std::uint64_t next_seq_ = 0;
};

TEST_F(CommitQueueTest, PublishesAGroupAtOnce) {
    const auto before = answer_at(1, Durability::kDurable);
    const auto group = answer_at(5, Durability::kDurable);
    queue_->run_pending();
    EXPECT_EQ(log_->counters().commits, 3U);
    EXPECT_EQ(published_, (std::vector<std::uint64_t>{1, 1, 5}));
    EXPECT_TRUE(before->is_done());
    EXPECT_EQ(group->take()->durability, Durability::kDurable);
}

TEST_F(CommitQueueTest, AnswersAGroupOfLevelOsWhenItIsWritten) {
    const auto group = answer_at(5, Durability::kOs);
    queue_->run_pending();
    EXPECT_EQ(group->take()->durability, Durability::kOs);
    EXPECT_TRUE(log_->has_unsynced());
    EXPECT_LE(queue_->published_seq(), 1U);
    queue_->drain();
    EXPECT_EQ(queue_->published_seq(), 5U);
}

TEST_F(CommitQueueTest, DoesNotKnowWhetherAGroupIsThereThatCouldNotBeWritten) {
    const auto before = answer_at(1, Durability::kDurable);
    const auto group = answer_at(5, Durability::kDurable);
    world_.files.set_filter({.classes = {io::OpClass::kSync}});
    world_.files.fail_op(world_.files.op_count(), io::FaultKind::kFailedSync);
    queue_->run_pending();
    EXPECT_TRUE(queue_->is_poisoned());
    EXPECT_EQ(group->take().error().code, ErrorCode::kIndeterminate);
    EXPECT_TRUE(before->is_done());
    EXPECT_LE(queue_->published_seq(), 1U);
}

}  // namespace
}  // namespace chronos::store
