// Writing and merging index files when the power goes or the disk is full.
#include <gtest/gtest.h>

#include "index/index_file.h"
#include "index/made_up_log.h"
#include "io/sim/sim_file_system.h"

namespace chronos::index {
namespace {

const Uuid kDatabase = Uuid::parse("019b76da-a800-7ed2-acde-4ca71b29a114").value();
const std::function<Status()> kGoOn = [] { return Status(); };
using Bytes = std::vector<std::byte>;
using Work = std::function<Status(io::SimFileSystem&)>;

/// Work that makes one file, and the disk it begins with.
class IndexFaultTest : public testing::Test {
protected:
    IndexFaultTest() {
        EXPECT_TRUE(disk_.make_directory("index").ok());
        EXPECT_TRUE(disk_.sync_directory("/").ok());
    }

    static Status write(io::SimFileSystem& disk, const IndexContent& content) {
        auto path = write_index_file(disk, "index", kDatabase, content);
        return path.ok() ? Status() : Status(std::move(path).error());
    }
    static Status merge(io::SimFileSystem& disk) {
        cache::ImageCache cache(1 << 30);
        std::vector<std::shared_ptr<IndexFile>> parts;
        for (const char* path : {"index/000001-000001.idx", "index/000002-000002.idx"}) {
            auto part = IndexFile::open(disk, cache, path, kDatabase);
            if (!part.ok()) return std::move(part).error();
            parts.push_back(*part);
        }
        auto path = merge_index_files(disk, "index", kDatabase, parts, kGoOn);
        return path.ok() ? Status() : Status(std::move(path).error());
    }

    /// Whether `disk` has what it had, and of the new file everything or nothing.
    void expect_old_or_new(const io::SimFileSystem& disk, bool must_be_new) {
        for (const std::string& path : before_)
            EXPECT_EQ(disk.file_contents(path).value(), done_->file_contents(path).value());
        const auto content = disk.file_contents(path_);
        EXPECT_TRUE(content.ok() || !must_be_new);
        if (content.ok()) {
            EXPECT_TRUE(*content == done_->file_contents(path_).value());
        }
    }
    void prepare(const std::string& path, const Work& work) {
        path_ = path;
        before_ = disk_.all_files();
        std::erase_if(before_, [](const std::string& name) { return name.ends_with(".tmp"); });
        done_ = disk_.clone();
        ASSERT_TRUE(work(*done_).ok());
    }

    void cut_power_everywhere(const std::string& path, const Work& work) {
        prepare(path, work);
        bool is_done = false;
        for (std::uint64_t op = 0; !is_done; ++op) {
            for (const io::CrashMode mode :
                 {io::CrashMode::kDropUnsynced, io::CrashMode::kKeepAll, io::CrashMode::kPrefix,
                  io::CrashMode::kRandomSubset, io::CrashMode::kGarbage}) {
                SCOPED_TRACE(testing::Message() << "operation " << op << ", mode " << static_cast<int>(mode));
                const auto disk = disk_.clone();
                disk->reseed(op + 1);
                disk->crash_at_op(disk->op_count() + op, {.torn = true});
                is_done = work(*disk).ok();
                disk->crash(mode);
                expect_old_or_new(*disk, is_done);
                EXPECT_TRUE(work(*disk).ok());  // What is left over is in nobody's way.
                expect_old_or_new(*disk, true);
                EXPECT_EQ(disk->all_files(), done_->all_files());
            }
        }
    }

    void fail_everywhere(const std::string& path, const Work& work, io::FaultKind kind, ErrorCode code) {
        prepare(path, work);
        const std::uint64_t ops = done_->op_count() - disk_.op_count();
        for (std::uint64_t op = 0; op < ops; ++op) {
            SCOPED_TRACE(op);
            const auto disk = disk_.clone();
            disk->fail_op(disk->op_count() + op, kind);
            const Status status = work(*disk);
            expect_old_or_new(*disk, status.ok());
            for (const std::string& name : disk->all_files()) EXPECT_TRUE(!name.ends_with(".tmp")) << name;
            if (!status.ok()) {
                EXPECT_EQ(status.error().code, code) << status.error().message;
            }
        }
    }

    io::SimFileSystem disk_{1};
    std::string path_;
    std::vector<std::string> before_;
    std::unique_ptr<io::SimFileSystem> done_;
};

class IndexWriteFaultTest : public IndexFaultTest {
protected:
    const MadeUpLog log_{{.segment_sizes = {60'000}, .entity_count = 5000, .has_only_entities = true}};
    const IndexContent content_ = log_.content(0, 1);
    const Work work_ = [this](io::SimFileSystem& disk) { return write(disk, content_); };
};

TEST_F(IndexWriteFaultTest, AfterAPowerCutTheFileIsWholeOrAbsent) {
    ASSERT_NO_FATAL_FAILURE(cut_power_everywhere("/index/000001-000001.idx", work_));
    EXPECT_GT(done_->file_contents(path_)->size(), 1U << 20);
}

TEST_F(IndexWriteFaultTest, AFullDiskLeavesNothingBehind) {
    fail_everywhere("/index/000001-000001.idx", work_, io::FaultKind::kNoSpace, ErrorCode::kNoSpace);
    disk_.set_capacity(1'300'000);
    EXPECT_EQ(work_(disk_).error().code, ErrorCode::kNoSpace);
    EXPECT_TRUE(disk_.all_files().empty());
}

TEST_F(IndexWriteFaultTest, AnErrorLeavesNothingBehind) {
    fail_everywhere("/index/000001-000001.idx", work_, io::FaultKind::kEio, ErrorCode::kIo);
    fail_everywhere("/index/000001-000001.idx", work_, io::FaultKind::kShortWrite, ErrorCode::kIo);
    fail_everywhere("/index/000001-000001.idx", work_, io::FaultKind::kFailedSync, ErrorCode::kIo);
}

class IndexMergeFaultTest : public IndexFaultTest {
protected:
    IndexMergeFaultTest() {
        EXPECT_TRUE(write(disk_, log_.content(0, 1)).ok());
        EXPECT_TRUE(write(disk_, log_.content(1, 2)).ok());
    }
    const MadeUpLog log_{{.segment_sizes = {300, 400}}};
};

TEST_F(IndexMergeFaultTest, AfterAPowerCutTheFileIsWholeOrAbsentAndThePartsAreThere) {
    cut_power_everywhere("/index/000001-000002.idx", merge);
}

TEST_F(IndexMergeFaultTest, AFullDiskLeavesTheParts) {
    fail_everywhere("/index/000001-000002.idx", merge, io::FaultKind::kNoSpace, ErrorCode::kNoSpace);
}

TEST_F(IndexMergeFaultTest, AnErrorLeavesTheParts) {
    fail_everywhere("/index/000001-000002.idx", merge, io::FaultKind::kEio, ErrorCode::kIo);
}

}  // namespace
}  // namespace chronos::index
