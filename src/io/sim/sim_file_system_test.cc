// What the simulated disk loses, breaks and copies; `io/file_system_contract_test.cc` holds what
// it does as the real one.
#include "io/sim/sim_file_system.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace chronos::io {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

struct alignas(kBlockSize) Block {
    std::array<char, kBlockSize> text = {};
    explicit Block(char c) { text.fill(c); }
    [[nodiscard]] std::span<const std::byte> bytes() const { return std::as_bytes(std::span(text)); }
};

std::string text_of(const SimFileSystem& disk, const std::string& path) {
    const auto bytes = disk.file_contents(path);
    if (!bytes.ok()) return "<" + bytes.error().message + ">";
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

std::string names_of(const SimFileSystem& disk) {
    std::string text;
    for (const std::string& path : disk.all_files()) text += path + " ";
    return text;
}

class SimFileSystemTest : public ::testing::Test {
protected:
    /// A file whose name and text are durable.
    std::unique_ptr<File> durable_file(const std::string& path, std::string_view text) {
        auto file = disk_.open(path, OpenMode::kCreate).value();
        EXPECT_TRUE(file->write_at(0, bytes_of(text)).ok());
        EXPECT_TRUE(file->sync().ok());
        EXPECT_TRUE(disk_.sync_directory("/").ok());
        return file;
    }
    /// The different texts of a file after `count` crashes of the same state.
    std::set<std::string> outcomes(CrashMode mode, const std::string& path, int count = 200) {
        std::set<std::string> texts;
        for (int i = 0; i < count; ++i) {
            auto disk = disk_.clone();
            disk->reseed(static_cast<std::uint64_t>(i));
            disk->crash(mode);
            texts.insert(text_of(*disk, path));
        }
        return texts;
    }
    std::set<std::string> name_outcomes(CrashMode mode, int count = 200) {
        std::set<std::string> names;
        for (int i = 0; i < count; ++i) {
            auto disk = disk_.clone();
            disk->reseed(static_cast<std::uint64_t>(i));
            disk->crash(mode);
            names.insert(names_of(*disk));
        }
        return names;
    }

    SimFileSystem disk_{42};
};

using Texts = std::set<std::string>;

// Durability of data.

TEST_F(SimFileSystemTest, ACrashDropsUnsyncedWritesAndKeepsSyncedOnes) {
    auto file = durable_file("/a", "old");
    ASSERT_TRUE(file->write_at(0, bytes_of("newer")).ok());
    EXPECT_EQ(text_of(disk_, "/a"), "newer");
    disk_.crash(CrashMode::kDropUnsynced);
    EXPECT_EQ(text_of(disk_, "/a"), "old");
}

TEST_F(SimFileSystemTest, ACrashThatKeepsAllLosesNothing) {
    auto file = disk_.open("/a", OpenMode::kCreate).value();
    ASSERT_TRUE(file->write_at(0, bytes_of("text")).ok());
    disk_.crash(CrashMode::kKeepAll);
    EXPECT_EQ(text_of(disk_, "/a"), "text");
}

TEST_F(SimFileSystemTest, ATruncationIsDurableOnlyAfterSync) {
    auto file = durable_file("/a", "text");
    ASSERT_TRUE(file->truncate(1).ok());
    EXPECT_EQ(outcomes(CrashMode::kRandomSubset, "/a"), (Texts{"t", "text"}));
    ASSERT_TRUE(file->sync().ok());
    disk_.crash(CrashMode::kDropUnsynced);
    EXPECT_EQ(text_of(disk_, "/a"), "t");
}

TEST_F(SimFileSystemTest, ADurableWriteSaysNothingOfOtherWrites) {
    auto file = durable_file("/a", std::string(3 * kBlockSize, '.'));
    ASSERT_TRUE(file->write_at(0, bytes_of(std::string(3 * kBlockSize, 'u'))).ok());
    ASSERT_TRUE(file->write_durable_at(kBlockSize, Block('d').bytes()).ok());
    disk_.crash(CrashMode::kDropUnsynced);
    const std::string rest(kBlockSize, '.');
    EXPECT_EQ(text_of(disk_, "/a"), rest + std::string(kBlockSize, 'd') + rest);
}

TEST_F(SimFileSystemTest, ADurableWriteIsNotUndoneByOlderChanges) {
    auto file = durable_file("/a", std::string(2 * kBlockSize, '.'));
    ASSERT_TRUE(file->truncate(10).ok());
    ASSERT_TRUE(file->truncate(kBlockSize).ok());
    ASSERT_TRUE(file->truncate(3 * kBlockSize).ok());
    ASSERT_TRUE(file->write_at(0, bytes_of(std::string(3 * kBlockSize, 'u'))).ok());
    ASSERT_TRUE(file->write_durable_at(kBlockSize, Block('d').bytes()).ok());
    for (const CrashMode mode : {CrashMode::kDropUnsynced, CrashMode::kKeepAll, CrashMode::kPrefix,
                                 CrashMode::kRandomSubset, CrashMode::kGarbage}) {
        for (const std::string& text : outcomes(mode, "/a")) {
            ASSERT_GE(text.size(), 2 * kBlockSize);
            EXPECT_EQ(text.substr(kBlockSize, kBlockSize), std::string(kBlockSize, 'd'));
            if (mode == CrashMode::kGarbage) continue;  // It may look like anything.
            EXPECT_EQ(text.substr(0, kBlockSize).find('.', 10), std::string::npos);
        }
    }
}

TEST_F(SimFileSystemTest, AfterASyncOfTheFileADurableWriteMayBeOverwritten) {
    auto file = durable_file("/a", std::string(kBlockSize, '.'));
    ASSERT_TRUE(file->write_durable_at(0, Block('d').bytes()).ok());
    ASSERT_TRUE(file->write_at(0, bytes_of("later")).ok());
    ASSERT_TRUE(file->sync().ok());
    disk_.crash(CrashMode::kDropUnsynced);
    EXPECT_EQ(text_of(disk_, "/a").substr(0, 6), "laterd");
}

TEST_F(SimFileSystemTest, APrefixKeepsWritesOfAllFilesInOrder) {
    auto a = durable_file("/a", ".");
    auto b = durable_file("/b", ".");
    ASSERT_TRUE(a->write_at(0, bytes_of("1")).ok());
    ASSERT_TRUE(b->write_at(0, bytes_of("2")).ok());
    ASSERT_TRUE(a->write_at(0, bytes_of("3")).ok());
    Texts texts;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        auto disk = disk_.clone();
        disk->reseed(seed);
        disk->crash(CrashMode::kPrefix);
        texts.insert(text_of(*disk, "/a") + text_of(*disk, "/b"));
    }
    EXPECT_EQ(texts, (Texts{"..", "1.", "12", "32"}));
}

