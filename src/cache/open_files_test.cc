#include "cache/open_files.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "io/sim/sim_file_system.h"

namespace chronos::cache {
namespace {

constexpr std::size_t kFiles = 10;

/// Files of which each holds its number.
class OpenFilesTest : public testing::Test {
protected:
    std::unique_ptr<ColdFile> make(OpenFiles& pool, std::size_t number) {
        const std::string path = "file" + std::to_string(number);
        auto file = disk_.open(path, io::OpenMode::kCreate).value();
        const auto byte = static_cast<std::byte>(number);
        EXPECT_TRUE(file->write_at(0, {&byte, 1}).ok());
        return std::make_unique<ColdFile>(pool, disk_, path, std::move(file));
    }
    std::vector<std::unique_ptr<ColdFile>> make_all(OpenFiles& pool) {
        std::vector<std::unique_ptr<ColdFile>> files;
        for (std::size_t i = 0; i < kFiles; ++i) files.push_back(make(pool, i));
        return files;
    }
    static std::size_t number_in(ColdFile& file) {
        std::byte byte{0xFF};
        const auto got = file.read_at(0, {&byte, 1});
        return got.ok() && *got == 1 ? static_cast<std::size_t>(byte) : kFiles;
    }

    io::SimFileSystem disk_{1};
};

TEST_F(OpenFilesTest, KeepsSoManyOpenAndReadsAll) {
    OpenFiles pool(3);
    const auto files = make_all(pool);
    EXPECT_EQ(pool.count(), 3U);
    for (int round = 0; round < 3; ++round)
        for (std::size_t i = 0; i < kFiles; ++i) EXPECT_EQ(number_in(*files[i]), i);
    EXPECT_EQ(pool.count(), 3U);
    EXPECT_GE(pool.reopens(), kFiles - 3);
}

TEST_F(OpenFilesTest, OpensNothingAgainWhatIsUsedAllTheTime) {
    OpenFiles pool(3);
    const auto files = make_all(pool);
    (void)number_in(*files[0]);
    for (std::size_t i = 1; i < kFiles; ++i) {
        const std::uint64_t before = pool.reopens();
        EXPECT_EQ(number_in(*files[0]), 0U);
        EXPECT_EQ(pool.reopens(), before) << i;
        (void)number_in(*files[i]);
    }
}

TEST_F(OpenFilesTest, ReadsAFileThatIsKeptOpenAfterItsNameWasGivenToAnother) {
    OpenFiles pool(1);
    const auto files = make_all(pool);
    ASSERT_TRUE(files[4]->keep_open().ok());
    ASSERT_TRUE(disk_.rename("file5", "file4").ok());
    for (std::size_t i = 6; i < kFiles; ++i) (void)number_in(*files[i]);
    EXPECT_EQ(number_in(*files[4]), 4U);
    EXPECT_EQ(number_in(*files[5]), kFiles) << "its name is gone";
}

TEST_F(OpenFilesTest, ChangesNothing) {
    OpenFiles pool(1);
    const auto file = make(pool, 1);
    const std::byte byte{9};
    EXPECT_FALSE(file->write_at(0, {&byte, 1}).ok());
    EXPECT_FALSE(file->truncate(0).ok());
    EXPECT_EQ(number_in(*file), 1U);
    EXPECT_EQ(*file->size(), 1U);
}

TEST_F(OpenFilesTest, ForgetsAFileThatGoes) {
    OpenFiles pool(3);
    auto files = make_all(pool);
    ASSERT_TRUE(files[0]->keep_open().ok());
    files.clear();
    EXPECT_EQ(pool.count(), 0U);
}

TEST_F(OpenFilesTest, ReadsRightFromManyThreadsConcurrent) {
    OpenFiles pool(2);
    const auto files = make_all(pool);
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < 4; ++thread)
        threads.emplace_back([&, thread] {
            for (std::size_t i = 0; i < 500; ++i) {
                const std::size_t number = (i * 7 + thread * 3) % kFiles;
                if (number_in(*files[number]) != number) ++wrong;
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_LE(pool.count(), 2U);
}

}  // namespace
}  // namespace chronos::cache
