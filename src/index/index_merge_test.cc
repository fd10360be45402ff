#include <gtest/gtest.h>

#include "base/result.h"
#include "index/index_file.h"
#include "index/made_up_answers.h"
#include "index/made_up_log.h"
#include "io/sim/prng.h"
#include "io/sim/sim_file_system.h"

namespace chronos::index {
namespace {

const Uuid kDatabase = Uuid::parse("019b76da-a800-7ed2-acde-4ca71b29a114").value();
const std::function<Status()> kGoOn = [] { return Status(); };

class IndexMergeTest : public testing::Test {
protected:
    IndexMergeTest() {
        EXPECT_TRUE(disk_.make_directory("index").ok());
        EXPECT_TRUE(disk_.make_directory("whole").ok());
    }

    std::string write(const std::string& directory, const IndexContent& content) {
        auto path = write_index_file(disk_, directory, kDatabase, content);
        EXPECT_TRUE(path.ok()) << path.error().message;
        return path.ok() ? *path : "";
    }
    std::shared_ptr<IndexFile> open(const std::string& path) {
        auto file = IndexFile::open(disk_, cache_, path, kDatabase);
        EXPECT_TRUE(file.ok()) << file.error().message;
        return file.ok() ? *file : nullptr;
    }
    /// Files of segments [0, ends[0]), [ends[0], ends[1]), …
    std::vector<std::shared_ptr<IndexFile>> write_parts(const MadeUpLog& log, const std::vector<std::size_t>& ends) {
        std::vector<std::shared_ptr<IndexFile>> parts;
        std::size_t begin = 0;
        for (const std::size_t end : ends) {
            parts.push_back(open(write("index", log.content(begin, end))));
            begin = end;
        }
        return parts;
    }
    std::string merge(std::span<const std::shared_ptr<IndexFile>> parts) {
        auto path = merge_index_files(disk_, "index", kDatabase, parts, kGoOn);
        EXPECT_TRUE(path.ok()) << path.error().message;
        return path.ok() ? *path : "";
    }
    bool are_same(const std::string& a, const std::string& b) {
        return disk_.file_contents(a).value() == disk_.file_contents(b).value();
    }

    io::SimFileSystem disk_{1};
    cache::ImageCache cache_{1 << 30};
};

TEST_F(IndexMergeTest, PartsBecomeWhatWouldHaveBeenWrittenAtOnce) {
    io::Prng prng(7);
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SCOPED_TRACE(seed);
        MadeUpLog::Options options{.seed = seed, .first_seq = prng.below(3000), .hash_bits = seed % 3 == 0 ? 4 : 64};
        const std::size_t segments = 1 + prng.below(8);
        options.segment_sizes.clear();
        for (std::size_t i = 0; i < segments; ++i)
            options.segment_sizes.push_back(prng.chance(0.2) ? 0 : prng.below(prng.chance(0.2) ? 1500 : 60));
        const MadeUpLog log(options);
        std::vector<std::size_t> ends;
        for (std::size_t i = 1; i < segments; ++i)
            if (prng.chance(0.6)) ends.push_back(i);
        ends.push_back(segments);

        const std::string whole = write("whole", log.content(0, segments));
        const std::string merged = merge(write_parts(log, ends));
        EXPECT_TRUE(are_same(whole, merged));
        EXPECT_EQ(check_answers(*open(merged), log, 0, segments), "");
    }
}

TEST_F(IndexMergeTest, MergedFilesMergeAgain) {
    const MadeUpLog log({.segment_sizes = {700, 10, 1300, 0, 55, 1024}});
    const auto parts = write_parts(log, {1, 2, 3, 4, 5, 6});
    const std::vector halves{open(merge(std::span(parts).first(3))), open(merge(std::span(parts).subspan(3)))};
    EXPECT_TRUE(are_same(write("whole", log.content(0, 6)), merge(halves)));
}

TEST_F(IndexMergeTest, OnePartStaysAsItIs) {
    const MadeUpLog log({.segment_sizes = {100}});
    const auto parts = write_parts(log, {1});
    EXPECT_TRUE(are_same(write("whole", log.content(0, 1)), merge(parts)));
}

TEST_F(IndexMergeTest, TakesNothingFromTheCacheAndKeepsNothingInIt) {
    const MadeUpLog log({.segment_sizes = {4000, 4000}, .entity_count = 2000});
    const auto parts = write_parts(log, {1, 2});
    const std::string merged = merge(parts);
    EXPECT_EQ(cache_.bytes(), 0U);
    for (const auto& part : parts)
        EXPECT_EQ(check_answers(*part, log, part == parts[0] ? 0 : 1, part == parts[0] ? 1 : 2), "");
    const auto before = disk_.file_contents(merged).value();
    merge(parts);  // From blocks in memory.
    EXPECT_EQ(disk_.file_contents(merged).value(), before);
}

TEST_F(IndexMergeTest, AnErrorOfYieldEndsItAndLeavesNothing) {
    const MadeUpLog log({.segment_sizes = {150'000, 150'000}, .entity_count = 1000, .has_only_entities = true});
    const auto parts = write_parts(log, {1, 2});
    const auto before = disk_.all_files();
    int calls = 0;
    const auto stop = [&]() -> Status {
        ++calls;
        return base::fail(ErrorCode::kClosed, "enough");
    };
    const auto merged = merge_index_files(disk_, "index", kDatabase, parts, stop);
    ASSERT_FALSE(merged.ok());
    EXPECT_EQ(merged.error().code, ErrorCode::kClosed);
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(disk_.all_files(), before);
}

TEST_F(IndexMergeTest, ADamagedPartIsNotCarriedOn) {
    const MadeUpLog log({.segment_sizes = {500, 500}});
    auto parts = write_parts(log, {1, 2});
    const auto before = disk_.all_files();
    ASSERT_TRUE(disk_.flip_bit(parts[1]->path(), 8 * 2000).ok());
    const auto merged = merge_index_files(disk_, "index", kDatabase, parts, kGoOn);
    ASSERT_FALSE(merged.ok());
    EXPECT_EQ(merged.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(merged.error().message.find(parts[1]->path()), std::string::npos) << merged.error().message;
    EXPECT_EQ(disk_.all_files(), before);
}

}  // namespace
}  // namespace chronos::index
