#include "wal/log.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "wal/log_fixture.h"

namespace chronos::wal {
namespace {

class LogTest : public LogFixture {};

TEST_F(LogTest, GivesBackWhatWasCommitted) {
    create();
    {
        auto log = open();
        ASSERT_TRUE(log.ok()) << log.error().message;
        for (int i = 0; i < 100; ++i) {
            ASSERT_TRUE(append(**log, std::to_string(i)).ok());
            if (i % 3 == 0) {
                ASSERT_TRUE(commit(**log).ok());
            }
        }
        ASSERT_TRUE(commit(**log).ok());
    }
    ASSERT_TRUE(open().ok());
    ASSERT_EQ(payloads_.size(), 100U);
    EXPECT_EQ(payloads_[99], "99");
}

TEST_F(LogTest, RollsSealsAndReadsOverSegments) {
    create();
    const std::string payload(3000, ' ');
    for (int session = 0; session < 4; ++session) {
        auto log = open();
        ASSERT_TRUE(log.ok()) << log.error().message;
        EXPECT_EQ(payloads_.size(), static_cast<std::size_t>(session) * 50);
        for (int i = 0; i < 50; ++i) {
            ASSERT_TRUE(append(**log, payload).ok());
            ASSERT_TRUE(commit(**log).ok());
            if (i % 10 == 0) {
                ASSERT_TRUE((*log)->prepare_spares().ok());
            }
            if (i % 25 == 0) {
                ASSERT_TRUE((*log)->seal_finished().ok());
            }
        }
    }
    EXPECT_GT((*open())->segment_count(), 8U);
}

TEST_F(LogTest, WritesAgainWhatTheDiskHadLostWhenASegmentIsSealed) {
    create();
    auto log = open();
    ASSERT_TRUE(log.ok());
    ASSERT_TRUE(append(**log, "kept").ok());
    ASSERT_TRUE(commit(**log).ok());
    ASSERT_TRUE(append(**log, "lost").ok());
    world_.files.fail_op(world_.files.op_count(), io::FaultKind::kLostWrite);
    ASSERT_TRUE(commit(**log).ok());
    const auto is_on_disk = [&](std::string_view text) {
        const auto file = world_.files.file_contents(segment_path(1));
        return std::string_view(reinterpret_cast<const char*>(file->data()), file->size()).find(text) !=
               std::string_view::npos;
    };
    ASSERT_FALSE(is_on_disk("lost"));
    while (!(*log)->has_finished()) {
        ASSERT_TRUE(append(**log, std::string(3000, ' ')).ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    ASSERT_TRUE((*log)->seal_finished().ok());
    EXPECT_EQ((*log)->counters().repaired_pieces, 1U);
    EXPECT_TRUE(is_on_disk("lost"));
    log->reset();
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(payloads_[1], "lost");
}

TEST_F(LogTest, RollsOverASpareThatIsTooSmall) {
    create();
    auto log = open();
    ASSERT_TRUE(log.ok());
    ASSERT_TRUE((*log)->prepare_spares().ok());
    ASSERT_TRUE(append(**log, std::string(200 << 10, ' ')).ok());
    ASSERT_TRUE(commit(**log).ok());
    ASSERT_TRUE((*log)->seal_finished().ok());
    log->reset();
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(payloads_.size(), 1U);
}

TEST_F(LogTest, CutsATornTailAndGoesOnBehindIt) {
    create();
    {
        auto log = open();
        ASSERT_TRUE(append(**log, "1").ok());
        ASSERT_TRUE(commit(**log).ok());
        ASSERT_TRUE(append(**log, "2").ok());
        ASSERT_TRUE(commit(**log, false).ok());
    }
    world_.files.crash(io::CrashMode::kDropUnsynced);
    {
        auto log = open();
        ASSERT_TRUE(log.ok()) << log.error().message;
        EXPECT_EQ(payloads_, std::vector<std::string>{"1"});
        ASSERT_TRUE(append(**log, "3").ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(payloads_, (std::vector<std::string>{"1", "3"}));
}

TEST_F(LogTest, RewritesATailThatMayBeInThePageCacheOnly) {
    create();
    {
        auto log = open();
        ASSERT_TRUE(append(**log, "1").ok());
        ASSERT_TRUE(commit(**log).ok());
        ASSERT_TRUE(append(**log, "2").ok());
        ASSERT_TRUE(commit(**log, false).ok());
    }
    auto log = open();  // The process died, the machine did not: "2" is in the page cache.
    ASSERT_TRUE(log.ok()) << log.error().message;
    EXPECT_EQ(payloads_, (std::vector<std::string>{"1", "2"}));
    EXPECT_EQ((*log)->counters().rewritten_records, 1U);
    log->reset();
    world_.files.crash(io::CrashMode::kDropUnsynced);
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(payloads_, (std::vector<std::string>{"1", "2"}));
}

TEST_F(LogTest, RecyclesASegmentThatHeldOnlyTheTail) {
    create();
    {
        auto log = open();
        ASSERT_TRUE(append(**log, "1").ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    for (int session = 0; session < 5; ++session) {
        auto log = open();
        ASSERT_TRUE(log.ok()) << log.error().message;
        EXPECT_EQ(payloads_, std::vector<std::string>{"1"});
        EXPECT_EQ((*log)->counters().recycled_segments, session == 0 ? 1U : 0U);  // Then it is proven.
        EXPECT_LE((*log)->file_bytes(), kSegmentSize * 8);
    }
}

TEST_F(LogTest, OpensOnAFullDisk) {
    create();
    {
        auto log = open();
        ASSERT_TRUE(append(**log, "1").ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    fill_disk();
    {
        auto log = open();
        ASSERT_TRUE(log.ok()) << log.error().message;
        ASSERT_TRUE(append(**log, "2").ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    world_.files.crash(io::CrashMode::kDropUnsynced);
    const auto log = open();
    ASSERT_TRUE(log.ok()) << log.error().message;
    EXPECT_EQ(payloads_, (std::vector<std::string>{"1", "2"}));
}

TEST_F(LogTest, RefusesDamageInSyncedDataAndNamesThePositions) {
    create();
    {
        auto log = open();
        for (int i = 0; i < 5; ++i) {
            ASSERT_TRUE(append(**log, std::to_string(i)).ok());
            ASSERT_TRUE(commit(**log).ok());
        }
    }
    ASSERT_TRUE(world_.files.flip_bit(segment_path(1), (4096 * 3 + 300) * 8).ok());
    const auto log = open();
    ASSERT_FALSE(log.ok());
    EXPECT_EQ(log.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(log.error().message.find("000001.log at offset 12288: positions [2, 3)"), std::string::npos)
        << log.error().message;
}

TEST_F(LogTest, ChangesNothingWhenItIsOnlyReadAfterACleanClose) {
    create();
    {
        auto log = open();
        ASSERT_TRUE(append(**log, "1").ok());
        ASSERT_TRUE(commit(**log).ok());
        ASSERT_TRUE((*log)->append_marker(next_seq_, true).ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    const auto manifest = *world_.files.file_contents(kFolder + "/MANIFEST");
    const auto segment = *world_.files.file_contents(segment_path(1));
    for (int i = 0; i < 3; ++i) {
        auto log = open();
        ASSERT_TRUE(log.ok());
        EXPECT_EQ((*log)->epoch(), 2U);
        EXPECT_FALSE((*log)->has_written());
    }
    EXPECT_EQ(*world_.files.file_contents(kFolder + "/MANIFEST"), manifest);
    EXPECT_EQ(*world_.files.file_contents(segment_path(1)), segment);
    {
        auto log = open();
        ASSERT_TRUE(append(**log, "2").ok());
        ASSERT_TRUE(commit(**log).ok());
        EXPECT_TRUE((*log)->has_written());
    }
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(payloads_, (std::vector<std::string>{"1", "2"}));
}

TEST_F(LogTest, RefusesAMissingSegment) {
    create();
    {
        ASSERT_TRUE(open().ok());
    }
    ASSERT_TRUE(world_.files.remove_file(segment_path(1)).ok());
    const auto log = open();
    ASSERT_FALSE(log.ok());
    EXPECT_EQ(log.error().message, "log/000001.log is missing");
}

TEST_F(LogTest, KeepsUnknownFilesAside) {
    create();
    {
        auto file = world_.files.open(kFolder + "/log/000009.log", io::OpenMode::kCreate);
        ASSERT_TRUE((*file)->write_at(0, base::as_bytes("precious")).ok());
    }
    ASSERT_TRUE(open().ok());
    const auto kept = world_.files.list(kFolder + "/lost+found");
    ASSERT_TRUE(kept.ok());
    ASSERT_EQ(kept->size(), 1U);
    EXPECT_EQ((*kept)[0].name, "1-000009.log");
}

TEST_F(LogTest, RefusesARecordLargerThanTheFormatAllows) {
    create();
    auto log = open();
    const auto body = (*log)->reserve(kRecordSizeMax);
    ASSERT_FALSE(body.ok());
    EXPECT_EQ(body.error().code, ErrorCode::kLimitExceeded);
}

TEST_F(LogTest, SaysNoSpaceWithoutLosingAnything) {
    create();
    auto log = open();
    ASSERT_TRUE(append(**log, "1").ok());
    fill_disk();
    const Status refused = append(**log, std::string(100 << 10, ' '));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kNoSpace);
    ASSERT_TRUE(append(**log, "2").ok());
    ASSERT_TRUE(commit(**log).ok());
    log->reset();
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(payloads_, (std::vector<std::string>{"1", "2"}));
}

TEST(Manifest, RefusesAnyChangedByte) {
    io::SimEnvironment world(1);
    ASSERT_TRUE(world.files.make_directory("d").ok());
    Manifest manifest;
    for (std::uint32_t number = 1; number <= 2; ++number) {
        SegmentEntry& entry = manifest.segments.emplace_back();
        entry.number = number;
        entry.file_size = kSegmentSize;
    }
    ASSERT_TRUE(write_manifest(world.files, "d", manifest).ok());
    const auto size = world.files.file_contents("d/MANIFEST")->size();
    for (std::size_t byte = 0; byte < size; ++byte) {
        const auto copy = world.files.clone();
        ASSERT_TRUE(copy->flip_bit("d/MANIFEST", byte * 8 + byte % 8).ok());
        EXPECT_FALSE(read_manifest(*copy, "d").ok()) << byte;
    }
    EXPECT_TRUE(read_manifest(world.files, "d").ok());
}

TEST(Manifest, RefusesEntriesThatCannotBe) {
    SegmentEntry good;
    good.number = 1;
    good.state = SegmentState::kSealed;
    good.file_size = kSegmentSize;
    good.end_offset = 8192;
    const auto is_refused = [](const std::vector<SegmentEntry>& entries) {
        io::SimEnvironment world(1);
        EXPECT_TRUE(world.files.make_directory("d").ok());
        Manifest manifest;
        manifest.segments = entries;
        EXPECT_TRUE(write_manifest(world.files, "d", manifest).ok());
        return !read_manifest(world.files, "d").ok();
    };
    EXPECT_FALSE(is_refused({good}));
    EXPECT_TRUE(is_refused({good, good}));
    SegmentEntry bad = good;
    bad.end_offset = std::uint64_t{1} << 62;
    EXPECT_TRUE(is_refused({bad}));
    bad = good;
    bad.number = ~std::uint32_t{0};
    EXPECT_TRUE(is_refused({bad}));
    bad = good;
    bad.file_size = (std::uint64_t{1} << 40) + 1;
    EXPECT_TRUE(is_refused({bad}));
    bad = good;
    bad.state = static_cast<SegmentState>(7);
    EXPECT_TRUE(is_refused({bad}));
}

}  // namespace
}  // namespace chronos::wal
