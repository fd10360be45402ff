// Index files that are cut off, damaged, or made by somebody who knows how checksums work.
#include <gtest/gtest.h>

#include "index/hostile_index_file.h"
#include "index/index_file.h"
#include "index/made_up_answers.h"
#include "index/made_up_log.h"
#include "io/sim/prng.h"
#include "io/sim/sim_file_system.h"

namespace chronos::index {
namespace {

const Uuid kDatabase = Uuid::parse("019b76da-a800-7ed2-acde-4ca71b29a114").value();
const std::function<Status()> kGoOn = [] { return Status(); };
using Bytes = std::vector<std::byte>;

class IndexDamageTest : public testing::Test {
protected:
    IndexDamageTest() {
        io::SimFileSystem disk(1);
        EXPECT_TRUE(disk.make_directory("index").ok());
        bytes_ = disk.file_contents(write_index_file(disk, "index", kDatabase, log_.content(0, 2)).value()).value();
    }

    /// What opening `bytes` as a file says; asks everything of it when it opens, and merges it.
    static ErrorCode try_file(const Bytes& bytes) {
        io::SimFileSystem disk(1);
        EXPECT_TRUE(disk.make_directory("index").ok());
        {
            const auto file = disk.open("index/000001-000002.idx", io::OpenMode::kCreate).value();
            EXPECT_TRUE(file->write_at(0, bytes).ok());
        }
        cache::ImageCache cache(1 << 30);
        const auto file = IndexFile::open(disk, cache, "index/000001-000002.idx", kDatabase);
        if (!file.ok()) return file.error().code;
        ask_everything(**file);
        const auto merged = merge_index_files(disk, "index", kDatabase, std::span(&*file, 1), kGoOn);
        if (merged.ok()) {
            const auto again = IndexFile::open(disk, cache, *merged, kDatabase);
            EXPECT_TRUE(again.ok()) << again.error().message;
        }
        return kOpens;
    }
    static constexpr auto kOpens = static_cast<ErrorCode>(255);

    const MadeUpLog log_{{.segment_sizes = {40, 20}, .entity_count = 9, .has_long_keys = false}};
    Bytes bytes_;
};

TEST_F(IndexDamageTest, AWholeFileOpens) {
    EXPECT_EQ(try_file(bytes_), kOpens);
    Bytes mended = bytes_;
    mend_checksums(mended);
    EXPECT_EQ(mended, bytes_);
}

TEST_F(IndexDamageTest, AFileThatIsCutOffDoesNotOpen) {
    for (std::size_t size = 0; size < bytes_.size(); ++size)
        EXPECT_EQ(try_file(Bytes(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(size))),
                  ErrorCode::kCorrupt)
            << size;
    Bytes longer = bytes_;
    longer.push_back(std::byte{0});
    EXPECT_EQ(try_file(longer), ErrorCode::kCorrupt);
    longer.insert(longer.begin(), std::byte{0});
    EXPECT_EQ(try_file(longer), ErrorCode::kCorrupt);
}

TEST_F(IndexDamageTest, ANewerFormatIsRefusedAsSuch) {
    bytes_[offsetof(IndexHead, format_version)] = std::byte{2};
    EXPECT_EQ(try_file(bytes_), ErrorCode::kUnsupported);
}

TEST_F(IndexDamageTest, NumbersOfTheFooterThatCannotBeAreRefused) {
    const std::size_t footer = bytes_.size() - sizeof(IndexFooter);
    for (std::size_t at = offsetof(IndexFooter, file_size); at < offsetof(IndexFooter, zero); at += 8) {
        const auto right = base::load<std::uint64_t>(bytes_.data() + footer + at);
        for (const std::uint64_t wrong :
             {std::uint64_t{0}, std::uint64_t{1}, right - 1, right + 1, right + 64, right * 2, ~std::uint64_t{0},
              std::uint64_t{1} << 31, std::uint64_t{1} << 32, std::uint64_t{1} << 40, std::uint64_t{1} << 58,
              std::uint64_t{1} << 60, std::uint64_t{1} << 61, std::uint64_t{1} << 63}) {
            if (wrong == right) continue;
            Bytes damaged = bytes_;
            base::store(damaged.data() + footer + at, wrong);
            base::store(
                damaged.data() + footer + offsetof(IndexFooter, crc),
                base::crc32c(std::span(damaged).subspan(footer + offsetof(IndexFooter, resident_crc),
                                                        sizeof(IndexFooter) - offsetof(IndexFooter, resident_crc))));
            // The same room may be left to a neighbour, as in a file with one key byte more and a
            // posting less.
            const ErrorCode code = try_file(damaged);
            EXPECT_TRUE(code == ErrorCode::kCorrupt || code == kOpens) << at << " " << wrong;
        }
    }
}

TEST_F(IndexDamageTest, DamageBehindRightChecksumsNeverCrashes) {
    io::Prng prng(5);
    int opened = 0;
    for (int i = 0; i < 4'000; ++i) {
        Bytes damaged = bytes_;
        for (std::uint64_t count = 1 + prng.below(4); count > 0; --count) {
            const std::size_t at = prng.below(damaged.size() - sizeof(IndexFooter));
            switch (prng.below(3)) {
                case 0: damaged[at] ^= static_cast<std::byte>(1U << prng.below(8)); break;
                case 1: damaged[at] = static_cast<std::byte>(prng.next() & 0xFF); break;
                default:
                    for (std::size_t j = at; j < std::min(at + 8, damaged.size()); ++j) damaged[j] = std::byte{0xFF};
            }
        }
        mend_checksums(damaged);
        if (try_file(damaged) == kOpens) ++opened;
    }
    EXPECT_GT(opened, 2'000);
}

TEST_F(IndexDamageTest, EveryFlippedBitIsFoundBeforeItMakesAnAnswerWrong) {
    io::SimFileSystem disk(1);
    ASSERT_TRUE(disk.make_directory("index").ok());
    const std::string path = write_index_file(disk, "index", kDatabase, log_.content(0, 2)).value();
    for (std::uint64_t bit = 0; bit < bytes_.size() * 8; bit += 11) {
        const auto damaged = disk.clone();
        ASSERT_TRUE(damaged->flip_bit(path, bit).ok());
        cache::ImageCache cache(1 << 30);
        const auto file = IndexFile::open(*damaged, cache, path, kDatabase);
        if (!file.ok()) continue;
        const std::string wrong = check_answers(**file, log_, 0, 2);
        EXPECT_TRUE(wrong.starts_with("error: " + path)) << bit << ": " << wrong;
        EXPECT_FALSE((*file)->verify().ok()) << bit;
    }
}

}  // namespace
}  // namespace chronos::index
