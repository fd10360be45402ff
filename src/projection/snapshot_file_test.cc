#include "projection/snapshot_file.h"

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "io/sim/sim_file_system.h"
#include "projection/snapshot_file_writer.h"

namespace chronos::projection {
namespace {

const SnapshotFile::Owner kOwner{.database = Uuid::parse("019b76da-a800-7ed2-acde-4ca71b29a114").value(),
                                 .store_epoch = 3};

class SnapshotFileTest : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(disk_.make_directory("snapshots").ok()); }

    struct Saved {
        std::uint64_t hash;
        std::string entity;
        std::uint64_t count;
        std::int64_t max_occurred_at = 0;
        event::BranchNumber branch = 0;
        Fold fold = Fold::kMergePatch;
    };
    std::shared_ptr<SnapshotFile> write(std::uint32_t turn, const std::vector<Saved>& states) {
        auto writer =
            SnapshotFileWriter::create(disk_, "snapshots", {.owner = kOwner, .first_turn = turn, .last_turn = turn});
        EXPECT_TRUE(writer.ok());
        for (const Saved& saved : states) {
            FoldedState state;
            EXPECT_TRUE(state.tree
                            .apply(R"({"n":)" + std::to_string(saved.count) + R"(,"of":")" + saved.entity +
                                       R"(","list":[1, 2.0]})",
                                   saved.count + 6, json::FoldKind::kMergePatch)
                            .ok());
            state.event_count = saved.count;
            state.last_seq = saved.count + 10;
            state.max_occurred_at = saved.max_occurred_at;
            const std::string json = state.tree.to_json();
            (*writer)->add(
                {.key = {.hash = saved.hash, .branch = saved.branch, .fold = saved.fold, .entity_id = saved.entity},
                 .state = &state,
                 .json = json,
                 .last_recorded_at = 77});
        }
        return open((*writer)->finish().value()).value();
    }
    Result<std::shared_ptr<SnapshotFile>> open(const std::string& path, const SnapshotFile::Owner& owner = kOwner) {
        return SnapshotFile::open(disk_, cache_, path, owner);
    }
    static std::uint64_t count(const SnapshotFile& file, const SnapshotKey& key,
                               const SnapshotFile::Limits& limits = {}) {
        const auto found = file.find(key, limits);
        EXPECT_TRUE(found.ok()) << found.error().message;
        return found.ok() && *found ? (*found)->event_count : 0;
    }

    io::SimFileSystem disk_{1};
    cache::ImageCache cache_{1 << 20};
};

TEST_F(SnapshotFileTest, FindsTheLongestStateWithinTheLimits) {
    const auto file = write(1, {{9, "order:2", 5, 50},
                                {7, "order:1", 300, 30},
                                {7, "order:1", 100, 10},
                                {7, "order:1", 200, 20},
                                {7, "order:1", 400, 1, 2},
                                {7, "order:1", 150, 1, 0, Fold::kShallow}});
    const SnapshotKey order{.hash = 7, .entity_id = "order:1"};
    EXPECT_EQ(count(*file, order), 300U);
    EXPECT_EQ(count(*file, order, {.count_max = 299}), 200U);
    EXPECT_EQ(count(*file, order, {.count_max = 99}), 0U);
    EXPECT_EQ(count(*file, order, {.as_of = Timestamp{29}}), 200U);
    EXPECT_EQ(count(*file, order, {.count_max = 150, .as_of = Timestamp{29}}), 100U);
    EXPECT_EQ(count(*file, order, {.as_of = Timestamp{9}}), 0U);
    EXPECT_EQ(count(*file, {.hash = 7, .branch = 2, .entity_id = "order:1"}), 400U);
    EXPECT_EQ(count(*file, {.hash = 7, .fold = Fold::kShallow, .entity_id = "order:1"}), 150U);
    EXPECT_EQ(count(*file, {.hash = 7, .entity_id = "order:3"}), 0U);
    EXPECT_EQ(count(*file, {.hash = 8, .entity_id = "order:1"}), 0U);
    EXPECT_EQ(count(*file, {.hash = 9, .entity_id = "order:2"}), 5U);
    EXPECT_EQ(count(*file, {.hash = 10, .entity_id = "order:2"}), 0U);
    EXPECT_TRUE(file->verify().ok());
}

TEST_F(SnapshotFileTest, GivesBackTextAndOrigins) {
    const auto file = write(1, {{7, "order:1", 100}});
    const auto entry = file->find({.hash = 7, .entity_id = "order:1"}, {});
    const auto state = file->read(**entry);
    ASSERT_TRUE(state.ok());
    EXPECT_EQ(state->json, R"({"n":100,"of":"order:1","list":[1, 2.0]})");
    EXPECT_EQ(state->origins, std::vector<std::uint64_t>(3, 106));
    EXPECT_EQ(state->entry.last_recorded_at, 77);
}

