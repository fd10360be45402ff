#include "app/compressed_output.h"

#include <gtest/gtest.h>

#include "app/scratch_directory.h"

namespace chronos::app {
namespace {

class CompressedOutputTest : public testing::Test {
protected:
    bool exists(const std::string& name) { return *program_.world.files.exists(path_of(name)); }
    std::string path_of(const std::string& name) const { return scratch_->path() + "/" + name; }

    Program program_;
    std::unique_ptr<ScratchDirectory> scratch_ = ScratchDirectory::make(program_.world.files).value();
};

TEST_F(CompressedOutputTest, GivesTheFileItsNameWhenItIsWhole) {
    auto output = CompressedOutput::create(program_, path_of("a"), Compression::kNone).value();
    EXPECT_TRUE(output->write("hello").ok());
    EXPECT_FALSE(exists("a"));
    EXPECT_TRUE(exists("a.part"));
    EXPECT_TRUE(output->finish().ok());
    output.reset();
    EXPECT_TRUE(exists("a"));
    EXPECT_FALSE(exists("a.part"));
}

TEST_F(CompressedOutputTest, LeavesNothingBehindWithoutAnEnd) {
    for (const Compression compression : {Compression::kNone, Compression::kGzip, Compression::kZstd}) {
        auto output = CompressedOutput::create(program_, path_of("a"), compression).value();
        EXPECT_TRUE(output->write(std::string(1'000'000, 'x')).ok());
        output.reset();
        EXPECT_TRUE(program_.world.files.list(scratch_->path())->empty());
    }
}

TEST_F(CompressedOutputTest, NeverReplacesAFile) {
    auto first = CompressedOutput::create(program_, path_of("a"), Compression::kNone).value();
    EXPECT_EQ(CompressedOutput::create(program_, path_of("a"), Compression::kNone).error().code,
              ErrorCode::kAlreadyExists);
    (void)program_.world.files.open(path_of("a"), io::OpenMode::kCreate);
    EXPECT_EQ(first->finish().error().code, ErrorCode::kAlreadyExists);
    EXPECT_EQ(CompressedOutput::create(program_, path_of("a"), Compression::kNone).error().code,
              ErrorCode::kAlreadyExists);
}

}  // namespace
}  // namespace chronos::app
