#include "cache/file_image.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "cache/image_cache.h"
#include "io/sim/sim_file_system.h"

namespace chronos::cache {
namespace {

constexpr std::size_t kBlocks = 10;
constexpr std::size_t kSize = kBlocks * kImageBlockSize - 100;

/// A file whose byte i is i / 1000, and images of it.
class FileImageTest : public testing::Test {
protected:
    FileImageTest() : bytes_(kSize) {
        for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<std::byte>(i / 1000);
        file_ = disk_.open("file", io::OpenMode::kCreate).value();
        EXPECT_TRUE(file_->write_at(0, bytes_).ok());
    }
    ImageSource source() {
        return {.file = file_.get(), .name = "file", .size = kSize, .block_crcs = block_crcs_of(bytes_)};
    }
    bool holds(const FileImage& image, std::uint64_t begin, std::uint64_t end) const {
        return std::equal(image.data() + begin, image.data() + end,
                          bytes_.begin() + static_cast<std::ptrdiff_t>(begin));
    }

    io::SimFileSystem disk_{1};
    std::vector<std::byte> bytes_;
    std::unique_ptr<io::File> file_;
};

TEST_F(FileImageTest, LoadsOnlyWhatIsAskedFor) {
    ImageCache cache(1 << 30);
    FileImage image(cache, source());
    const ImagePin pin(image);
    EXPECT_FALSE(image.is_loaded(0, 1));
    ASSERT_TRUE(image.load(kImageBlockSize - 1, kImageBlockSize + 1).ok());
    EXPECT_TRUE(image.is_loaded(0, 2 * kImageBlockSize));
    EXPECT_FALSE(image.is_loaded(2 * kImageBlockSize, 2 * kImageBlockSize + 1));
    EXPECT_TRUE(holds(image, 0, 2 * kImageBlockSize));
    EXPECT_EQ(cache.bytes(), 2 * kImageBlockSize);
    ASSERT_TRUE(image.load(0, kSize).ok());
    EXPECT_TRUE(holds(image, 0, kSize));
}

TEST_F(FileImageTest, RefusesBytesBehindItsEnd) {
    ImageCache cache(1 << 30);
    FileImage image(cache, source());
    const ImagePin pin(image);
    EXPECT_EQ(image.load(0, kSize + 1).error().code, ErrorCode::kCorrupt);
    const std::uint64_t far = std::uint64_t{0xFFFFFFFF} * 8;
    EXPECT_EQ(image.load(far, far + 32).error().code, ErrorCode::kCorrupt);
}

TEST_F(FileImageTest, NamesTheBlockThatDoesNotMatch) {
    ImageCache cache(1 << 30);
    FileImage image(cache, source());
    const std::byte wrong{0xEE};
    ASSERT_TRUE(file_->write_at(kImageBlockSize + 7, {&wrong, 1}).ok());
    const ImagePin pin(image);
    EXPECT_TRUE(image.load(0, kImageBlockSize).ok());
    const Status loaded = image.load(0, 2 * kImageBlockSize);
    EXPECT_EQ(loaded.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(loaded.error().message.find("file at offset 16384"), std::string::npos);
    EXPECT_FALSE(image.is_loaded(kImageBlockSize, kImageBlockSize + 1));
}

TEST_F(FileImageTest, GivesBlocksBackButNotPinnedOnes) {
    ImageCache cache(3 * kImageBlockSize);
    FileImage image(cache, source());
    {
        const ImagePin pin(image);
        ASSERT_TRUE(image.load(0, kSize).ok());
        EXPECT_TRUE(holds(image, 0, kSize));
        EXPECT_EQ(cache.bytes(), kBlocks * kImageBlockSize);
    }
    cache.trim();
    EXPECT_LE(cache.bytes(), 3 * kImageBlockSize);
    const ImagePin pin(image);
    ASSERT_TRUE(image.load(0, kSize).ok());
    EXPECT_TRUE(holds(image, 0, kSize));
}

TEST_F(FileImageTest, AnImageThatWasFilledCanBeReadAgainAfterItWasTakenAway) {
    io::AlignedBuffer memory(kBlocks * kImageBlockSize);
    std::copy(bytes_.begin(), bytes_.end(), memory.data());
    ImageCache cache(0);
    FileImage image(std::move(memory));
    {
        const ImagePin pin(image);
        EXPECT_TRUE(image.is_loaded(0, kSize));
    }
    image.make_evictable(cache, source());
    cache.trim();
    EXPECT_EQ(cache.bytes(), 0U);
    const ImagePin pin(image);
    EXPECT_FALSE(image.is_loaded(0, 1));
    ASSERT_TRUE(image.load(5, kSize).ok());
    EXPECT_TRUE(holds(image, 0, kSize));
}

TEST_F(FileImageTest, KeepsWhatWasUsedRatherThanWhatWasNot) {
    ImageCache cache(1 << 30);
    FileImage image(cache, source());
    image.pin();
    ASSERT_TRUE(image.load(0, kSize).ok());
    image.unpin();
    cache.set_bytes_max(kBlocks * kImageBlockSize - 1);
    cache.trim();  // Clears the marks; takes one or two.
    image.pin();
    ASSERT_TRUE(image.load(3 * kImageBlockSize, 4 * kImageBlockSize).ok());
    image.unpin();
    cache.set_bytes_max(3 * kImageBlockSize);
    cache.trim();
    const ImagePin pin(image);
    EXPECT_TRUE(image.is_loaded(3 * kImageBlockSize, 4 * kImageBlockSize));
}

TEST_F(FileImageTest, ConcurrentReadersNeverSeeWhatWasTakenAway) {
    ImageCache cache(2 * kImageBlockSize);
    FileImage image(cache, source());
    std::vector<std::thread> readers;
    std::atomic<int> wrong = 0;
    for (unsigned reader = 0; reader < 4; ++reader) {
        readers.emplace_back([&, reader] {
            for (unsigned i = 0; i < 2'000; ++i) {
                const std::uint64_t begin = (i * 7919 + reader * 104'729) % (kSize - 100);
                {
                    const ImagePin pin(image);
                    if (!image.load(begin, begin + 100).ok() || !holds(image, begin, begin + 100)) ++wrong;
                }
                cache.trim();
            }
        });
    }
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(cache.evictions(), 0U);
}

}  // namespace
}  // namespace chronos::cache
