// When forks end that are past their time: by the clock, as long as somebody vouches for it.
#include <gtest/gtest.h>

#include "event/batch_content.h"
#include "io/sim/sim_environment.h"
#include "store/database.h"
#include "store/view.h"

namespace chronos::store {
namespace {

constexpr std::int64_t kMinuteNs = 60'000'000'000;
constexpr std::int64_t kHourNs = 60 * kMinuteNs;
constexpr std::int64_t kDayNs = 24 * kHourNs;

class ForkExpiry : public ::testing::Test {
protected:
    void SetUp() override { open(); }

    void open(std::uint32_t fork_limit = 1'000, bool accept_clock = false) {
        DatabaseOptions options;
        options.with_threads = false;
        options.fork_limit = fork_limit;
        options.accept_clock = accept_clock;
        auto opened = Database::open(sim_.environment(), "/store", true, options);
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        database_ = std::move(opened).value();
    }
    void close() {
        ASSERT_TRUE(database_->close().ok());
        database_.reset();
    }
    Status append(const std::string& branch = "main") {
        BatchBuilder batch;
        batch.add({.entity_id = "order:1", .event_type = "order.placed", .payload = "{}"});
        auto answer = database_->append(std::move(batch.content()), {.branch = branch});
        return answer.ok() ? Status() : Status(std::move(answer).error());
    }
    ForkStatus status(const std::string& name) {
        return database_->branches().find(name, database_->published_seq())->status;
    }

    io::SimEnvironment sim_{1};
    std::unique_ptr<Database> database_;
};

TEST_F(ForkExpiry, AStoreThatWasClosedForLessThanAnHourEndsThemWhenItIsOpened) {
    ASSERT_TRUE(database_->create_fork({.name = "f", .ttl_ns = 10 * kMinuteNs}).ok());
    close();
    sim_.clock.advance(30 * kMinuteNs);
    open();
    EXPECT_EQ(status("f"), ForkStatus::kExpired);
}

TEST_F(ForkExpiry, AStoreThatWasClosedForADayEndsThemWithItsFirstAppend) {
    ASSERT_TRUE(database_->create_fork({.name = "f", .ttl_ns = kHourNs}).ok());
    ASSERT_TRUE(database_->create_fork({.name = "longer", .ttl_ns = 2 * kDayNs}).ok());
    close();
    sim_.clock.advance(kDayNs);
    open();
    ASSERT_TRUE(database_->maintain().ok());
    EXPECT_EQ(status("f"), ForkStatus::kLive);
    EXPECT_TRUE(pin_view(*database_, {.branch = "f"}).ok());
    ASSERT_TRUE(append().ok());
    ASSERT_TRUE(database_->maintain().ok());
    EXPECT_EQ(status("f"), ForkStatus::kExpired);
    EXPECT_EQ(status("longer"), ForkStatus::kLive);
}

TEST_F(ForkExpiry, AClockThatWasWrongForAWhileEndsNone) {
    ASSERT_TRUE(database_->create_fork({.name = "f", .ttl_ns = kHourNs}).ok());
    close();
    sim_.clock.jump_wall(30 * kDayNs);
    open();
    ASSERT_TRUE(database_->maintain().ok());
    close();
    sim_.clock.jump_wall(-30 * kDayNs);
    open();
    ASSERT_TRUE(append("f").ok());
    EXPECT_EQ(status("f"), ForkStatus::kLive);
}

TEST_F(ForkExpiry, AClockThatJumpsWhileTheStoreIsOpenEndsNone) {
    ASSERT_TRUE(database_->create_fork({.name = "f", .ttl_ns = kHourNs}).ok());
    sim_.clock.jump_wall(30 * kDayNs);
    EXPECT_EQ(database_->expire_forks().error().code, ErrorCode::kClockSuspect);
    EXPECT_EQ(status("f"), ForkStatus::kLive);
    database_->confirm_clock();
    EXPECT_TRUE(database_->expire_forks().ok());
    EXPECT_EQ(status("f"), ForkStatus::kExpired);
}

TEST_F(ForkExpiry, AnIdleStoreEndsThemWhenTheyAreDue) {
    ASSERT_TRUE(database_->create_fork({.name = "f", .ttl_ns = kDayNs}).ok());
    sim_.clock.advance(kDayNs - 1'000'000);
    ASSERT_TRUE(database_->maintain().ok());
    EXPECT_EQ(status("f"), ForkStatus::kLive);
    sim_.clock.advance(2'000'000);
    ASSERT_TRUE(database_->maintain().ok());
    EXPECT_EQ(status("f"), ForkStatus::kExpired);
}

TEST_F(ForkExpiry, ConfirmingTheClockEndsThem) {
    ASSERT_TRUE(database_->create_fork({.name = "f", .ttl_ns = kHourNs}).ok());
    ASSERT_TRUE(database_->create_fork({.name = "g", .ttl_ns = 3 * kDayNs}).ok());
    close();
    sim_.clock.advance(kDayNs);
    open();
    database_->confirm_clock();
    ASSERT_TRUE(database_->maintain().ok());
    EXPECT_EQ(status("f"), ForkStatus::kExpired);
    close();
    sim_.clock.advance(3 * kDayNs);
    open(1'000, true);
    EXPECT_EQ(status("g"), ForkStatus::kExpired);
}

TEST_F(ForkExpiry, AForkThatIsOverdueCanStillBeExtendedOrMerged) {
    for (const char* name : {"extended", "merged", "left"})
        ASSERT_TRUE(database_->create_fork({.name = name, .ttl_ns = kHourNs}).ok());
    ASSERT_TRUE(append("merged").ok());
    close();
    sim_.clock.advance(kDayNs);
    open();
    ASSERT_TRUE(database_->extend_fork("extended", kDayNs).ok());
    EXPECT_TRUE(database_->merge_fork("merged", {})->merged);
    ASSERT_TRUE(database_->maintain().ok());
    EXPECT_EQ(status("extended"), ForkStatus::kLive);
    EXPECT_EQ(status("merged"), ForkStatus::kMerged);
    EXPECT_EQ(status("left"), ForkStatus::kExpired);
}

TEST_F(ForkExpiry, ThoseThatAreDueMakeRoomForANewOneAndFreeTheirNames) {
    close();
    open(2);
    ASSERT_TRUE(database_->create_fork({.name = "f", .ttl_ns = kHourNs}).ok());
    ASSERT_TRUE(database_->create_fork({.name = "g", .ttl_ns = kHourNs}).ok());
    close();
    sim_.clock.advance(kDayNs);
    open(2);
    const auto fork = database_->create_fork({.name = "f"});
    ASSERT_TRUE(fork.ok()) << fork.error().message;
    EXPECT_EQ(status("g"), ForkStatus::kExpired);
}

}  // namespace
}  // namespace chronos::store
