// What both file systems promise to a program that is not interrupted.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/posix/posix_file_system.h"
#include "io/sim/sim_file_system.h"

namespace chronos::io {
namespace {

struct SimPlace {
    SimFileSystem files{1};
    std::string root = "/tests";
    SimPlace() { EXPECT_TRUE(files.make_directory(root).ok()); }
};

struct PosixPlace {
    PosixFileSystem files;
    std::string root;
    PosixPlace() {
        std::string name = std::filesystem::temp_directory_path() / "contract-XXXXXX";
        root = ::mkdtemp(name.data());
    }
    ~PosixPlace() { std::filesystem::remove_all(root); }
    PosixPlace(const PosixPlace&) = delete;
    PosixPlace& operator=(const PosixPlace&) = delete;
};

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

template <typename P>
class FileSystemContract : public ::testing::Test {
protected:
    FileSystem& files() { return place_.files; }
    std::string path(const std::string& name) { return place_.root + "/" + name; }

    std::unique_ptr<File> open(const std::string& name, OpenMode mode) {
        auto file = files().open(path(name), mode);
        EXPECT_TRUE(file.ok()) << file.error().message;
        return std::move(file).value();
    }
    std::unique_ptr<File> create(const std::string& name, std::string_view text) {
        auto file = open(name, OpenMode::kCreate);
        EXPECT_TRUE(file->write_at(0, bytes_of(text)).ok());
        return file;
    }
    std::string read(File& file, std::uint64_t offset = 0, std::size_t size = 1000) {
        std::string text(size, '?');
        const auto count = file.read_at(offset, std::as_writable_bytes(std::span(text)));
        EXPECT_TRUE(count.ok());
        text.resize(*count);
        return text;
    }
    std::string read(const std::string& name) { return read(*open(name, OpenMode::kRead)); }
    std::string listing(const std::string& name) {
        std::string text;
        const auto entries = files().list(path(name));
        EXPECT_TRUE(entries.ok());
        for (const auto& entry : *entries) text += entry.name + (entry.is_directory ? "/ " : " ");
        return text;
    }

