// Answers about much that was written: they end early and say where to go on.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "conformance/server_process.h"

namespace chronos::conformance {
namespace {

using nlohmann::json;

constexpr std::size_t kMegabyte = 1'000'000;
constexpr std::size_t kEvents = 14;

class LargeAnswers : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(server_.is_running());
        for (std::size_t i = 0; i < kEvents; ++i) {
            const json event = {{"entity_id", "large:1"},
                                {"event_type", "grown"},
                                {"payload", {{"n", i}, {"text", std::string(kMegabyte, 'a' + static_cast<char>(i))}}}};
            ASSERT_EQ(server_.ask({.method = "POST", .target = "/api/v1/events", .body = event.dump()}).status, 200);
        }
    }
    json get(const std::string& target) {
        const HttpAnswer answer = server_.ask({.target = target});
        EXPECT_EQ(answer.status, 200) << answer.body;
        // What is asked for besides: a state has two copies of its own.
        EXPECT_LT(answer.body.size(), (8U << 20) + 3 * kMegabyte) << target;
        return json::parse(answer.body);
    }
    ServerProcess server_;
};

TEST_F(LargeAnswers, AStateHasTheLastEventsAsFarAsTheyAreEightMebibytes) {
    const json state = get("/api/v1/entities/large:1/state");
    EXPECT_EQ(state["version"], kEvents);
    EXPECT_EQ(state["history_truncated"], true);
    EXPECT_EQ(state["history"].size(), 8U);
    EXPECT_EQ(state["history"].back()["payload"]["n"], kEvents - 1);
    EXPECT_EQ(get("/api/v1/entities/large:1/state?at=3")["history_truncated"], false);
}

TEST_F(LargeAnswers, AHistoryComesInPagesOfEightMebibytes) {
    std::size_t seen = 0;
    std::string after;
    for (bool has_more = true; has_more;) {
        const json page = get("/api/v1/entities/large:1/history" + after);
        EXPECT_EQ(page["event_count"], kEvents);
        EXPECT_EQ(page["count"], page["history"].size());
        ASSERT_GE(page["history"].size(), 1U);
        for (const json& entry : page["history"]) EXPECT_EQ(entry["version"], ++seen);
        has_more = page["has_more"];
        EXPECT_EQ(page.contains("next_after_version"), has_more);
        if (has_more) after = "?after_version=" + page["next_after_version"].dump();
    }
    EXPECT_EQ(seen, kEvents);
}

}  // namespace
}  // namespace chronos::conformance
