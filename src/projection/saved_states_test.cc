#include "projection/saved_states.h"

#include <gtest/gtest.h>

#include "io/sim/sim_file_system.h"

namespace chronos::projection {
namespace {

const SnapshotFile::Owner kOwner{.database = Uuid::parse("019b76da-a800-7ed2-acde-4ca71b29a114").value(),
                                 .store_epoch = 1};

class SavedStatesTest : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(disk_.make_directory("db").ok()); }

    std::unique_ptr<SavedStates> open(const SnapshotFile::Owner& owner = kOwner) {
        return std::make_unique<SavedStates>(
            disk_, cache_, SavedStates::Options{.directory = "db/snapshots", .owner = owner, .merge_count = 3});
    }
    static void add(SavedStates& saved, const std::string& entity, std::uint64_t count) {
        auto writer = saved.begin();
        ASSERT_TRUE(writer.ok()) << writer.error().message;
        FoldedState state;
        ASSERT_TRUE(
            state.tree.apply(R"({"n":)" + std::to_string(count) + "}", count, json::FoldKind::kMergePatch).ok());
        state.event_count = count;
        state.last_seq = count;
        const std::string json = state.tree.to_json();
        (*writer)->add({.key = {.hash = 7, .entity_id = entity}, .state = &state, .json = json});
        ASSERT_TRUE(saved.add(**writer).ok());
    }
    static std::string json(SavedStates& saved, const std::string& entity, const SnapshotFile::Limits& limits = {}) {
        const auto found = saved.find({.hash = 7, .entity_id = entity}, limits);
        return found ? found->json : "none";
    }
    [[nodiscard]] std::size_t file_count() const { return disk_.all_files().size(); }

    io::SimFileSystem disk_{1};
    cache::ImageCache cache_{1 << 20};
};

TEST_F(SavedStatesTest, FindsTheLongestInTheNewestFileAndShorterOnesBehind) {
    const auto saved = open();
    EXPECT_EQ(json(*saved, "order:1"), "none");
    add(*saved, "order:1", 100);
    add(*saved, "order:1", 200);
    add(*saved, "order:2", 300);
    EXPECT_EQ(json(*saved, "order:1"), R"({"n":200})");
    EXPECT_EQ(json(*saved, "order:1", {.count_max = 199}), R"({"n":100})");
    EXPECT_EQ(saved->longest({.hash = 7, .entity_id = "order:1"}), 200U);
    EXPECT_EQ(saved->longest({.hash = 7, .entity_id = "order:3"}), 0U);
    EXPECT_EQ(json(*open(), "order:1"), R"({"n":200})");
}

