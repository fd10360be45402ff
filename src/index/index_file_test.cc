#include "index/index_file.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "index/id_filter.h"
#include "index/made_up_answers.h"
#include "index/made_up_log.h"
#include "io/sim/prng.h"
#include "io/sim/sim_file_system.h"

namespace chronos::index {
namespace {

const Uuid kDatabase = Uuid::parse("019b76da-a800-7ed2-acde-4ca71b29a114").value();

class IndexFileTest : public testing::Test {
protected:
    IndexFileTest() { EXPECT_TRUE(disk_.make_directory("index").ok()); }

    std::string write(const MadeUpLog& log) {
        auto path = write_index_file(disk_, "index", kDatabase, log.content(0, log.segment_count()));
        EXPECT_TRUE(path.ok()) << path.error().message;
        return path.ok() ? *path : "";
    }
    std::shared_ptr<IndexFile> open(const std::string& path, cache::ImageCache& cache) {
        auto file = IndexFile::open(disk_, cache, path, kDatabase);
        EXPECT_TRUE(file.ok()) << file.error().message;
        return file.ok() ? *file : nullptr;
    }
    void expect_round_trip(const MadeUpLog::Options& options) {
        const MadeUpLog log(options);
        const auto file = open(write(log), cache_);
        ASSERT_NE(file, nullptr);
        EXPECT_EQ(check_answers(*file, log, 0, log.segment_count()), "");
        EXPECT_TRUE(file->verify().ok());
    }

    io::SimFileSystem disk_{1};
    cache::ImageCache cache_{1 << 30};
};

TEST_F(IndexFileTest, ANameSpeaksOfItsSegments) {
    EXPECT_EQ(index_file_name({1, 8}), "000001-000008.idx");
    EXPECT_EQ(index_file_name({1, 8, 2}), "000001-000008-2.idx");
    EXPECT_EQ(parse_index_file_name("000001-000008.idx"), (IndexFileName{1, 8}));
    EXPECT_EQ(parse_index_file_name("000001-000008-2.idx"), (IndexFileName{1, 8, 2}));
    EXPECT_EQ(parse_index_file_name(index_file_name({1234567, 4294967295})), (IndexFileName{1234567, 4294967295}));
    for (const char* name :
         {"", ".idx", "-.idx", "1-8.idx", "000001-000008.idx.tmp", "000001-000008", "000001000008.idx",
          "000001-00000008.idx", "000001-4294967296.idx", "000001--00008.idx", "+00001-000008.idx"})
        EXPECT_FALSE(parse_index_file_name(name)) << name;
}

TEST_F(IndexFileTest, AnswersAsItsContent) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(seed);
        expect_round_trip({.seed = seed, .segment_sizes = {seed * 13, 0, 40 + seed}});
    }
}

TEST_F(IndexFileTest, AnswersAsItsContentOverManyBlocks) {
    expect_round_trip({.segment_sizes = {3000, 1, 9000}, .entity_count = 3000});
}

TEST_F(IndexFileTest, TellsKeysAndIdsOfOneHashApart) {
    for (const int hash_bits : {0, 1, 4}) {
        SCOPED_TRACE(hash_bits);
        expect_round_trip({.segment_sizes = {200}, .hash_bits = hash_bits});
    }
}

TEST_F(IndexFileTest, HoldsOneEventOrNone) {
    expect_round_trip({.segment_sizes = {0}});
    expect_round_trip({.segment_sizes = {1}});
    expect_round_trip({.first_seq = 0, .segment_sizes = {0, 0}});
    expect_round_trip({.segment_sizes = {50}, .has_only_entities = true});
}

TEST_F(IndexFileTest, StripesAreCutAtMultiplesOfSeq) {
    const MadeUpLog log({.first_seq = 1000, .segment_sizes = {1049}});  // [1000, 2049)
    const auto file = open(write(log), cache_);
    ASSERT_EQ(file->stripes().size(), 3U);
    EXPECT_EQ(file->stripes()[0].first_recorded_at, log.event(1000).recorded_at);
    EXPECT_EQ(file->stripes()[1].first_recorded_at, log.event(1024).recorded_at);
    EXPECT_EQ(file->stripes()[2].max_occurred_at, log.event(2048).occurred_at);
}

TEST_F(IndexFileTest, IsOfItsDatabaseOnly) {
    const std::string path = write(MadeUpLog({}));
    EXPECT_EQ(IndexFile::open(disk_, cache_, path, Uuid{}).error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(IndexFile::open(disk_, cache_, path + "x", kDatabase).error().code, ErrorCode::kNotFound);
}

TEST_F(IndexFileTest, AnswersTheSameWithRoomForAFewBlocks) {
    const MadeUpLog log({.segment_sizes = {2000, 2000}, .entity_count = 1500});
    cache::ImageCache tiny(2 * cache::kImageBlockSize);
    const auto file = open(write(log), tiny);
    EXPECT_EQ(check_answers(*file, log, 0, 2), "");
    EXPECT_GT(tiny.evictions(), 100U);
    EXPECT_LE(tiny.bytes(), 40 * cache::kImageBlockSize);
}

TEST_F(IndexFileTest, AFilterLetsFewerThanOneInAHundredPass) {
    IdFilter filter(100'000);
    io::Prng prng(3);
    for (int i = 0; i < 100'000; ++i) filter.add(prng.next());
    prng = io::Prng(3);
    for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(filter.may_hold(prng.next()));
    int passed = 0;
    for (int i = 0; i < 100'000; ++i) passed += filter.may_hold(prng.next()) ? 1 : 0;
    EXPECT_LT(passed, 1'000);
    EXPECT_GT(passed, 10);
}

TEST_F(IndexFileTest, ConcurrentReadersGetTheSameAnswersWithRoomForAFewBlocks) {
    const MadeUpLog log({.segment_sizes = {1500}, .entity_count = 500});
    cache::ImageCache tiny(2 * cache::kImageBlockSize);
    const auto file = open(write(log), tiny);
    std::vector<std::thread> readers;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 4; ++i)
        readers.emplace_back([&] {
            if (!check_answers(*file, log, 0, 1).empty()) ++wrong;
        });
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(wrong, 0);
    tiny.trim_waiting();  // While readers overlap all the time, nothing can go.
    EXPECT_GT(tiny.evictions(), 0U);
}

}  // namespace
}  // namespace chronos::index
