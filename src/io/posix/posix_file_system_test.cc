// What only the real file system does; `io/file_system_contract_test.cc` holds what both do.
#include "io/posix/posix_file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "io/posix/event_fd.h"
#include "io/posix/posix_clock.h"
#include "io/posix/posix_environment.h"
#include "io/posix/posix_error.h"
#include "io/posix/posix_stream.h"

namespace chronos::io {
namespace {

struct alignas(kBlockSize) Block {
    std::array<std::byte, kBlockSize> bytes = {};
    explicit Block(int value) { bytes.fill(static_cast<std::byte>(value)); }
};

class PosixFileSystemTest : public ::testing::Test {
protected:
    PosixFileSystemTest() {
        std::string name = std::filesystem::temp_directory_path() / "posix-XXXXXX";
        root_ = ::mkdtemp(name.data());
    }
    ~PosixFileSystemTest() override { std::filesystem::remove_all(root_); }

    std::string path(const std::string& name) const { return root_ + "/" + name; }
    std::unique_ptr<File> create(const std::string& name, std::uint64_t size) {
        auto file = files_.open(path(name), OpenMode::kCreate).value();
        EXPECT_TRUE(file->truncate(size).ok());
        return file;
    }
    static std::byte byte_at(File& file, std::uint64_t offset) {
        std::byte byte{0xff};
        EXPECT_EQ(*file.read_at(offset, {&byte, 1}), 1U);
        return byte;
    }
    mode_t mode_of(const std::string& name) const {
        struct stat status = {};
        EXPECT_EQ(::stat(path(name).c_str(), &status), 0);
        return status.st_mode & 0777U;
    }

