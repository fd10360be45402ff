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

TEST_F(LargeAnswers, AQueryWithoutALimitAnswersEightMebibytesAtATime) {
    for (const std::string order : {"asc", "desc"}) {
        const json first = get("/api/v1/events/query?order=" + order);
        EXPECT_EQ(first["count"], 8U);
        EXPECT_EQ(first["total_count"], kEvents);
        EXPECT_EQ(first["has_more"], true);
        const json rest =
            get("/api/v1/events/query?order=" + order + "&cursor=" + first["next_cursor"].get<std::string>());
        EXPECT_EQ(rest["count"], kEvents - 8);
        EXPECT_EQ(rest["has_more"], false);
        EXPECT_EQ(rest["events"].front()["payload"]["n"], order == "asc" ? 8 : kEvents - 9);
    }
}

TEST_F(LargeAnswers, AQueryWithoutALimitAnswersTenThousandEventsAtATime) {
    constexpr std::size_t kManyEvents = 10'050;
    std::string lines;
    for (std::size_t i = 0; i < kManyEvents; ++i)
        lines += json({{"entity_id", "many:1"}, {"event_type", "counted"}, {"payload", {{"n", i}}}}).dump() + "\n";
    for (std::size_t i = 0; i < 150; ++i)
        lines += json({{"entity_id", "some:1"}, {"event_type", "noted"}, {"payload", {{"n", i}}}}).dump() + "\n";
    ASSERT_EQ(server_.ask({.method = "POST", .target = "/api/v1/events/bulk", .body = lines}).status, 200);

    const json first = get("/api/v1/events/query?entity_id=many:1");
    EXPECT_EQ(first["count"], 10'000U);
    EXPECT_EQ(first["total_count"], kManyEvents);
    EXPECT_EQ(first["has_more"], true);
    for (std::size_t i = 0; i < first["events"].size(); ++i) ASSERT_EQ(first["events"][i]["payload"]["n"], i);
    const json rest = get("/api/v1/events/query?entity_id=many:1&cursor=" + first["next_cursor"].get<std::string>());
    EXPECT_EQ(rest["count"], 50U);
    EXPECT_EQ(rest["events"].front()["payload"]["n"], 10'000U);
    EXPECT_EQ(rest["has_more"], false);
    const json page = get("/api/v1/events/query?entity_id=many:1&limit=1000&offset=5");
    EXPECT_EQ(page["count"], 1'000U);
    EXPECT_EQ(page["events"].back()["payload"]["n"], 1'004U);

    const json newest = get("/api/v1/events/query?entity_id=some:1&order=desc");
    EXPECT_EQ(newest["count"], 150U);
    EXPECT_EQ(newest["events"].back()["payload"]["n"], 0U);
    EXPECT_EQ(newest["has_more"], false);
}

TEST_F(LargeAnswers, AListOfEntitiesWithoutALimitHasAThousand) {
    std::string lines;
    for (std::size_t i = 0; i < 1'001; ++i)
        lines +=
            json({{"entity_id", "e:" + std::to_string(i)}, {"event_type", "t"}, {"payload", json::object()}}).dump() +
            "\n";
    ASSERT_EQ(server_.ask({.method = "POST", .target = "/api/v1/events/bulk", .body = lines}).status, 200);
    const json list = get("/api/v1/entities");
    EXPECT_EQ(list["count"], 1'000U);
    EXPECT_EQ(list["total"], 1'002U);
    EXPECT_EQ(list["has_more"], true);
}

}  // namespace
}  // namespace chronos::conformance