    P place_;
};

using Places = ::testing::Types<SimPlace, PosixPlace>;
TYPED_TEST_SUITE(FileSystemContract, Places);

#define EXPECT_OK(expression) EXPECT_TRUE((expression).ok())
#define EXPECT_FAILS(code_, expression)                                  \
    do {                                                                 \
        const auto answer = (expression);                                \
        ASSERT_FALSE(answer.ok());                                       \
        EXPECT_EQ(answer.error().code, code_) << answer.error().message; \
    } while (false)

TYPED_TEST(FileSystemContract, ReadsWhatWasWrittenAndFillsGapsWithZeros) {
    auto file = this->create("a", "hello");
    EXPECT_OK(file->write_at(8, bytes_of("world")));
    EXPECT_EQ(*file->size(), 13U);
    EXPECT_EQ(this->read(*file), std::string("hello\0\0\0world", 13));
    EXPECT_EQ(this->read(*file, 10, 2), "rl");
}

TYPED_TEST(FileSystemContract, ReadsLessOnlyAtTheEnd) {
    auto file = this->create("a", "hello");
    EXPECT_EQ(this->read(*file, 3, 10), "lo");
    EXPECT_EQ(this->read(*file, 5, 10), "");
    EXPECT_EQ(this->read(*file, 500, 10), "");
}

TYPED_TEST(FileSystemContract, WritesMegabytesAcrossPages) {
    auto file = this->open("a", OpenMode::kCreate);
    std::string text(9'000'001, ' ');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 % 251);
    EXPECT_OK(file->write_at(777, bytes_of(text)));
    EXPECT_OK(file->sync());
    EXPECT_TRUE(this->read(*file, 777, text.size()) == text);
}

TYPED_TEST(FileSystemContract, TruncatesAndGrowsWithZeros) {
    auto file = this->create("a", "hello");
    EXPECT_OK(file->truncate(2));
    EXPECT_OK(file->truncate(4));
    EXPECT_EQ(this->read(*file), std::string("he\0\0", 4));
}

TYPED_TEST(FileSystemContract, AllocatesSpaceThatReadsAsZeros) {
    auto file = this->create("a", "hello");
    const auto allocated = file->allocate(2 * kBlockSize);
    ASSERT_TRUE(allocated.ok());
    if (!*allocated) GTEST_SKIP() << "this file system gives space only to what is written";
    EXPECT_EQ(*file->size(), 2 * kBlockSize);
    EXPECT_EQ(this->read(*file, 0, 7), std::string("hello\0\0", 7));
    EXPECT_EQ(this->read(*file, 2 * kBlockSize - 2, 4), std::string(2, '\0'));
}

TYPED_TEST(FileSystemContract, ReadsFromTheDiskWhatWasWritten) {
    struct alignas(kBlockSize) Block {
        std::array<char, 2 * kBlockSize> text = {};
    };
    auto file = this->open("a", OpenMode::kCreate);
    EXPECT_OK(file->truncate(2 * kBlockSize));
    const auto block = std::make_unique<Block>();
    block->text.fill('x');
    EXPECT_OK(file->write_durable_at(0, std::as_bytes(std::span(block->text)).first(kBlockSize)));
    EXPECT_OK(file->write_at(kBlockSize, bytes_of("hello")));  // not synced
    EXPECT_EQ(*file->read_disk_at(0, std::as_writable_bytes(std::span(block->text))), 2 * kBlockSize);
    EXPECT_EQ(std::string_view(block->text.data() + kBlockSize - 1, 7), std::string_view("xhello\0", 7));
    EXPECT_EQ(*file->read_disk_at(kBlockSize, std::as_writable_bytes(std::span(block->text))), kBlockSize);
}

TYPED_TEST(FileSystemContract, WritesDurablyInPlace) {
    struct alignas(kBlockSize) Block {
        std::array<char, 2 * kBlockSize> text = {};
    };
    auto file = this->open("a", OpenMode::kCreate);
    const auto block = std::make_unique<Block>();
    EXPECT_OK(file->truncate(4 * kBlockSize));
    for (const char c : {'x', 'y'}) {
        block->text.fill(c);
        EXPECT_OK(file->write_durable_at(kBlockSize, std::as_bytes(std::span(block->text))));
        EXPECT_EQ(this->read(*file, kBlockSize - 1, 3), std::string({'\0', c, c}));
        EXPECT_EQ(this->read(*file, 3 * kBlockSize - 1, 2), std::string({c, '\0'}));
    }
    EXPECT_EQ(*file->size(), 4 * kBlockSize);
}

TYPED_TEST(FileSystemContract, RefusesToWriteAFileOpenedForReading) {
    alignas(kBlockSize) static const std::array<std::byte, kBlockSize> block = {};
    this->create("a", "hello");
    auto file = this->open("a", OpenMode::kRead);
    EXPECT_FAILS(ErrorCode::kIo, file->write_at(0, bytes_of("x")));
    EXPECT_FAILS(ErrorCode::kIo, file->write_durable_at(0, block));
    EXPECT_FAILS(ErrorCode::kIo, file->truncate(0));
    EXPECT_EQ(this->read(*file), "hello");
}

TYPED_TEST(FileSystemContract, TellsMissingAndTakenNamesApart) {
    this->create("a", "");
    EXPECT_OK(this->files().make_directory(this->path("d")));
    EXPECT_FAILS(ErrorCode::kNotFound, this->files().open(this->path("b"), OpenMode::kRead));
    EXPECT_FAILS(ErrorCode::kNotFound, this->files().open(this->path("b"), OpenMode::kReadWrite));
    EXPECT_FAILS(ErrorCode::kNotFound, this->files().open(this->path("x/b"), OpenMode::kCreate));
    EXPECT_FAILS(ErrorCode::kAlreadyExists, this->files().open(this->path("a"), OpenMode::kCreate));
    EXPECT_FAILS(ErrorCode::kAlreadyExists, this->files().open(this->path("d"), OpenMode::kCreate));
    EXPECT_FAILS(ErrorCode::kInvalidArgument, this->files().open(this->path("d"), OpenMode::kRead));
    EXPECT_FAILS(ErrorCode::kInvalidArgument, this->files().open(this->path("a/b"), OpenMode::kRead));
    EXPECT_FAILS(ErrorCode::kAlreadyExists, this->files().make_directory(this->path("d")));
    EXPECT_FAILS(ErrorCode::kAlreadyExists, this->files().make_directory(this->path("a")));
    EXPECT_FAILS(ErrorCode::kNotFound, this->files().make_directory(this->path("x/y")));
    EXPECT_FAILS(ErrorCode::kNotFound, this->files().list(this->path("x")));
    EXPECT_FAILS(ErrorCode::kInvalidArgument, this->files().list(this->path("a")));
    EXPECT_FAILS(ErrorCode::kNotFound, this->files().remove_file(this->path("x")));
    EXPECT_FAILS(ErrorCode::kNotFound, this->files().remove_directory(this->path("x")));
    EXPECT_FAILS(ErrorCode::kNotFound, this->files().sync_directory(this->path("x")));
    EXPECT_FAILS(ErrorCode::kNotFound, this->files().rename(this->path("x"), this->path("y")));
    EXPECT_FAILS(ErrorCode::kNotFound, this->files().rename(this->path("a"), this->path("x/y")));
}

TYPED_TEST(FileSystemContract, NamesTheFileInItsErrors) {
    const auto file = this->files().open(this->path("missing"), OpenMode::kRead);
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().message, "open " + this->path("missing") + ": No such file or directory");
}

TYPED_TEST(FileSystemContract, AnswersWhetherAPathExists) {
    this->create("a", "");
    EXPECT_TRUE(*this->files().exists(this->path("a")));
    EXPECT_TRUE(*this->files().exists(this->path("")));
    EXPECT_FALSE(*this->files().exists(this->path("b")));
    EXPECT_FALSE(*this->files().exists(this->path("b/c")));
    EXPECT_FALSE(*this->files().exists(this->path("a/c")));
}

