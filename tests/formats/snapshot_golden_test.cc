// A snapshot file written long ago: it must open with the same answers for ever, and the same states must still give
// its bytes.
//
//     golden/snapshot_v1/000003-000004.snap
//
// A change of what is written is a change of docs/formats/snapshots.md. As snapshot files are derived, a new version
// need not read the old one; it must refuse it. When a change is meant: CHRONOS_UPDATE_GOLDEN=1 formats_test writes the
// file anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "io/sim/sim_file_system.h"
#include "projection/snapshot_file.h"
#include "projection/snapshot_file_writer.h"

namespace chronos::projection {
namespace {

namespace fs = std::filesystem;

const SnapshotFile::Owner kOwner{.database = Uuid::parse("019b76da-a800-7ed2-acde-4ca71b29a114").value(),
                                 .store_epoch = 2};
constexpr const char* kPath = "snapshots/000003-000004.snap";
const SnapshotKey kOrder{.hash = 0x4000'0000'0000'0001, .entity_id = "order:1"};
const SnapshotKey kCustomer{
    .hash = 0xC000'0000'0000'0002, .branch = 2, .fold = Fold::kShallow, .entity_id = "customer:Żółw"};

fs::path golden_path() { return fs::path(CHRONOS_SOURCE_DIR) / "tests/formats/golden/snapshot_v1/000003-000004.snap"; }

/// Two states of order:1 on main, and one of customer:Żółw on a fork, which has no field.
std::vector<std::byte> written() {
    io::SimFileSystem disk(1);
    EXPECT_TRUE(disk.make_directory("snapshots").ok());
    const auto writer =
        SnapshotFileWriter::create(disk, "snapshots", {.owner = kOwner, .first_turn = 3, .last_turn = 4}).value();
    FoldedState empty;
    empty.event_count = 1;
    empty.last_seq = 2'000;
    empty.max_occurred_at = -5;
    writer->add({.key = kCustomer, .state = &empty, .json = "{}", .last_recorded_at = 9'000});
    FoldedState order;
    EXPECT_TRUE(
        order.tree.apply(R"({"total":42.0,"lines":[1, 2],"note":{}})", 1'000, json::FoldKind::kMergePatch).ok());
    order.event_count = 64;
    order.late_events = 3;
    order.last_seq = 1'500;
    order.max_occurred_at = 7'000;
    writer->add({.key = kOrder, .state = &order, .json = order.tree.to_json(), .last_recorded_at = 8'000});
    EXPECT_TRUE(order.tree.apply(R"({"paid":true,"lines":null})", 1'600, json::FoldKind::kMergePatch).ok());
    order.event_count = 128;
    order.last_seq = 1'600;
    order.max_occurred_at = 7'500;
    writer->add({.key = kOrder, .state = &order, .json = order.tree.to_json(), .last_recorded_at = 8'500});
    EXPECT_EQ(writer->finish().value(), kPath);
    return disk.file_contents(kPath).value();
}

std::vector<std::byte> golden() {
    std::ifstream file(golden_path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto* begin = reinterpret_cast<const std::byte*>(text.data());
    return {begin, begin + text.size()};
}

std::string answer(const SnapshotFile& file, const SnapshotKey& key, const SnapshotFile::Limits& limits) {
    const auto entry = file.find(key, limits);
    if (!entry.ok()) return "error";
    if (!*entry) return "none";
    const auto state = file.read(**entry);
    if (!state.ok()) return "error";
    std::string text = state->json + " of " + std::to_string(state->entry.event_count) + ", late " +
                       std::to_string(state->entry.late_events) + ", seq " + std::to_string(state->entry.last_seq) +
                       ", recorded " + std::to_string(state->entry.last_recorded_at) + ", occurred " +
                       std::to_string(state->entry.max_occurred_at) + ", by";
    for (const std::uint64_t origin : state->origins) text += " " + std::to_string(origin);
    return text;
}

std::vector<std::string> answers(const SnapshotFile& file) {
    return {answer(file, kOrder, {}), answer(file, kOrder, {.count_max = 127}),
            answer(file, kOrder, {.as_of = Timestamp{6'999}}), answer(file, kCustomer, {})};
}

const std::vector<std::string> kAnswers = {
    R"({"total":42.0,"note":{},"paid":true} of 128, late 3, seq 1600, recorded 8500, occurred 7500, by 1000 1000 1600)",
    R"({"total":42.0,"lines":[1, 2],"note":{}} of 64, late 3, seq 1500, recorded 8000, occurred 7000, by 1000 1000 1000)",
    "none", "{} of 1, late 0, seq 2000, recorded 9000, occurred -5, by"};

class GoldenSnapshotFile : public ::testing::Test {
protected:
    void SetUp() override {
        if (std::getenv("CHRONOS_UPDATE_GOLDEN") != nullptr) {
            const std::vector<std::byte> bytes = written();
            fs::create_directories(golden_path().parent_path());
            std::ofstream(golden_path(), std::ios::binary)
                .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        }
        ASSERT_TRUE(disk_.make_directory("snapshots").ok());
        ASSERT_TRUE(disk_.open(kPath, io::OpenMode::kCreate).value()->write_at(0, golden()).ok());
    }

    io::SimFileSystem disk_{1};
};

TEST_F(GoldenSnapshotFile, GivesTheSameAnswersForEver) {
    cache::ImageCache cache(1 << 20);
    const auto file = SnapshotFile::open(disk_, cache, kPath, kOwner);
    ASSERT_TRUE(file.ok()) << file.error().message;
    EXPECT_EQ(answers(**file), kAnswers);
    EXPECT_TRUE((*file)->verify().ok());
}

TEST_F(GoldenSnapshotFile, IsStillWrittenWithTheSameBytes) {
    const std::vector<std::byte> before = golden();
    const std::vector<std::byte> now = written();
    const auto differs = std::mismatch(before.begin(), before.end(), now.begin(), now.end());
    EXPECT_TRUE(before == now) << "differs from byte " << differs.first - before.begin()
                               << "; see docs/formats/snapshots.md and the head of this test";
}

TEST_F(GoldenSnapshotFile, ShowsEveryFlippedBitRatherThanAWrongAnswer) {
    const std::size_t bits = 8 * golden().size();
    for (std::size_t bit = 0; bit < bits; ++bit) {
        ASSERT_TRUE(disk_.flip_bit(kPath, bit).ok());
        cache::ImageCache cache(1 << 20);
        if (const auto file = SnapshotFile::open(disk_, cache, kPath, kOwner); file.ok()) {
            EXPECT_FALSE((*file)->verify().ok()) << "bit " << bit;
            const std::vector<std::string> found = answers(**file);
            for (std::size_t i = 0; i < found.size(); ++i)
                EXPECT_TRUE(found[i] == kAnswers[i] || found[i] == "error") << "bit " << bit << ": " << found[i];
        }
        ASSERT_TRUE(disk_.flip_bit(kPath, bit).ok());
    }
}

}  // namespace
}  // namespace chronos::projection