TEST_F(SavedStatesTest, MergesFilesOfOneTier) {
    auto saved = open();
    for (std::uint64_t i = 1; i <= 9; ++i) {
        add(*saved, "order:1", i * 100);
        while (saved->merge_once()) {
        }
    }
    EXPECT_EQ(saved->sizes().file_count, 1U);
    EXPECT_EQ(file_count(), 1U);
    EXPECT_EQ(disk_.all_files().front(), "/db/snapshots/000001-000009.snap");
    for (std::uint64_t i = 1; i <= 9; ++i)
        EXPECT_EQ(json(*saved, "order:1", {.count_max = i * 100}), R"({"n":)" + std::to_string(i * 100) + "}");
    saved = open();
    add(*saved, "order:1", 1'000);
    EXPECT_EQ(disk_.all_files().back(), "/db/snapshots/000010-000010.snap");
    EXPECT_EQ(saved->sizes().file_bytes, disk_.file_contents("db/snapshots/000001-000009.snap")->size() +
                                             disk_.file_contents("db/snapshots/000010-000010.snap")->size());
}

TEST_F(SavedStatesTest, LeavesOutWhatAMergeThatWasCutShortLeftOver) {
    auto saved = open();
    add(*saved, "order:1", 100);
    const auto first = disk_.file_contents("db/snapshots/000001-000001.snap").value();
    add(*saved, "order:1", 200);
    add(*saved, "order:1", 300);
    ASSERT_TRUE(saved->merge_once());
    ASSERT_TRUE(disk_.open("db/snapshots/000001-000001.snap", io::OpenMode::kCreate).value()->write_at(0, first).ok());
    ASSERT_TRUE(disk_.open("db/snapshots/000004-000004.snap.tmp", io::OpenMode::kCreate).ok());
    saved = open();
    EXPECT_EQ(json(*saved, "order:1"), R"({"n":300})");
    EXPECT_EQ(saved->sizes().file_count, 1U);
    add(*saved, "order:2", 100);
    EXPECT_EQ(file_count(), 2U) << "what is not used is removed";
}

TEST_F(SavedStatesTest, GoesOnWithOlderFilesWhereOneIsDamaged) {
    auto saved = open();
    add(*saved, "order:1", 100);
    add(*saved, "order:1", 200);
    const std::string newest = "db/snapshots/000002-000002.snap";
    ASSERT_TRUE(disk_.flip_bit(newest, 64 * 8).ok());  // of the state
    saved = open();
    EXPECT_EQ(json(*saved, "order:1"), R"({"n":100})");
    EXPECT_EQ(saved->sizes().file_count, 1U);
    add(*saved, "order:1", 300);
    EXPECT_FALSE(disk_.exists(newest).value());
    EXPECT_EQ(json(*saved, "order:1"), R"({"n":300})");
}

TEST_F(SavedStatesTest, ADamagedFileIsNotMerged) {
    auto saved = open();
    for (const std::uint64_t count : {100, 200, 300}) add(*saved, "order:1", count);
    saved = open();
    ASSERT_TRUE(disk_.flip_bit("db/snapshots/000002-000002.snap", 64 * 8).ok());
    EXPECT_FALSE(saved->merge_once());
    EXPECT_EQ(saved->sizes().file_count, 2U);
    EXPECT_EQ(json(*saved, "order:1", {.count_max = 299}), R"({"n":100})");
    EXPECT_EQ(json(*saved, "order:1"), R"({"n":300})");
}

TEST_F(SavedStatesTest, OfAnotherEpochAreRemovedWithTheNextTurn) {
    auto saved = open();
    add(*saved, "order:1", 100);
    saved = open({.database = kOwner.database, .store_epoch = 2});
    EXPECT_EQ(json(*saved, "order:1"), "none");
    add(*saved, "order:2", 200);
    EXPECT_EQ(file_count(), 1U);
    EXPECT_EQ(disk_.all_files().front(), "/db/snapshots/000002-000002.snap");
}

TEST_F(SavedStatesTest, AFileThatCannotBeWrittenIsLeftOut) {
    auto saved = open();
    add(*saved, "order:1", 100);
    auto writer = saved->begin();
    ASSERT_TRUE(writer.ok());
    FoldedState state;
    state.event_count = 200;
    (*writer)->add({.key = {.hash = 7, .entity_id = "order:1"}, .state = &state, .json = "{}"});
    disk_.fail_every(io::FaultKind::kNoSpace, 1);
    EXPECT_FALSE(saved->add(**writer).ok());
    disk_.clear_faults();
    writer->reset();
    EXPECT_EQ(json(*saved, "order:1"), R"({"n":100})");
    add(*saved, "order:1", 300);
    EXPECT_EQ(file_count(), 2U);
}

TEST_F(SavedStatesTest, OfAClosedStoreCanBeVerified) {
    auto saved = open();
    add(*saved, "order:1", 100);
    add(*saved, "order:1", 200);
    EXPECT_TRUE(verify_snapshots(disk_, "db/snapshots", kOwner).empty());
    EXPECT_TRUE(verify_snapshots(disk_, "db/nowhere", kOwner).empty());
    ASSERT_TRUE(disk_.flip_bit("db/snapshots/000002-000002.snap", 70 * 8).ok());
    const auto damaged = verify_snapshots(disk_, "db/snapshots", kOwner);
    ASSERT_EQ(damaged.size(), 1U);
    EXPECT_EQ(damaged.front().name, "000002-000002.snap");
}

}  // namespace
}  // namespace chronos::projection