TEST_F(SimFileSystemTest, ARandomSubsetReordersWritesAndTearsThemAtSectors) {
    auto file = durable_file("/a", std::string(2 * kSectorSize, '.'));
    ASSERT_TRUE(file->write_at(0, bytes_of(std::string(2 * kSectorSize, 'x'))).ok());
    Texts firsts;
    for (const std::string& text : outcomes(CrashMode::kRandomSubset, "/a")) {
        EXPECT_EQ(text.substr(0, kSectorSize), std::string(kSectorSize, text.front()));
        EXPECT_EQ(text.substr(kSectorSize), std::string(kSectorSize, text.back()));
        firsts.insert({text.front(), text.back()});
    }
    EXPECT_EQ(firsts, (Texts{"..", ".x", "x.", "xx"}));
}

TEST_F(SimFileSystemTest, ASectorHoldsEarlierWritesIfItHoldsLaterOnes) {
    auto file = durable_file("/a", "....");
    ASSERT_TRUE(file->write_at(0, bytes_of("1")).ok());
    ASSERT_TRUE(file->write_at(2, bytes_of("2")).ok());
    EXPECT_EQ(outcomes(CrashMode::kRandomSubset, "/a"), (Texts{"....", "1...", "1.2."}));
}

TEST_F(SimFileSystemTest, TheSizeMayBeDurableWithoutTheDataAndBackwards) {
    auto file = durable_file("/a", "a");
    ASSERT_TRUE(file->write_at(1, bytes_of("b")).ok());
    EXPECT_EQ(outcomes(CrashMode::kRandomSubset, "/a"), (Texts{"a", "ab", std::string("a\0", 2)}));
}