TEST_F(SnapshotFileTest, OfManyStatesFindsEach) {
    std::vector<Saved> states;
    for (std::uint64_t i = 0; i < 2'000; ++i)
        states.push_back({i * 0x9E3779B97F4A7C15, "entity:" + std::to_string(i % 500), 64 + i / 500 * 64});
    // One hash for all states of an entity.
    for (Saved& state : states) state.hash = base::xxh3_64(state.entity, 1);
    const auto file = write(1, states);
    for (const Saved& state : states) {
        const SnapshotKey key{.hash = state.hash, .entity_id = state.entity};
        ASSERT_EQ(count(*file, key, {.count_max = state.count}), state.count);
    }
    EXPECT_TRUE(file->verify().ok());
}

TEST_F(SnapshotFileTest, MergedHoldsWhatItsPartsHeld) {
    std::vector<std::shared_ptr<SnapshotFile>> parts;
    for (std::uint32_t turn = 1; turn <= 3; ++turn) {
        std::vector<Saved> states;
        for (std::uint64_t i = 0; i < 300; ++i)
            states.push_back({i % 7 * 1'000, "entity:" + std::to_string(i % 7), turn * 1'000 + i});
        parts.push_back(write(turn, states));
    }
    const auto path = SnapshotFileWriter::merge(disk_, "snapshots", kOwner, parts);
    ASSERT_TRUE(path.ok()) << path.error().message;
    EXPECT_EQ(*path, "snapshots/000001-000003.snap");
    const auto merged = open(*path);
    ASSERT_TRUE(merged.ok()) << merged.error().message;
    EXPECT_EQ((*merged)->entry_count(), 900U);
    EXPECT_TRUE((*merged)->verify().ok());
    for (std::uint64_t i = 0; i < 7; ++i) {
        const std::string entity = "entity:" + std::to_string(i);
        const SnapshotKey key{.hash = i * 1'000, .entity_id = entity};
        for (const auto& part : parts) {
            const std::uint64_t longest = count(*part, key);
            EXPECT_EQ(count(**merged, key, {.count_max = longest}), longest);
        }
        const auto entry = (*merged)->find(key, {});
        EXPECT_NE((*merged)->read(**entry)->json.find(entity), std::string::npos);
    }
}

TEST_F(SnapshotFileTest, OfAnotherStoreOrEpochOrVersionIsNotUsed) {
    const std::string path = write(1, {{7, "order:1", 100}})->path();
    SnapshotFile::Owner other = kOwner;
    other.store_epoch = 4;
    EXPECT_EQ(open(path, other).error().code, ErrorCode::kCorrupt);
    other = kOwner;
    other.database.bytes[0] ^= std::byte{1};
    EXPECT_EQ(open(path, other).error().code, ErrorCode::kCorrupt);
    const std::array<std::byte, 1> next_version{std::byte{2}};
    ASSERT_TRUE(disk_.corrupt(path, 8, next_version).ok());
    EXPECT_EQ(open(path).error().code, ErrorCode::kUnsupported);
}

TEST_F(SnapshotFileTest, CutOffOrEmptyIsNotUsed) {
    const std::string path = write(1, {{7, "order:1", 100}})->path();
    const auto whole = disk_.file_contents(path).value();
    for (const std::size_t size : {std::size_t{0}, std::size_t{63}, std::size_t{191}, whole.size() - 1}) {
        ASSERT_TRUE(disk_.open(path, io::OpenMode::kReadWrite).value()->truncate(size).ok());
        EXPECT_FALSE(open(path).ok()) << size;
        ASSERT_TRUE(disk_.open(path, io::OpenMode::kReadWrite).value()->write_at(0, whole).ok());
        EXPECT_TRUE(open(path).ok());
    }
}

TEST_F(SnapshotFileTest, IsNamedByItsTurns) {
    EXPECT_EQ(snapshot_file_name(9, 16), "000009-000016.snap");
    EXPECT_EQ(parse_snapshot_file_name("000009-000016.snap"), std::pair(9U, 16U));
    EXPECT_EQ(parse_snapshot_file_name("1000000-1000001.snap"), std::pair(1'000'000U, 1'000'001U));
    for (const char* other : {"9-16.snap", "000016-000009.snap", "000009-000016.snap.tmp", "000009.snap", ".snap",
                              "-.snap", "0000009-000016.snap", "99999999999-99999999999.snap"})
        EXPECT_FALSE(parse_snapshot_file_name(other)) << other;
}

}  // namespace
}  // namespace chronos::projection