TYPED_TEST(FileSystemContract, ListsNamesSorted) {
    EXPECT_OK(this->files().make_directory(this->path("d")));
    for (const char* name : {"d/c", "d/a", "d/.b"}) this->create(name, "");
    EXPECT_OK(this->files().make_directory(this->path("d/b")));
    EXPECT_EQ(this->listing("d"), ".b a b/ c ");
}

TYPED_TEST(FileSystemContract, RenameReplacesAFileAndLeavesOpenOnesAlone) {
    auto old_file = this->create("a", "old");
    auto new_file = this->create("b", "new");
    EXPECT_OK(this->files().rename(this->path("b"), this->path("a")));
    EXPECT_EQ(this->listing(""), "a ");
    EXPECT_EQ(this->read("a"), "new");
    EXPECT_EQ(this->read(*old_file), "old");
    EXPECT_OK(new_file->write_at(0, bytes_of("NEW")));
    EXPECT_EQ(this->read("a"), "NEW");
    EXPECT_OK(this->files().rename(this->path("a"), this->path("a")));
    EXPECT_EQ(this->listing(""), "a ");
}

TYPED_TEST(FileSystemContract, RenameMovesADirectoryOnlyToAFreeName) {
    EXPECT_OK(this->files().make_directory(this->path("d")));
    EXPECT_OK(this->files().make_directory(this->path("e")));
    this->create("d/a", "text");
    this->create("f", "");
    EXPECT_FAILS(ErrorCode::kAlreadyExists, this->files().rename(this->path("d"), this->path("e")));
    EXPECT_FAILS(ErrorCode::kAlreadyExists, this->files().rename(this->path("d"), this->path("f")));
    EXPECT_FAILS(ErrorCode::kInvalidArgument, this->files().rename(this->path("f"), this->path("e")));
    EXPECT_FAILS(ErrorCode::kIo, this->files().rename(this->path("d"), this->path("d/x")));
    EXPECT_OK(this->files().rename(this->path("d"), this->path("e/d")));
    EXPECT_EQ(this->read("e/d/a"), "text");
    EXPECT_EQ(this->listing(""), "e/ f ");
}

TYPED_TEST(FileSystemContract, RemovesFilesAndEmptyDirectoriesEachByItsOwnCall) {
    EXPECT_OK(this->files().make_directory(this->path("d")));
    this->create("d/a", "");
    EXPECT_FAILS(ErrorCode::kInvalidArgument, this->files().remove_file(this->path("d")));
    EXPECT_FAILS(ErrorCode::kInvalidArgument, this->files().remove_directory(this->path("d/a")));
    EXPECT_FAILS(ErrorCode::kIo, this->files().remove_directory(this->path("d")));
    EXPECT_OK(this->files().remove_file(this->path("d/a")));
    EXPECT_OK(this->files().remove_directory(this->path("d")));
    EXPECT_EQ(this->listing(""), "");
}

TYPED_TEST(FileSystemContract, AnOpenFileOutlivesItsName) {
    auto file = this->create("a", "text");
    EXPECT_OK(this->files().remove_file(this->path("a")));
    EXPECT_OK(this->files().sync_directory(this->path("")));
    EXPECT_OK(file->write_at(4, bytes_of("!")));
    EXPECT_OK(file->sync());
    EXPECT_EQ(this->read(*file), "text!");
}

TYPED_TEST(FileSystemContract, WhatWasNeverWrittenTakesNoSpace) {
    constexpr std::uint64_t kSize = std::uint64_t{8} << 20;
    auto file = this->create("a", "");
    EXPECT_OK(file->truncate(kSize));
    EXPECT_OK(file->sync());
    EXPECT_EQ(file->size_on_disk().value(), 0U);
    const std::string text(std::size_t{64} << 10, 'x');
    EXPECT_OK(file->write_at(kSize / 2, bytes_of(text)));
    EXPECT_OK(file->sync());
    EXPECT_EQ(file->size().value(), kSize);
    EXPECT_GE(file->size_on_disk().value(), text.size());
    EXPECT_LT(file->size_on_disk().value(), kSize / 4);
    EXPECT_EQ(this->read(*file, 0, 4), std::string(4, '\0'));
}

TYPED_TEST(FileSystemContract, ALockHasOneHolder) {
    auto lock = this->files().lock(this->path("lock"));
    ASSERT_TRUE(lock.ok());
    const auto second = this->files().lock(this->path("lock"));
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::kLocked);
    EXPECT_NE(second.error().message.find(this->path("lock")), std::string::npos);
    lock->reset();
    EXPECT_OK(this->files().lock(this->path("lock")));
    EXPECT_FAILS(ErrorCode::kNotFound, this->files().lock(this->path("x/lock")));
}

}  // namespace
}  // namespace chronos::io