TEST_F(SimFileSystemTest, GarbageFillsOnlyWhatWasBeingWritten) {
    const std::string old(3 * kSectorSize, '.');
    auto file = durable_file("/a", old);
    ASSERT_TRUE(file->write_at(kSectorSize, bytes_of(std::string(kSectorSize, 'x'))).ok());
    bool has_garbage = false;
    for (const std::string& text : outcomes(CrashMode::kGarbage, "/a")) {
        ASSERT_EQ(text.size(), old.size());
        EXPECT_EQ(text.substr(0, kSectorSize), old.substr(0, kSectorSize));
        EXPECT_EQ(text.substr(2 * kSectorSize), old.substr(0, kSectorSize));
        const std::string middle = text.substr(kSectorSize, kSectorSize);
        has_garbage |= middle.find_first_not_of(".x") != std::string::npos;
    }
    EXPECT_TRUE(has_garbage);
}

// Durability of names.

TEST_F(SimFileSystemTest, ASyncedFileWithoutASyncedNameIsGone) {
    auto file = disk_.open("/a", OpenMode::kCreate).value();
    ASSERT_TRUE(file->write_at(0, bytes_of("text")).ok());
    ASSERT_TRUE(file->sync().ok());
    disk_.crash(CrashMode::kDropUnsynced);
    EXPECT_EQ(names_of(disk_), "");
}

TEST_F(SimFileSystemTest, ASyncedNameWithoutASyncedFileIsEmpty) {
    auto file = disk_.open("/a", OpenMode::kCreate).value();
    ASSERT_TRUE(file->write_at(0, bytes_of("text")).ok());
    ASSERT_TRUE(disk_.sync_directory("/").ok());
    disk_.crash(CrashMode::kDropUnsynced);
    EXPECT_EQ(names_of(disk_), "/a ");
    EXPECT_EQ(text_of(disk_, "/a"), "");
}

TEST_F(SimFileSystemTest, ADirectoryThatIsLostTakesItsSyncedFilesAlong) {
    ASSERT_TRUE(disk_.make_directory("/d").ok());
    auto file = disk_.open("/d/a", OpenMode::kCreate).value();
    ASSERT_TRUE(file->sync().ok());
    ASSERT_TRUE(disk_.sync_directory("/d").ok());
    auto lost = disk_.clone();
    lost->crash(CrashMode::kDropUnsynced);
    EXPECT_FALSE(*lost->exists("/d"));
    ASSERT_TRUE(disk_.sync_directory("/").ok());
    disk_.crash(CrashMode::kDropUnsynced);
    EXPECT_EQ(names_of(disk_), "/d/a ");
}

TEST_F(SimFileSystemTest, ARenameIsAtomic) {
    auto old_file = durable_file("/current", "old");
    auto new_file = durable_file("/next", "new");
    ASSERT_TRUE(disk_.rename("/next", "/current").ok());
    EXPECT_EQ(name_outcomes(CrashMode::kRandomSubset), (Texts{"/current ", "/current /next "}));
    EXPECT_EQ(outcomes(CrashMode::kRandomSubset, "/current"), (Texts{"old", "new"}));
    ASSERT_TRUE(disk_.sync_directory("/").ok());
    disk_.crash(CrashMode::kDropUnsynced);
    EXPECT_EQ(names_of(disk_), "/current ");
    EXPECT_EQ(text_of(disk_, "/current"), "new");
}

TEST_F(SimFileSystemTest, ARemovalIsDurableOnlyAfterTheSyncOfItsDirectory) {
    durable_file("/a", "text");
    ASSERT_TRUE(disk_.remove_file("/a").ok());
    EXPECT_EQ(name_outcomes(CrashMode::kRandomSubset), (Texts{"", "/a "}));
    EXPECT_EQ(outcomes(CrashMode::kDropUnsynced, "/a", 1), (Texts{"text"}));
    ASSERT_TRUE(disk_.sync_directory("/").ok());
    EXPECT_EQ(name_outcomes(CrashMode::kRandomSubset), (Texts{""}));
}

TEST_F(SimFileSystemTest, NameChangesAreReorderedAsFarAsTheyFit) {
    durable_file("/a", "1");
    ASSERT_TRUE(disk_.rename("/a", "/b").ok());
    auto file = disk_.open("/a", OpenMode::kCreate).value();
    auto other = disk_.open("/c", OpenMode::kCreate).value();
    EXPECT_EQ(name_outcomes(CrashMode::kRandomSubset),
              (Texts{"/a ", "/a /c ", "/b ", "/b /c ", "/a /b ", "/a /b /c "}));
}

