// Index files that are rewritten without what they said of removed events.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/result.h"
#include "index/hostile_index_file.h"
#include "index/index_file.h"
#include "index/made_up_log.h"
#include "io/sim/prng.h"
#include "io/sim/sim_file_system.h"

namespace chronos::index {
namespace {

const Uuid kDatabase = Uuid::parse("019b76da-a800-7ed2-acde-4ca71b29a114").value();
const std::function<Status()> kGoOn = [] { return Status(); };

class IndexRewriteTest : public testing::Test {
protected:
    IndexRewriteTest() {
        EXPECT_TRUE(disk_.make_directory("index").ok());
        EXPECT_TRUE(disk_.make_directory("plain").ok());
    }
    std::shared_ptr<IndexFile> open(const std::string& path) {
        auto file = IndexFile::open(disk_, cache_, path, kDatabase);
        EXPECT_TRUE(file.ok()) << file.error().message;
        return file.ok() ? *file : nullptr;
    }
    std::shared_ptr<IndexFile> write(const std::string& directory, const IndexContent& content) {
        auto path = write_index_file(disk_, directory, kDatabase, content);
        EXPECT_TRUE(path.ok()) << path.error().message;
        return path.ok() ? open(*path) : nullptr;
    }
    std::vector<std::byte> bytes(const std::string& path) { return disk_.file_contents(path).value(); }

