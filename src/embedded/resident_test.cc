// Reads for threads that must not wait: what is not in memory is said to be so, and the disk is left alone.
#include <gtest/gtest.h>

#include "embedded/engine.h"
#include "io/sim/sim_environment.h"

namespace chronos {
namespace {

/// A store on a simulated disk, in small segments.
class Resident : public testing::Test {
protected:
    Resident() { open(); }

    void open() {
        store::DatabaseOptions options;
        options.log.segment_size_min = 16 << 10;
        options.log.segment_size_max = 64 << 10;
        options.with_threads = false;
        auto opened = store::Database::open(sim_.environment(), "/store", true, options);
        EXPECT_TRUE(opened.ok()) << opened.error().message;
        auto impl = std::make_unique<Store::Impl>();
        impl->engine = std::make_shared<Engine>(std::move(opened).value());
        store_.emplace(Store(std::move(impl)));
    }

    void append(const std::string& entity_id, int count) {
        for (int i = 0; i < count; ++i) {
            const NewEvent event{
                .entity_id = entity_id, .event_type = "t", .payload = R"({"text":")" + std::string(500, 'x') + R"("})"};
            ASSERT_TRUE(store_->append(event).ok());
        }
    }
    /// Sixty events on disk, sixty in memory, others between and behind them.
    void fill() {
        append("order:1", 60);
        append("other", 2'000);
        ASSERT_TRUE(store_->close().ok());
        open();
        append("order:1", 60);
        append("other", 5);
    }
    /// Whether the last `count` events of the entity are given, without the disk in any case.
    bool has_last(std::uint32_t count, const ViewOptions& options = {}) {
        const View view = store_->view(options).value();
        const std::uint64_t operations = sim_.files.op_count();
        Page page;
        const Status read = view.read_last_resident("order:1", count, page);
        EXPECT_EQ(sim_.files.op_count(), operations);
        EXPECT_EQ(page.events().size(), read.ok() ? count : 0);
        if (read.ok()) {
            EXPECT_TRUE(page.has_more());
        } else {
            EXPECT_EQ(read.error().code, ErrorCode::kWouldBlock);
        }
        for (std::size_t i = 0; i < page.events().size(); ++i)
            EXPECT_EQ(page.events()[i].version, Version{page.events().front().version.value - i});
        return read.ok();
    }

    io::SimEnvironment sim_{1};
    std::optional<Store> store_;
};

TEST_F(Resident, TheLastEventsAreGivenAsFarAsTheyAreInMemory) {
    fill();
    for (const std::uint32_t count : {1U, 20U, 32U, 33U, 60U}) EXPECT_TRUE(has_last(count)) << count;
    for (const std::uint32_t count : {61U, 100U, 119U}) EXPECT_FALSE(has_last(count)) << count;
}

TEST_F(Resident, WhatWasReadOfTheDiskIsInMemory) {
    fill();
    EXPECT_FALSE(has_last(100));
    Page page;
    ASSERT_TRUE(store_->view()->read_entity("order:1", {.order = Order::kBackward, .limit = 101}, page).ok());
    for (const std::uint32_t count : {61U, 100U}) EXPECT_TRUE(has_last(count)) << count;
}

TEST_F(Resident, AViewOfATimeIsNotReadFromDiskEither) {
    fill();
    const ViewOptions today{.as_of = Timestamp{sim_.clock.wall_ns()}};
    EXPECT_TRUE(has_last(10, today));
    EXPECT_FALSE(has_last(61, today));
}

TEST_F(Resident, AllOfThemAreAllThereAre) {
    append("order:1", 70);
    Page page;
    ASSERT_TRUE(store_->view()->read_last_resident("order:1", 70, page).ok());
    EXPECT_EQ(page.events().size(), 70U);
    EXPECT_FALSE(page.has_more());
    ASSERT_TRUE(store_->view()->read_last_resident("order:1", 100, page).ok());
    EXPECT_EQ(page.events().size(), 70U);
    EXPECT_EQ(store_->view()->read_last_resident("order:1", 100'001, page).error().code, ErrorCode::kLimitExceeded);
}

TEST_F(Resident, APageOfOneEntityTouchesNothingBehindItsEvents) {
    fill();
    const View view = store_->view().value();
    const std::uint64_t operations = sim_.files.op_count();
    Page page;
    Filter filter;
    filter.entity_ids = {"order:1"};
    ASSERT_TRUE(view.read({.filter = filter, .order = Order::kBackward, .limit = 59}, page).ok());
    EXPECT_EQ(page.events().size(), 59U);
    EXPECT_TRUE(page.has_more());
    EXPECT_EQ(view.count(filter).value(), 120U);
    EXPECT_EQ(sim_.files.op_count(), operations);
    ASSERT_TRUE(view.read({.filter = filter, .order = Order::kBackward, .limit = 60}, page).ok());
    EXPECT_GT(sim_.files.op_count(), operations) << "whether there is more is on disk";
}

}  // namespace
}  // namespace chronos
