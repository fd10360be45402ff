// Times that count from when a request is made: pages that go on with one, and what may be kept of the answers.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "conformance/http_client.h"
#include "conformance/server_process.h"

namespace chronos::conformance {
namespace {

using nlohmann::json;

constexpr const char* kQuery = "/api/v1/events/query";

class RelativeTime : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(server_.is_running());
        for (int i = 0; i < 3; ++i) {
            const std::string event = R"({"entity_id":"e","event_type":"t","payload":{"n":)" + std::to_string(i) + "}}";
            ASSERT_EQ(server_.ask({.method = "POST", .target = "/api/v1/events", .body = event}).status, 200);
        }
    }
    void TearDown() override { EXPECT_EQ(server_.stop(), 0); }
    HttpAnswer get(const std::string& target, const std::string& accept = "application/json") {
        return server_.ask({.target = target, .headers = {{"Accept", accept}}});
    }
    HttpAnswer post(const json& query) {
        return server_.ask({.method = "POST", .target = kQuery, .body = query.dump()});
    }
    /// The target of `Link: <…>; rel="next"`.
    static std::string next_of(const HttpAnswer& answer) {
        const std::string link = answer.header("link");
        return link.empty() ? link : link.substr(1, link.find('>') - 1);
    }
    static std::vector<int> positions(const HttpAnswer& answer) {
        std::vector<int> found;
        for (const json& event : json::parse(answer.body).value("events", json::array()))
            found.push_back(event["position"]);
        return found;
    }
    ServerProcess server_;
};

TEST_F(RelativeTime, ALinkGoesOnWithTheTimesOfItsPage) {
    const HttpAnswer first = get(std::string(kQuery) + "?since=1+hour+ago&until=now&limit=2");
    ASSERT_EQ(first.status, 200) << first.body;
    const std::string next = next_of(first);
    EXPECT_EQ(next.find("ago"), std::string::npos) << next;
    EXPECT_EQ(next.find("now"), std::string::npos) << next;
    const HttpAnswer second = get(next);
    ASSERT_EQ(second.status, 200) << next << second.body;
    EXPECT_EQ(positions(second), std::vector<int>{2});
    EXPECT_EQ(json::parse(second.body)["total_count"], 3);
}

TEST_F(RelativeTime, ACursorGoesOnWithTheSameWords) {
    json query = {{"since", "1 hour ago"}, {"limit", 1}};
    std::vector<int> found;
    for (int page = 0; page < 3; ++page) {
        const HttpAnswer answer = post(query);
        ASSERT_EQ(answer.status, 200) << answer.body;
        found.push_back(positions(answer).at(0));
        query["cursor"] = json::parse(answer.body).value("next_cursor", "");
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_EQ(found, (std::vector<int>{0, 1, 2}));
    const HttpAnswer lines = get(std::string(kQuery) + "?since=1+hour+ago&limit=2", "application/x-ndjson");
    const std::string last = lines.body.substr(lines.body.rfind('{'));
    const HttpAnswer rest = post({{"since", "1 hour ago"}, {"cursor", json::parse(last)["next_cursor"]}});
    EXPECT_EQ(positions(rest), std::vector<int>{2});
}

TEST_F(RelativeTime, ACursorGoesWithNoOtherTime) {
    const json first = json::parse(post({{"since", "1 hour ago"}, {"limit", 1}}).body);
    std::string cursor = first["next_cursor"];
    EXPECT_EQ(post({{"since", "2 hours ago"}, {"cursor", cursor}}).status, 400);
    cursor.back() = cursor.back() == '1' ? '2' : '1';
    const HttpAnswer moved = post({{"since", "1 hour ago"}, {"cursor", cursor}});
    EXPECT_EQ(moved.status, 400);
    EXPECT_NE(moved.body.find("cursor-mismatch"), std::string::npos) << moved.body;
    EXPECT_EQ(post({{"cursor", cursor + ".x"}}).status, 400);
}

TEST_F(RelativeTime, AHistoryGoesOnAsOfTheSameTime) {
    const HttpAnswer first = get("/api/v1/entities/e/history?as_of=0+s+ago&limit=1");
    const std::string as_of = json::parse(first.body)["view"]["as_of"];
    const HttpAnswer second = get(next_of(first));
    ASSERT_EQ(second.status, 200) << second.body;
    EXPECT_EQ(json::parse(second.body)["view"]["as_of"], as_of);
}

TEST_F(RelativeTime, IsAnotherQuestionLaterAndNotKept) {
    const std::string query = kQuery;
    for (const std::string& target : {query + "?at=1&since=1+hour+ago", query + "?at=1&occurred_until=yesterday",
                                      query + "?known_at=1+day+ago", std::string("/api/v1/entities?at=1&as_of=now")}) {
        const HttpAnswer answer = get(target);
        ASSERT_EQ(answer.status, 200) << target << answer.body;
        EXPECT_EQ(answer.header("cache-control"), "no-cache") << target;
        EXPECT_EQ(answer.header("etag"), "") << target;
    }
    const HttpAnswer posted = post({{"at", 1}, {"since", "1 hour ago"}});
    EXPECT_EQ(posted.header("cache-control"), "no-cache");
    EXPECT_EQ(posted.header("etag"), "");
    EXPECT_EQ(get(query + "?at=1&since=2024-01-01").header("cache-control"), "private, max-age=3600");
}

}  // namespace
}  // namespace chronos::conformance