TEST_F(SimFileSystemTest, SyncingOneDirectoryLeavesAnotherAlone) {
    ASSERT_TRUE(disk_.make_directory("/d").ok());
    ASSERT_TRUE(disk_.make_directory("/e").ok());
    ASSERT_TRUE(disk_.sync_directory("/").ok());
    ASSERT_TRUE(disk_.open("/d/a", OpenMode::kCreate).ok());
    ASSERT_TRUE(disk_.open("/e/a", OpenMode::kCreate).ok());
    ASSERT_TRUE(disk_.sync_directory("/e").ok());
    disk_.crash(CrashMode::kDropUnsynced);
    EXPECT_EQ(names_of(disk_), "/e/a ");
}

TEST_F(SimFileSystemTest, ARenameAcrossDirectoriesBringsAlongWhatItBuildsUpon) {
    ASSERT_TRUE(disk_.make_directory("/d").ok());
    ASSERT_TRUE(disk_.make_directory("/e").ok());
    ASSERT_TRUE(disk_.sync_directory("/").ok());
    ASSERT_TRUE(disk_.open("/d/a", OpenMode::kCreate).ok());
    ASSERT_TRUE(disk_.rename("/d/a", "/e/a").ok());
    ASSERT_TRUE(disk_.open("/d/later", OpenMode::kCreate).ok());
    ASSERT_TRUE(disk_.sync_directory("/e").ok());
    disk_.crash(CrashMode::kDropUnsynced);
    EXPECT_EQ(names_of(disk_), "/e/a ");
}

// Power.

TEST_F(SimFileSystemTest, FilesAndLocksFromBeforeACrashAreDead) {
    auto file = durable_file("/a", "text");
    const auto lock = disk_.lock("/lock");
    ASSERT_TRUE(disk_.sync_directory("/").ok());
    disk_.crash(CrashMode::kDropUnsynced);
    std::byte byte{};
    for (const Status& status : {file->write_at(0, {}), file->sync(), file->truncate(0)}) {
        ASSERT_FALSE(status.ok());
        EXPECT_EQ(status.error().code, ErrorCode::kIo);
        EXPECT_NE(status.error().message.find("crashed"), std::string::npos);
    }
    EXPECT_FALSE(file->read_at(0, {&byte, 1}).ok());
    EXPECT_FALSE(file->size().ok());
    EXPECT_TRUE(disk_.lock("/lock").ok());
}

TEST_F(SimFileSystemTest, EveryCallFailsFromThePowerCutUntilTheCrash) {
    auto file = durable_file("/a", "text");
    disk_.crash_at_op(disk_.op_count() + 1);
    ASSERT_TRUE(file->write_at(0, bytes_of("1")).ok());
    EXPECT_FALSE(disk_.is_powered_off());
    const Status cut = file->write_at(0, bytes_of("2"));
    ASSERT_FALSE(cut.ok());
    EXPECT_EQ(cut.error().message, "write /a: power cut");
    EXPECT_TRUE(disk_.is_powered_off());
    EXPECT_FALSE(file->sync().ok());
    EXPECT_FALSE(disk_.list("/").ok());
    EXPECT_FALSE(disk_.exists("/a").ok());
    disk_.crash(CrashMode::kKeepAll);
    EXPECT_EQ(text_of(disk_, "/a"), "1ext");
    EXPECT_TRUE(disk_.list("/").ok());
}

TEST_F(SimFileSystemTest, ATornWriteIsAnUnsyncedPrefix) {
    durable_file("/a", "....");
    Texts texts;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        auto disk = disk_.clone();
        disk->reseed(seed);
        disk->crash_at_op(disk->op_count() + 1, {.torn = true});
        auto copy = disk->open("/a", OpenMode::kReadWrite).value();
        EXPECT_FALSE(copy->write_at(0, bytes_of("1234")).ok());
        auto dropped = disk->clone();
        dropped->crash(CrashMode::kDropUnsynced);
        EXPECT_EQ(text_of(*dropped, "/a"), "....");
        disk->crash(CrashMode::kKeepAll);
        texts.insert(text_of(*disk, "/a"));
    }
    EXPECT_EQ(texts, (Texts{"....", "1...", "12..", "123.", "1234"}));
}