    io::SimFileSystem disk_{1};
    cache::ImageCache cache_{1 << 30};
};

/// Pieces of runs of some branches, as if their segments had been rewritten.
IndexEdit made_up_edit(const IndexContent& content, io::Prng& prng) {
    IndexEdit edit;
    const bool of_all = prng.chance(0.2);
    for (const IndexedRun& run : content.runs) {
        if (run.branch == 0 && !of_all) continue;
        for (std::uint64_t at = 0; at < run.count;) {
            const auto count = static_cast<std::uint32_t>(std::min(run.count - at, 1 + prng.below(5)));
            if (of_all || prng.chance(0.7))
                edit.removed.push_back({.first_seq = run.first_seq + at,
                                        .count = count,
                                        .branch = run.branch,
                                        .stub_offset = 8 * (1 + prng.below(1 << 20))});
            at += count;
        }
    }
    edit.segments = content.segments;
    for (IndexedSegment& segment : edit.segments) {
        segment.end_offset = {segment.end_offset + 4096 * prng.below(3), static_cast<std::uint32_t>(prng.below(5))};
        segment.first_block_crc = static_cast<std::uint32_t>(edit.block_crcs.size());
        for (std::uint64_t at = 0; at < segment.end_offset; at += cache::kImageBlockSize)
            edit.block_crcs.push_back(static_cast<std::uint32_t>(prng.next()));
    }
    return edit;
}

/// The plain way: content without what is gone, written as any other.
IndexContent without(const IndexContent& content, const IndexEdit& edit) {
    const auto is_gone = [&](std::uint32_t delta) {
        const std::uint64_t seq = content.begin_seq + delta;
        return std::any_of(edit.removed.begin(), edit.removed.end(), [&](const IndexEdit::Removed& removed) {
            return seq >= removed.first_seq && seq < removed.first_seq + removed.count;
        });
    };
    IndexContent left = content;
    left.segments = edit.segments;
    left.block_crcs = edit.block_crcs;
    for (const IndexEdit::Removed& removed : edit.removed) {
        for (std::uint64_t i = 0; i < removed.count; ++i) {
            left.offsets[removed.first_seq + i - content.begin_seq] =
                kRemovedMark | static_cast<std::uint32_t>(removed.stub_offset / 8);
            left.places[removed.first_seq + i - content.begin_seq] = 0;
        }
    }
    const auto gone_id = [&](const IndexedId& id) { return is_gone(id.delta); };
    std::erase_if(left.ids, gone_id);
    std::erase_if(left.batches, gone_id);
    for (std::size_t kind = 0; kind < kKeyKinds; ++kind) {
        const IndexContent::Dictionary& from = content.dictionaries[kind];
        IndexContent::Dictionary& to = left.dictionaries[kind];
        to = {};
        for (IndexedKey key : from.keys) {
            const std::span postings = std::span(from.postings).subspan(key.first_posting, key.count);
            key.first_posting = to.postings.size();
            key.count = 0;
            for (const std::uint32_t delta : postings) {
                if (is_gone(delta)) {
                    if (kind == 0 && key.count == 0) ++key.first_place;
                    continue;
                }
                to.postings.push_back(delta);
                ++key.count;
            }
            if (key.count > 0) to.keys.push_back(key);
        }
    }
    return left;
}

TEST_F(IndexRewriteTest, IsWhatWouldHaveBeenWrittenWithoutThem) {
    io::Prng prng(11);
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        SCOPED_TRACE(seed);
        const MadeUpLog log({.seed = seed,
                             .first_seq = prng.below(3'000),
                             .segment_sizes = {1 + prng.below(900), prng.below(3) == 0 ? 0 : prng.below(2'500), 40},
                             .branch_count = static_cast<std::uint32_t>(2 + prng.below(6)),
                             .hash_bits = seed % 4 == 0 ? 3 : 64});
        const IndexContent content = log.content(0, log.segment_count());
        const auto file = write("index", content);
        ASSERT_NE(file, nullptr);
        const IndexEdit edit = made_up_edit(content, prng);
        const auto path = rewrite_index_file(disk_, "index", kDatabase, *file, edit, kGoOn);
        ASSERT_TRUE(path.ok()) << path.error().message;
        EXPECT_EQ(*path, "index/000001-000003-1.idx");
        const auto plain = write("plain", without(content, edit));
        ASSERT_TRUE(bytes(*path) == bytes(plain->path()));
        // Once more: what was removed before stays so.
        const auto again = open(*path);
        ASSERT_NE(again, nullptr);
        EXPECT_EQ(again->segments()[0].revision(), edit.segments[0].revision());
        const auto second = rewrite_index_file(disk_, "index", kDatabase, *again, edit, kGoOn);
        ASSERT_TRUE(second.ok());
        EXPECT_EQ(*second, "index/000001-000003-2.idx");
        EXPECT_TRUE(bytes(*second) == bytes(*path));
    }
}

TEST_F(IndexRewriteTest, AFaultLeavesNothingBehindAndTheFileAsItWas) {
    const MadeUpLog log({.seed = 3, .segment_sizes = {300, 200}, .branch_count = 4});
    const IndexContent content = log.content(0, 2);
    const auto file = write("index", content);
    io::Prng prng(4);
    const IndexEdit edit = made_up_edit(content, prng);
    const auto before = bytes(file->path());
    for (const io::FaultKind kind : {io::FaultKind::kEio, io::FaultKind::kNoSpace, io::FaultKind::kFailedSync}) {
        for (std::uint64_t op = 0;; ++op) {
            disk_.clear_faults();
            const std::uint64_t begin = disk_.op_count();
            disk_.fail_op(begin + op, kind);
            const auto path = rewrite_index_file(disk_, "index", kDatabase, *file, edit, kGoOn);
            const std::uint64_t ops = disk_.op_count() - begin;
            disk_.clear_faults();
            EXPECT_TRUE(bytes(file->path()) == before);
            if (path.ok()) {
                EXPECT_TRUE(disk_.remove_file(*path).ok());
                if (op >= ops) break;
            }
        }
    }
    const auto stopped = rewrite_index_file(disk_, "index", kDatabase, *file, edit, kGoOn);
    ASSERT_TRUE(stopped.ok());
}

/// Files that no writer made, with their checksums made right.
TEST_F(IndexRewriteTest, AHostileFileIsRefusedOrRewritten) {
    const MadeUpLog log({.seed = 5, .segment_sizes = {150, 90}, .branch_count = 3});
    const IndexContent content = log.content(0, 2);
    const std::string path = write("index", content)->path();
    const std::vector<std::byte> good = bytes(path);
    io::Prng prng(6);
    const IndexEdit edit = made_up_edit(content, prng);
    int rewritten = 0;
    for (int i = 0; i < 3'000; ++i) {
        std::vector<std::byte> bad = good;
        for (std::uint64_t changes = 1 + prng.below(3); changes > 0; --changes)
            bad[prng.below(bad.size())] = static_cast<std::byte>(prng.next());
        mend_checksums(bad);
        ASSERT_TRUE(disk_.remove_file(path).ok());
        auto file = disk_.open(path, io::OpenMode::kCreate);
        ASSERT_TRUE((*file)->write_at(0, bad).ok());
        const auto opened = IndexFile::open(disk_, cache_, path, kDatabase);
        if (!opened.ok() || (*opened)->segments().size() != edit.segments.size()) continue;
        const auto again = rewrite_index_file(disk_, "index", kDatabase, **opened, edit, kGoOn);
        if (again.ok()) ++rewritten;
    }
    EXPECT_GT(rewritten, 100);
}

}  // namespace
}  // namespace chronos::index
