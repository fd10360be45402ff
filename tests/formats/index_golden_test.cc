// An index file written long ago: it must open with the same answers for ever, and the same content
// must still give its bytes.
//
//     golden/index_v1/000003-000004.idx      the worked example of docs/formats/index.md
//
// A change of what is written is a change of docs/formats/index.md. As index files are derived, a
// new version need not read the old one; it must refuse it. When a change is meant:
// CHRONOS_UPDATE_GOLDEN=1 formats_test writes the file anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "index/index_file.h"
#include "io/sim/sim_file_system.h"

namespace chronos::index {
namespace {

namespace fs = std::filesystem;

const Uuid kDatabase = Uuid::parse("019b76da-a800-7ed2-acde-4ca71b29a114").value();
constexpr const char* kPath = "index/000003-000004.idx";
constexpr std::uint64_t kOrderHash = 0x4000'0000'0000'0001;     // order:1 on main
constexpr std::uint64_t kCustomerHash = 0xC000'0000'0000'0002;  // customer:Żółw on branch 2
constexpr std::uint64_t kIdHash = 0x1234'5678'9ABC'DEF0;        // of two events

fs::path golden_path() { return fs::path(CHRONOS_SOURCE_DIR) / "tests/formats/golden/index_v1/000003-000004.idx"; }

/// Events 1022 to 1026: three of order:1, then two of customer:Żółw on a fork. Segment 4 begins
/// with the fork.
IndexContent content() {
    IndexContent content;
    content.begin_seq = 1022;
    content.end_seq = 1027;
    content.segments = {{.number = 3,
                         .last_crc = 0xAABBCCDD,
                         .salt = 33,
                         .first_seq = 1022,
                         .end_seq = 1025,
                         .end_offset = 20'480,
                         .last_epoch = 1,
                         .first_block_crc = 0,
                         .main_end_position = 900,
                         .last_recorded_at = 5000},
                        {.number = 4,
                         .last_crc = 0x11223344,
                         .salt = 44,
                         .first_seq = 1025,
                         .end_seq = 1027,
                         .end_offset = 8192,
                         .last_epoch = 2,
                         .first_block_crc = 2,
                         .main_end_position = 900,
                         .last_recorded_at = 7000}};
    content.block_crcs = {1, 2, 3};
    content.runs = {{.branch = 0, .first_position = 897, .first_seq = 1022, .count = 3},
                    {.branch = 2, .first_position = 900, .first_seq = 1025, .count = 2}};
    content.stripes = {{3000, 1000, 4000}, {5000, -1, 7000}};
    content.offsets = {512, 528, 544, 512, 528};
    content.places = {5, 6, 7, 0, 1};
    auto& entities = content.dictionaries[static_cast<std::size_t>(KeyKind::kEntity)];
    entities.keys = {{.hash = kCustomerHash,
                      .key = "customer:Żółw",
                      .branch = 2,
                      .count = 2,
                      .first_posting = 0,
                      .first_place = 0,
                      .previous_seq = kNoSeq,
                      .stream_first_seq = 1025},
                     {.hash = kOrderHash,
                      .key = "order:1",
                      .branch = 0,
                      .count = 3,
                      .first_posting = 2,
                      .first_place = 5,
                      .previous_seq = 1019,
                      .stream_first_seq = 7}};
    entities.postings = {3, 4, 0, 1, 2};
    auto& types = content.dictionaries[static_cast<std::size_t>(KeyKind::kType)];
    types.keys = {{.hash = 9, .key = "order.placed", .branch = 0, .count = 3, .first_posting = 0}};
    types.postings = {0, 1, 2};
    content.ids = {{kIdHash, 4}, {7, 0}, {kIdHash, 1}};
    content.batches = {{0xFFFF'FFFF'FFFF'FFFF, 0}};
    return content;
}

std::vector<std::byte> written() {
    io::SimFileSystem disk(1);
    EXPECT_TRUE(disk.make_directory("index").ok());
    EXPECT_EQ(write_index_file(disk, "index", kDatabase, content()).value(), kPath);
    return disk.file_contents(kPath).value();
}

std::vector<std::byte> golden() {
    std::ifstream file(golden_path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto* begin = reinterpret_cast<const std::byte*>(text.data());
    return {begin, begin + text.size()};
}

/// All answers of a file as text, up to the first error.
class Answers {
public:
    explicit Answers(const IndexFile& file) : file_(file) {
        text_ = std::to_string(file.begin_seq()) + "-" + std::to_string(file.end_seq()) + "\n";
        for (const TimeStripe& stripe : file.stripes())
            add({stripe.first_recorded_at, stripe.min_occurred_at, stripe.max_occurred_at});
        for (const IndexedRun& run : file.runs())
            add({run.branch, static_cast<std::int64_t>(run.first_position), static_cast<std::int64_t>(run.count)});
        ask_places();
        ask_keys();
        ask_ids();
        if (error_.empty() && !file.verify().ok()) error_ = "verify";
    }

    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] const std::string& error() const { return error_; }

private:
    void add(std::initializer_list<std::int64_t> numbers) {
        for (const std::int64_t number : numbers) text_ += std::to_string(number) + " ";
        text_ += "\n";
    }
    bool is_ok(const Status& status) {
        if (!status.ok() && error_.empty()) error_ = status.error().message;
        return status.ok();
    }

    void ask_places() {
        const std::array<std::uint64_t, 5> seqs{1026, 1022, 1023, 1024, 1025};
        std::array<std::uint32_t, 5> offsets{};
        std::array<std::uint32_t, 5> places{};
        if (!is_ok(file_.locate(seqs, offsets.data(), places.data()))) return;
        for (std::size_t i = 0; i < seqs.size(); ++i)
            add({static_cast<std::int64_t>(file_.segments()[file_.segment_of(seqs[i])].number), offsets[i], places[i]});
    }

    void ask(KeyKind kind, std::uint64_t hash, event::BranchNumber branch, std::string_view key) {
        auto found = file_.find(kind, hash, branch, key);
        if (!found.ok()) return void(is_ok(std::move(found).error()));
        if (!found->has_value()) return void(text_ += std::string(key) + " is not there\n");
        const FileList list = **found;
        std::vector<std::uint64_t> seqs(list.count);
        if (!is_ok(file_.read(kind, list, 0, seqs))) return;
        auto below = file_.count_below(kind, list, seqs.back());
        if (!below.ok()) return void(is_ok(std::move(below).error()));
        text_ += std::string(key) + ": ";
        for (const std::uint64_t seq : seqs) text_ += std::to_string(seq) + " ";
        add({static_cast<std::int64_t>(list.first_place), static_cast<std::int64_t>(list.previous_seq), *below});
    }
    void ask_keys() {
        ask(KeyKind::kEntity, kOrderHash, 0, "order:1");
        ask(KeyKind::kEntity, kOrderHash, 1, "order:1");
        ask(KeyKind::kEntity, kCustomerHash, 2, "customer:Żółw");
        ask(KeyKind::kType, 9, 0, "order.placed");
        ask(KeyKind::kActor, 9, 0, "ana");
        is_ok(file_.for_each_key(KeyKind::kEntity, [&](const IndexFile::KeyEntry& entry) {
            text_ += std::string(entry.key) + " from " + std::to_string(entry.stream_first_seq) + "\n";
            return true;
        }));
    }
    void ask_ids() {
        const auto seq = [&](std::uint64_t s) {
            add({static_cast<std::int64_t>(s)});
            return false;
        };
        for (const std::uint64_t hash : {kIdHash, std::uint64_t{7}, std::uint64_t{8}})
            is_ok(file_.for_each_id(hash, seq));
        is_ok(file_.for_each_batch(0xFFFF'FFFF'FFFF'FFFF, seq));
    }

    const IndexFile& file_;
    std::string text_;
    std::string error_;
};

constexpr const char* kAnswers =
    "1022-1027\n"
    "3000 1000 4000 \n"
    "5000 -1 7000 \n"
    "0 897 3 \n"
    "2 900 2 \n"
    "4 528 1 \n"
    "3 512 5 \n"
    "3 528 6 \n"
    "3 544 7 \n"
    "4 512 0 \n"
    "order:1: 1022 1023 1024 5 1019 2 \n"
    "order:1 is not there\n"
    "customer:Żółw: 1025 1026 0 -1 1 \n"
    "order.placed: 1022 1023 1024 0 -1 2 \n"
    "ana is not there\n"
    "order:1 from 7\n"
    "customer:Żółw from 1025\n"
    "1023 \n"
    "1026 \n"
    "1022 \n"
    "1022 \n";

bool is_right(const std::string& line) {
    return ("\n" + std::string(kAnswers)).find("\n" + line + "\n") != std::string::npos;
}

class GoldenIndexFile : public ::testing::Test {
protected:
    void SetUp() override {
        if (std::getenv("CHRONOS_UPDATE_GOLDEN") != nullptr) {
            const std::vector<std::byte> bytes = written();
            fs::create_directories(golden_path().parent_path());
            std::ofstream(golden_path(), std::ios::binary)
                .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        }
        ASSERT_TRUE(disk_.make_directory("index").ok());
        ASSERT_TRUE(disk_.open(kPath, io::OpenMode::kCreate).value()->write_at(0, golden()).ok());
    }

    io::SimFileSystem disk_{1};
};

TEST_F(GoldenIndexFile, GivesTheSameAnswersForEver) {
    cache::ImageCache cache(1 << 20);
    const auto file = IndexFile::open(disk_, cache, kPath, kDatabase);
    ASSERT_TRUE(file.ok()) << file.error().message;
    const Answers answers(**file);
    EXPECT_EQ(answers.error(), "");
    EXPECT_EQ(answers.text(), kAnswers);
}

TEST_F(GoldenIndexFile, IsStillWrittenWithTheSameBytes) {
    const std::vector<std::byte> before = golden();
    const std::vector<std::byte> now = written();
    const auto differs = std::mismatch(before.begin(), before.end(), now.begin(), now.end());
    EXPECT_TRUE(before == now) << "differs from byte " << differs.first - before.begin()
                               << "; see docs/formats/index.md and the head of this test";
}

TEST_F(GoldenIndexFile, ShowsEveryFlippedBitRatherThanAWrongAnswer) {
    const std::size_t bits = 8 * golden().size();
    for (std::size_t bit = 0; bit < bits; ++bit) {
        ASSERT_TRUE(disk_.flip_bit(kPath, bit).ok());
        cache::ImageCache cache(1 << 20);
        if (const auto file = IndexFile::open(disk_, cache, kPath, kDatabase); file.ok()) {
            const Answers answers(**file);
            EXPECT_NE(answers.error(), "") << "bit " << bit;
            std::istringstream lines(answers.text());
            for (std::string line; std::getline(lines, line);)
                EXPECT_TRUE(is_right(line)) << "bit " << bit << ": " << line;
        }
        ASSERT_TRUE(disk_.flip_bit(kPath, bit).ok());
    }
}

}  // namespace
}  // namespace chronos::index