TEST_F(SimFileSystemTest, TheSameSeedGivesTheSameOutcome) {
    for (int i = 0; i < 20; ++i) {
        auto file = disk_.open("/" + std::to_string(i), OpenMode::kCreate).value();
        ASSERT_TRUE(file->write_at(0, bytes_of(std::string(5000, 'x'))).ok());
    }
    auto a = disk_.clone();
    auto b = disk_.clone();
    a->crash(CrashMode::kGarbage);
    b->crash(CrashMode::kGarbage);
    ASSERT_EQ(names_of(*a), names_of(*b));
    for (const auto& path : a->all_files()) EXPECT_EQ(text_of(*a, path), text_of(*b, path));
}

// Faults.

TEST_F(SimFileSystemTest, AFailedSyncLosesItsWritesEvenIfALaterOneSucceeds) {
    auto file = durable_file("/a", "old");
    ASSERT_TRUE(file->write_at(0, bytes_of("new")).ok());
    disk_.fail_op(disk_.op_count(), FaultKind::kFailedSync);
    EXPECT_FALSE(file->sync().ok());
    EXPECT_EQ(text_of(disk_, "/a"), "new");
    ASSERT_TRUE(file->write_at(3, bytes_of("!")).ok());
    EXPECT_TRUE(file->sync().ok());
    disk_.crash(CrashMode::kKeepAll);
    EXPECT_EQ(text_of(disk_, "/a"), "old!");
}

TEST_F(SimFileSystemTest, AFailedDirectorySyncLosesItsNames) {
    ASSERT_TRUE(disk_.open("/a", OpenMode::kCreate).ok());
    disk_.fail_op(disk_.op_count(), FaultKind::kFailedSync);
    EXPECT_FALSE(disk_.sync_directory("/").ok());
    EXPECT_TRUE(disk_.sync_directory("/").ok());
    EXPECT_EQ(names_of(disk_), "/a ");
    disk_.crash(CrashMode::kKeepAll);
    EXPECT_EQ(names_of(disk_), "");
}

TEST_F(SimFileSystemTest, AFailedDurableWriteIsSeenButNotDurable) {
    auto file = durable_file("/a", std::string(kBlockSize, '.'));
    disk_.fail_op(disk_.op_count(), FaultKind::kFailedSync);
    EXPECT_FALSE(file->write_durable_at(0, Block('d').bytes()).ok());
    EXPECT_EQ(text_of(disk_, "/a").front(), 'd');
    disk_.crash(CrashMode::kKeepAll);
    EXPECT_EQ(text_of(disk_, "/a").front(), '.');
}

TEST_F(SimFileSystemTest, WritesFailShortLostAndMisdirected) {
    auto file = durable_file("/a", std::string(2 * kBlockSize, '.'));
    const std::uint64_t first = disk_.op_count();
    disk_.fail_op(first, FaultKind::kShortWrite);
    disk_.fail_op(first + 1, FaultKind::kLostWrite);
    disk_.fail_op(first + 2, FaultKind::kMisdirectedWrite);
    disk_.fail_op(first + 3, FaultKind::kEio);
    disk_.fail_op(first + 4, FaultKind::kNoSpace);
    EXPECT_FALSE(file->write_at(0, bytes_of("1111")).ok());
    EXPECT_TRUE(file->write_at(0, bytes_of("2222")).ok());
    EXPECT_TRUE(file->write_at(1, bytes_of("3333")).ok());
    EXPECT_EQ(file->write_at(0, bytes_of("4444")).error().code, ErrorCode::kIo);
    EXPECT_EQ(file->write_at(0, bytes_of("5555")).error().code, ErrorCode::kNoSpace);
    EXPECT_TRUE(file->write_at(6, bytes_of("6")).ok());
    EXPECT_EQ(text_of(disk_, "/a").substr(0, 8), "11....6.");
    EXPECT_EQ(text_of(disk_, "/a").substr(kBlockSize, 6), ".3333.");
}

TEST_F(SimFileSystemTest, TheFilterChoosesWhatIsCountedAndFails) {
    disk_.set_filter({.classes = {OpClass::kWrite}, .path_contains = "wal"});
    disk_.fail_every(FaultKind::kEio, 1.0);
    auto wal = disk_.open("/wal-1", OpenMode::kCreate).value();
    auto other = disk_.open("/other", OpenMode::kCreate).value();
    EXPECT_EQ(disk_.op_count(), 0U);
    EXPECT_FALSE(wal->write_at(0, bytes_of("x")).ok());
    EXPECT_TRUE(other->write_at(0, bytes_of("x")).ok());
    EXPECT_TRUE(wal->sync().ok());
    EXPECT_EQ(disk_.op_count(), 1U);
    disk_.clear_faults();
    EXPECT_TRUE(wal->write_at(0, bytes_of("x")).ok());
    EXPECT_EQ(disk_.op_count(), 2U);
}