    std::string root_;
    PosixFileSystem files_;
};

TEST_F(PosixFileSystemTest, CreatesFilesAndDirectoriesThatOthersCannotRead) {
    create("a", 0);
    EXPECT_TRUE(files_.make_directory(path("d")).ok());
    EXPECT_EQ(mode_of("a") & 07U, 0U);
    EXPECT_EQ(mode_of("a") & 0600U, 0600U);
    EXPECT_EQ(mode_of("d") & 07U, 0U);
    EXPECT_EQ(mode_of("d") & 0700U, 0700U);
}

TEST_F(PosixFileSystemTest, WritesDurablyBothWaysAndMixedWithOrdinaryWrites) {
    auto file = create("a", 4 * kBlockSize);
    const Block seven(7);
    const Block eight(8);
    const Block nine(9);
    files_.set_durable_write(DurableWrite::kDirect);
    EXPECT_TRUE(file->write_at(0, seven.bytes).ok());
    EXPECT_TRUE(file->write_durable_at(0, eight.bytes).ok());
    EXPECT_EQ(byte_at(*file, 100), std::byte{8});
    files_.set_durable_write(DurableWrite::kBuffered);
    EXPECT_TRUE(file->write_durable_at(kBlockSize, nine.bytes).ok());
    EXPECT_EQ(byte_at(*file, kBlockSize), std::byte{9});
    EXPECT_EQ(byte_at(*file, kBlockSize - 1), std::byte{8});
    EXPECT_EQ(byte_at(*file, 2 * kBlockSize), std::byte{0});
}

TEST_F(PosixFileSystemTest, WritesDurablyToTheOpenFileAfterItsNameWasGivenToAnother) {
    auto file = create("a", kBlockSize);
    ASSERT_TRUE(files_.rename(path("a"), path("b")).ok());
    auto other = create("a", kBlockSize);
    const Block seven(7);
    EXPECT_TRUE(file->write_durable_at(0, seven.bytes).ok());
    EXPECT_EQ(byte_at(*file, 0), std::byte{7});
    EXPECT_EQ(byte_at(*other, 0), std::byte{0});
}

TEST_F(PosixFileSystemTest, WritesDurablyFromSeveralThreads) {
    constexpr std::uint64_t kThreads = 4;
    auto file = create("a", kThreads * kBlockSize);
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < kThreads; ++i) {
        threads.emplace_back([&file, i] {
            const Block block(static_cast<int>(i + 1));
            EXPECT_TRUE(file->write_durable_at(i * kBlockSize, block.bytes).ok());
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (std::uint64_t i = 0; i < kThreads; ++i) {
        EXPECT_EQ(byte_at(*file, i * kBlockSize), static_cast<std::byte>(i + 1));
    }
}

TEST_F(PosixFileSystemTest, FallsBackWhereTheFileSystemRefusesDirectWrites) {
    // tmpfs refuses O_DIRECT on older kernels and takes it on newer ones: both must work.
    if (::access("/dev/shm", W_OK) != 0) GTEST_SKIP() << "no /dev/shm";
    std::string name = "/dev/shm/posix-XXXXXX";
    const std::string directory = ::mkdtemp(name.data());
    {
        auto file = files_.open(directory + "/a", OpenMode::kCreate).value();
        ASSERT_TRUE(file->truncate(kBlockSize).ok());
        const Block seven(7);
        for (int i = 0; i < 2; ++i) EXPECT_TRUE(file->write_durable_at(0, seven.bytes).ok());
        EXPECT_EQ(byte_at(*file, 5), std::byte{7});
    }
    EXPECT_TRUE(files_.probe_durable_write(directory).ok());
    std::filesystem::remove_all(directory);
}

TEST_F(PosixFileSystemTest, TheProbeSetsWhatItReturnsAndLeavesNoFile) {
    const auto way = files_.probe_durable_write(root_);
    ASSERT_TRUE(way.ok()) << way.error().message;
    EXPECT_EQ(files_.durable_write(), *way);
    EXPECT_TRUE(files_.list(root_)->empty());
}

TEST_F(PosixFileSystemTest, TheProbeOfAMissingDirectoryChangesNothing) {
    files_.set_durable_write(DurableWrite::kBuffered);
    const auto way = files_.probe_durable_write(path("missing"));
    ASSERT_FALSE(way.ok());
    EXPECT_EQ(way.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(files_.durable_write(), DurableWrite::kBuffered);
}

TEST_F(PosixFileSystemTest, AFullDeviceIsNoSpace) {
    auto full = files_.open("/dev/full", OpenMode::kReadWrite);
    if (!full.ok()) GTEST_SKIP() << full.error().message;
    const Block block(1);
    const auto status = (*full)->write_at(0, block.bytes);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kNoSpace);
    EXPECT_EQ(status.error().message, "pwrite /dev/full: No space left on device");
}

TEST_F(PosixFileSystemTest, ARefusedLockNamesFileAndHolder) {
    const auto lock = files_.lock(path("lock"));
    ASSERT_TRUE(lock.ok());
    const auto second = files_.lock(path("lock"));
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().message, "the store is open in another process: " + path("lock") +
                                          " is locked by process " + std::to_string(::getpid()));
}

TEST_F(PosixFileSystemTest, NeverTakesTheNumberOfAStandardDescriptor) {
    const int kept = ::dup(STDIN_FILENO);
    ::close(STDIN_FILENO);
    auto file = create("a", kBlockSize);
    const auto lock = files_.lock(path("lock"));
    const auto event = EventFd::create();
    const Block seven(7);
    EXPECT_TRUE(file->write_durable_at(0, seven.bytes).ok());
    EXPECT_LT(::fcntl(STDIN_FILENO, F_GETFD), 0) << "something is open as standard input";
    EXPECT_TRUE(lock.ok());
    EXPECT_GT((*event)->fd(), 2);
    if (kept >= 0) {
        ::dup2(kept, STDIN_FILENO);
        ::close(kept);
    }
}

TEST_F(PosixFileSystemTest, TellsHowMuchRoomThereIsWhereAPathWouldBe) {
    const std::uint64_t here = *PosixFileSystem::free_bytes(root_);
    EXPECT_GT(here, 0U);
    for (const std::string& below : {path("a"), path("a/b/c"), path("a//b/")})
        EXPECT_NEAR(static_cast<double>(*PosixFileSystem::free_bytes(below)), static_cast<double>(here), 1e10) << below;
    EXPECT_TRUE(PosixFileSystem::free_bytes("not-there").ok());
    EXPECT_TRUE(PosixFileSystem::free_bytes("/not-there").ok());
}

TEST_F(PosixFileSystemTest, TellsWhatLiesInADirectory) {
    EXPECT_TRUE(files_.make_directory(path("d")).ok());
    EXPECT_TRUE(*PosixFileSystem::is_inside(path("d"), path("d")));
    EXPECT_TRUE(*PosixFileSystem::is_inside(path("d/new/deeper"), path("d")));
    EXPECT_TRUE(*PosixFileSystem::is_inside(path("d/../d/new"), path("d/")));
    EXPECT_FALSE(*PosixFileSystem::is_inside(path("d2"), path("d")));
    EXPECT_FALSE(*PosixFileSystem::is_inside(root_, path("d")));
    EXPECT_TRUE(*PosixFileSystem::overlap(path("d"), path("d/../d/")));
    EXPECT_TRUE(*PosixFileSystem::overlap(path("none"), path("none/deeper")));
    EXPECT_TRUE(*PosixFileSystem::overlap(path("none/deeper"), path("none")));
    EXPECT_TRUE(*PosixFileSystem::overlap(path("d"), root_));
    EXPECT_FALSE(*PosixFileSystem::overlap(path("none"), path("none2")));
    EXPECT_FALSE(*PosixFileSystem::overlap(path("d"), path("d2")));
    EXPECT_EQ(PosixFileSystem::is_inside(root_, path("none")).error().code, ErrorCode::kNotFound);
}

TEST_F(PosixFileSystemTest, ReadsAFileOfAnyKindAsAStream) {
    create("a", 5);
    EXPECT_EQ(open_stream(path("a"))->size, 5U);
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    EXPECT_TRUE(check_stream(path("pipe")).ok());
    std::thread writer([&] {
        const int fd = ::open(path("pipe").c_str(), O_WRONLY);
        EXPECT_EQ(::write(fd, "hello", 5), 5);
        ::close(fd);
    });
    {
        const auto stream = open_stream(path("pipe"));
        char text[8];
        EXPECT_EQ(::read(stream->fd.get(), text, sizeof text), 5);
        EXPECT_EQ(stream->size, 0U);
    }
    writer.join();
    EXPECT_EQ(check_stream(path("none")).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(check_stream(root_).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(open_stream(root_).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(PosixFileSystemTest, APathThatCannotBeUsedSoIsTheCallersMistake) {
    create("a", 0);
    EXPECT_EQ(files_.open(root_, OpenMode::kRead).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(files_.open(path("a/b"), OpenMode::kRead).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(posix_error("open", "x", EACCES).code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(posix_error("open", "x", EROFS).code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(posix_error("open", "x", EIO).code, ErrorCode::kIo);
}

TEST(PosixClockTest, IsAfter2025AndMonotonicTimeDoesNotGoBack) {
    PosixClock clock;
    EXPECT_GT(clock.wall_ns(), 1'735'689'600'000'000'000);
    const std::int64_t before = clock.monotonic_ns();
    EXPECT_LE(before, clock.monotonic_ns());
}

TEST(PosixRandomTest, FillsLargeSpansDifferentlyEachTime) {
    PosixRandom random;
    std::vector<std::byte> a(100'000);
    std::vector<std::byte> b(100'000);
    random.fill(a);
    random.fill(b);
    random.fill({});
    EXPECT_NE(a, b);
    EXPECT_NE(std::vector(a.end() - 16, a.end()), std::vector<std::byte>(16));
}

TEST(PosixEnvironmentTest, HandsOutTheSameObjectsEachTime) {
    EXPECT_EQ(&posix_environment().files, &posix_file_system());
    EXPECT_EQ(&posix_environment().clock, &posix_environment().clock);
}

}  // namespace
}  // namespace chronos::io
