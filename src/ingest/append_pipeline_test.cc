#include "ingest/append_pipeline.h"

#include <gtest/gtest.h>

#include "event/batch_content.h"

namespace chronos::ingest {
namespace {

Uuid id_of(unsigned number) {
    Uuid id;
    id.bytes[0] = std::byte{1};
    id.bytes[15] = static_cast<std::byte>(number);
    return id;
}

struct Line {
    unsigned id = 0;  // 0: none
    std::string_view payload = "{}";
    std::string_view type = "t";
};

class AppendPipelineTest : public testing::Test {
protected:
    /// Lines count from `first_line`.
    Status submit(std::uint64_t first_line, const std::vector<Line>& lines) {
        AppendPipeline::Batch batch;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            BatchBuilder::EventRef event = {.entity_id = "e", .event_type = lines[i].type, .payload = lines[i].payload};
            if (lines[i].id != 0) event.id = id_of(lines[i].id);
            batch.events.add(event);
            batch.lines.push_back(first_line + i);
        }
        batch.last_line = first_line + lines.size() - 1;
        return pipeline_.submit(std::move(batch));
    }
    std::string payloads() const {
        Page page;
        EXPECT_TRUE(store_.view()->read_entity("e", {}, page).ok());
        std::string text;
        for (const EventView& event : page.events()) text += std::string(event.payload) + " ";
        return text;
    }

    Store store_ = Store::open({.in_memory = true}).value();
    AppendPipeline pipeline_{store_};
};

TEST_F(AppendPipelineTest, CountsWhatIsOnItsWayWhenABatchIsRefusedAtOnce) {
    EXPECT_TRUE(submit(1, {{}, {}}).ok());
    EXPECT_TRUE(submit(3, {{}, {}}).ok());
    const Status refused = submit(5, {{.payload = "{"}, {}});
    ASSERT_FALSE(refused.ok());
    EXPECT_TRUE(refused.error().message.starts_with("lines 5, 6: ")) << refused.error().message;
    EXPECT_EQ(pipeline_.counts().committed_through, 4U);
    EXPECT_EQ(pipeline_.counts().appended, 4U);
    EXPECT_EQ(pipeline_.counts().failed_line, 5U);
    EXPECT_FALSE(submit(7, {{}}).ok());
}

TEST_F(AppendPipelineTest, AppendsWhatStandsBeforeAFault) {
    const Status refused = submit(1, {{}, {}, {.type = "a b"}, {}});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().message, "line 3: event_type 'a b' has white space");
    EXPECT_EQ(pipeline_.counts().committed_through, 2U);
}

TEST_F(AppendPipelineTest, TreatsARepeatedIdTheSameWhereverBatchesEnd) {
    EXPECT_TRUE(submit(1, {{1, "1"}, {2, "2"}, {1, "1"}, {3, "3"}, {3, "3"}}).ok());
    EXPECT_TRUE(pipeline_.finish().ok());
    EXPECT_EQ(payloads(), "1 2 3 ");
    EXPECT_EQ(pipeline_.counts().appended, 3U);
    EXPECT_EQ(pipeline_.counts().duplicates, 2U);
    EXPECT_EQ(pipeline_.counts().committed_through, 5U);
}

TEST_F(AppendPipelineTest, NamesTheLineWhoseIdIsKnownWithOtherContent) {
    EXPECT_TRUE(submit(1, {{1, "1"}, {2, "2"}}).ok());
    EXPECT_TRUE(pipeline_.finish().ok());
    EXPECT_TRUE(submit(3, {{3, "3"}}).ok());
    Status status = submit(4, {{2, "0"}});
    if (status.ok()) status = pipeline_.finish();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kIdConflict);
    EXPECT_TRUE(status.error().message.starts_with("line 4: ")) << status.error().message;
    EXPECT_EQ(pipeline_.counts().failed_line, 4U);
    EXPECT_EQ(pipeline_.counts().committed_through, 3U);
}

TEST_F(AppendPipelineTest, NamesTheSecondOfTwoInOneBatchThatDiffer) {
    Status status = submit(1, {{1, "1"}, {2, "2"}, {1, "3"}});
    if (status.ok()) status = pipeline_.finish();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kIdConflict);
    EXPECT_EQ(pipeline_.counts().failed_line, 3U);
    EXPECT_EQ(pipeline_.counts().committed_through, 2U);
}

TEST_F(AppendPipelineTest, KeepsExpectedVersionsWhenItCuts) {
    AppendPipeline::Batch batch;
    for (unsigned i = 0; i < 3; ++i) {
        batch.events.add({.entity_id = "e",
                          .event_type = "t",
                          .id = id_of(i == 2 ? 1 : i + 1),
                          .expected_version = ExpectedVersion::exactly(i)});
        batch.lines.push_back(i + 1);
    }
    batch.last_line = 3;
    EXPECT_TRUE(pipeline_.submit(std::move(batch)).ok());
    EXPECT_TRUE(pipeline_.finish().ok());
    EXPECT_EQ(pipeline_.counts().appended, 2U);
    EXPECT_EQ(pipeline_.counts().duplicates, 1U);
}

}  // namespace
}  // namespace chronos::ingest