TEST_F(SimFileSystemTest, AFullDiskTakesWhatFitsAndStillOverwrites) {
    auto file = durable_file("/a", "1234");
    disk_.set_capacity(6);
    const Status status = file->write_at(4, bytes_of("5678"));
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kNoSpace);
    EXPECT_EQ(text_of(disk_, "/a"), "123456");
    EXPECT_TRUE(file->write_at(0, bytes_of("abcdef")).ok());
    EXPECT_EQ(file->truncate(7).error().code, ErrorCode::kNoSpace);
    EXPECT_TRUE(file->truncate(1).ok());
    EXPECT_TRUE(file->truncate(6).ok());
}

TEST_F(SimFileSystemTest, RemovingAFileFreesItsSpace) {
    disk_.set_capacity(10);
    durable_file("/a", "1234567890");
    ASSERT_TRUE(disk_.remove_file("/a").ok());
    ASSERT_TRUE(disk_.sync_directory("/").ok());
    durable_file("/b", "1234567890");
    EXPECT_EQ(text_of(disk_, "/b"), "1234567890");
}

// Damage and copies.

TEST_F(SimFileSystemTest, DamageReachesMemoryAndDisk) {
    auto file = durable_file("/a", "abcd");
    ASSERT_TRUE(file->write_at(3, bytes_of("DE")).ok());
    ASSERT_TRUE(disk_.flip_bit("/a", 8 + 1).ok());
    ASSERT_TRUE(disk_.corrupt("/a", 3, bytes_of("xy")).ok());
    EXPECT_EQ(text_of(disk_, "/a"), "a`cxy");
    auto dropped = disk_.clone();
    dropped->crash(CrashMode::kDropUnsynced);
    EXPECT_EQ(text_of(*dropped, "/a"), "a`cx");
    ASSERT_TRUE(file->sync().ok());
    disk_.crash(CrashMode::kDropUnsynced);
    EXPECT_EQ(text_of(disk_, "/a"), "a`cxy");
    EXPECT_EQ(disk_.flip_bit("/a", 40).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(disk_.corrupt("/a", 4, bytes_of("xy")).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(disk_.flip_bit("/b", 0).error().code, ErrorCode::kNotFound);
}

TEST_F(SimFileSystemTest, AHugeOffsetIsNoSpaceAndNotOutOfMemory) {
    auto file = durable_file("/a", "x");
    EXPECT_EQ(file->write_at(UINT64_MAX - 1, bytes_of("yy")).error().code, ErrorCode::kNoSpace);
    EXPECT_EQ(file->truncate(UINT64_MAX).error().code, ErrorCode::kNoSpace);
    EXPECT_EQ(text_of(disk_, "/a"), "x");
}

TEST_F(SimFileSystemTest, ClonesDoNotSeeEachOthersWritesEvenOnThreads) {
    auto file = durable_file("/a", std::string(100'000, '.'));
    std::vector<std::thread> threads;
    for (char c = 'a'; c < 'e'; ++c) {
        threads.emplace_back([c, disk = disk_.clone()] {
            auto copy = disk->open("/a", OpenMode::kReadWrite).value();
            for (std::uint64_t i = 0; i < 100'000; i += 1000) {
                EXPECT_TRUE(copy->write_at(i, bytes_of(std::string(1000, c))).ok());
            }
            EXPECT_EQ(text_of(*disk, "/a"), std::string(100'000, c));
        });
    }
    ASSERT_TRUE(file->write_at(0, bytes_of("!")).ok());
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(text_of(disk_, "/a"), "!" + std::string(99'999, '.'));
}

TEST_F(SimFileSystemTest, ClonesHaveFreeLocks) {
    const auto lock = disk_.lock("/lock");
    EXPECT_TRUE(disk_.clone()->lock("/lock").ok());
    EXPECT_FALSE(disk_.lock("/lock").ok());
}

}  // namespace
}  // namespace chronos::io
