#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "chronos/store.h"

namespace chronos {
namespace {

class Backup : public testing::Test {
protected:
    void SetUp() override {
        root_ =
            std::filesystem::temp_directory_path() / ("chronos-backup-" + std::to_string(::getpid()) + "-" +
                                                      ::testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::remove_all(root_);
        std::filesystem::create_directories(root_);
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    [[nodiscard]] std::string path(const std::string& name) const { return (root_ / name).string(); }
    Store open(const std::string& name) const {
        Result<Store> store = Store::open({.directory = path(name)});
        EXPECT_TRUE(store.ok()) << store.error().message;
        return std::move(store).value();
    }
    static void append(Store& store, std::size_t events, std::size_t payload_bytes = 100) {
        const std::string payload = R"({"x":")" + std::string(payload_bytes, 'x') + "\"}";
        BatchBuilder batch;
        for (std::size_t i = 0; i < events; ++i)
            batch.add({.entity_id = "e" + std::to_string(i % 10), .event_type = "t", .payload = payload});
        ASSERT_TRUE(store.append(std::move(batch)).ok());
    }
    static std::uint64_t count(const Store& store) { return store.view()->stats()->event_count; }
    static std::string all_events(const Store& store) {
        std::string text;
        ReadOptions read{.limit = 10'000};
        const View view = *store.view();
        Page page;
        do {
            EXPECT_TRUE(view.read(read, page).ok());
            for (const EventView& event : page.events()) text += to_json(event) + "\n";
            read.cursor = page.next_cursor();
        } while (page.has_more());
        return text;
    }

    std::filesystem::path root_;
};

TEST_F(Backup, WhatARestoreThatWasBrokenOffLeftIsNamedAndNotRemoved) {
    {
        Store store = open("data");
        append(store, 10);
        ASSERT_TRUE(store.backup(path("copy")).ok());
    }
    const std::string left = path("new") + "/0190b8a0-0000-7000-8000-0000000000a1.new";
    std::filesystem::create_directories(left + "/log");
    std::ofstream(left + "/log/0.seg") << "half";
    std::ofstream(path("new") + "/LOCK") << "1";
    const auto refused = restore(path("copy"), path("new"));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
    EXPECT_NE(refused.error().message.find("broken off"), std::string::npos) << refused.error().message;
    EXPECT_TRUE(std::filesystem::exists(left));
    std::filesystem::remove_all(path("new"));
    ASSERT_TRUE(restore(path("copy"), path("new")).ok());
    EXPECT_TRUE(verify(path("new"))->intact);
}

TEST_F(Backup, RestoresToTheSameEvents) {
    std::string events;
    {
        Store store = open("data");
        append(store, 1'000);
        ASSERT_TRUE(store.create_fork({.name = "try"}).ok());
        events = all_events(store);
        const auto report = store.backup(path("copy"));
        ASSERT_TRUE(report.ok()) << report.error().message;
        EXPECT_GT(report->bytes, 100'000U);
        append(store, 10);  // not in it
    }
    const auto restored = restore(path("copy"), path("new"));
    ASSERT_TRUE(restored.ok()) << restored.error().message;
    EXPECT_TRUE(verify(path("new"))->intact);
    Store store = open("new");
    EXPECT_EQ(all_events(store), events);
    EXPECT_TRUE(store.fork("try").ok());
    append(store, 1);
    EXPECT_EQ(count(store), 1'001U);
}

TEST_F(Backup, ASecondOneCopiesOnlyWhatIsNew) {
    {
        Store filled = open("data");
        for (int i = 0; i < 40; ++i) append(filled, 1'000, 300);  // several segments
        ASSERT_TRUE(filled.close().ok());                         // They are sealed now: others are copied again.
    }
    Store store = open("data");
    const auto first = store.backup(path("copy"));
    ASSERT_TRUE(first.ok()) << first.error().message;
    EXPECT_GT(first->segment_count, 1U);
    EXPECT_EQ(first->copied_segment_count, first->segment_count);
    append(store, 10);
    const auto second = store.backup(path("copy"));
    ASSERT_TRUE(second.ok()) << second.error().message;
    EXPECT_LT(second->copied_bytes, second->bytes);
    ASSERT_TRUE(restore(path("copy"), path("new")).ok());
    EXPECT_EQ(count(open("new")), 40'010U);
}

TEST_F(Backup, TakenUnderLoadHoldsWhatWasAcknowledgedBeforeAndIsAPrefix) {
    Store store = open("data");
    std::atomic<std::uint64_t> acknowledged = 0;
    std::atomic<bool> stops = false;
    std::thread writer([&] {
        // So many that the store stays small however slow the copies are.
        constexpr int kBatchesMax = 2'000;
        for (int i = 0; i < kBatchesMax && !stops; ++i) {
            append(store, 100, 200);
            acknowledged += 100;
        }
    });
    for (int i = 0; i < 5; ++i) {
        const std::uint64_t before = acknowledged;
        const auto report = store.backup(path("copy"));
        ASSERT_TRUE(report.ok()) << report.error().message;
        const std::string target = path("new" + std::to_string(i));
        const auto restored = restore(path("copy"), target);
        ASSERT_TRUE(restored.ok()) << restored.error().message;
        const Store copy = open("new" + std::to_string(i));
        const std::uint64_t held = count(copy);
        EXPECT_GE(held, before);
        EXPECT_EQ(held % 100, 0U);  // batches are whole
        const std::string mine = all_events(copy);
        EXPECT_EQ(all_events(store).substr(0, mine.size()), mine);
    }
    stops = true;
    writer.join();
}

TEST_F(Backup, OneThatBrokeOffIsMadeAgain) {
    Store store = open("data");
    append(store, 100);
    ASSERT_TRUE(store.backup(path("copy")).ok());
    const std::string folder = path("copy") + "/" + store.database().to_string();
    std::filesystem::remove(folder + "/MANIFEST");  // as if it had been killed before it wrote one
    std::ofstream(folder + "/log/000001.log.tmp") << "half";
    EXPECT_FALSE(restore(path("copy"), path("early")).ok());
    const auto again = store.backup(path("copy"));
    ASSERT_TRUE(again.ok()) << again.error().message;
    ASSERT_TRUE(restore(path("copy"), path("new")).ok());
    EXPECT_EQ(count(open("new")), 100U);
}

TEST_F(Backup, DamageIsFoundAndNothingIsMade) {
    {
        Store store = open("data");
        append(store, 1'000);
        ASSERT_TRUE(store.backup(path("copy")).ok());
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path("copy"))) {
        if (entry.path().extension() != ".log") continue;
        std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(50'000);
        file.put('!');
    }
    const auto restored = restore(path("copy"), path("new"));
    ASSERT_FALSE(restored.ok());
    EXPECT_EQ(restored.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(Store::open({.directory = path("new"), .create_if_missing = false}).error().code, ErrorCode::kNotFound);
}

TEST_F(Backup, RefusesPlacesThatAreNoBackups) {
    Store store = open("data");
    append(store, 1);
    Store other = open("other");
    append(other, 1);
    std::filesystem::create_directories(path("used"));
    std::ofstream(path("used/file")) << "x";
    EXPECT_EQ(store.backup(path("used")).error().code, ErrorCode::kAlreadyExists);
    ASSERT_TRUE(store.backup(path("copy")).ok());
    EXPECT_EQ(other.backup(path("copy")).error().code, ErrorCode::kAlreadyExists);
    EXPECT_EQ(Store::open({.directory = path("copy")}).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(restore(path("data"), path("new")).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(restore(path("copy"), path("used")).error().code, ErrorCode::kAlreadyExists);
    Store memory = Store::open({.in_memory = true}).value();
    EXPECT_EQ(memory.backup(path("memory")).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace chronos
