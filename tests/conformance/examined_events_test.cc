// Requests that have to look at more events than one may: they say so, or go on.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "conformance/server_process.h"

namespace chronos::conformance {
namespace {

using nlohmann::json;

constexpr std::size_t kEvents = 5'000;

class ExaminedEvents : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(server_.is_running());
        std::string lines;
        for (std::size_t i = 0; i < kEvents; ++i) {
            const bool is_rare = i == 0 || i + 1 == kEvents;
            lines += json({{"entity_id", "many:" + std::to_string(i % 7)},
                           {"event_type", "counted"},
                           {"payload", {{"n", i}, {"rare", is_rare}}}})
                         .dump() +
                     "\n";
        }
        ASSERT_EQ(server_.ask({.method = "POST", .target = "/api/v1/events/bulk", .body = lines}).status, 200);
    }
    std::vector<json> lines_of(const std::string& query) {
        const HttpAnswer answer =
            server_.ask({.target = "/api/v1/events/query?" + query, .headers = {{"Accept", "application/x-ndjson"}}});
        EXPECT_EQ(answer.status, 200) << answer.body;
        std::vector<json> lines;
        std::istringstream in(answer.body);
        for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
        return lines;
    }

    ServerProcess server_{{}, "[limits]\nevents_examined = 1200\n"};
};

TEST_F(ExaminedEvents, AnOffsetMayLookAtNoMoreThanAPage) {
    const HttpAnswer near = server_.ask({.target = "/api/v1/events/query?where=/n%20%3E=%200&offset=1100&limit=10"});
    ASSERT_EQ(near.status, 200) << near.body;
    EXPECT_EQ(json::parse(near.body)["events"].front()["payload"]["n"], 1'100);
    const HttpAnswer far = server_.ask({.target = "/api/v1/events/query?where=/n%20%3E=%200&offset=1500&limit=10"});
    EXPECT_EQ(far.status, 400) << far.body;
    EXPECT_NE(far.body.find("to pass over so many"), std::string::npos) << far.body;
}

TEST_F(ExaminedEvents, APageLooksAtWhatItsOffsetLeft) {
    const HttpAnswer answer = server_.ask({.target = "/api/v1/events/query?where=/n%20%3E=%200&offset=1000&limit=900"});
    ASSERT_EQ(answer.status, 200) << answer.body;
    const json page = json::parse(answer.body);
    EXPECT_LT(page["count"], 250);
    EXPECT_EQ(page["has_more"], true);
    const std::size_t next = 1'000 + page["count"].get<std::size_t>();
    const json rest = json::parse(server_
                                      .ask({.target = "/api/v1/events/query?where=/n%20%3E=%200&cursor=" +
                                                      page["next_cursor"].get<std::string>()})
                                      .body);
    EXPECT_EQ(rest["events"].front()["payload"]["n"], next);
}

TEST_F(ExaminedEvents, LinesGoOnToTheEnd) {
    const std::vector<json> all = lines_of("where=/rare%20=%20true");
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[1]["payload"]["n"], kEvents - 1);
    const std::vector<json> last = lines_of("where=/n%20=%20" + std::to_string(kEvents - 1));
    ASSERT_EQ(last.size(), 1U);
}

TEST_F(ExaminedEvents, LinesWithALimitGoOnToIt) {
    const std::vector<json> both = lines_of("where=/rare%20=%20true&limit=2");
    ASSERT_EQ(both.size(), 2U) << both.back();
    EXPECT_EQ(both[1]["payload"]["n"], kEvents - 1);
    const std::vector<json> one = lines_of("where=/rare%20=%20true&limit=1");
    ASSERT_EQ(one.size(), 2U);
    const std::vector<json> other =
        lines_of("where=/rare%20=%20true&limit=1&cursor=" + one[1]["next_cursor"].get<std::string>());
    ASSERT_EQ(other.size(), 1U);
    EXPECT_EQ(other[0]["payload"]["n"], kEvents - 1);
}

TEST_F(ExaminedEvents, AllLinesAreThere) {
    const std::vector<json> all = lines_of("");
    ASSERT_EQ(all.size(), kEvents);
    for (std::size_t i = 0; i < kEvents; ++i) ASSERT_EQ(all[i]["payload"]["n"], i);
    const std::vector<json> backward = lines_of("order=desc&offset=1000");
    ASSERT_EQ(backward.size(), kEvents - 1'000);
    EXPECT_EQ(backward.front()["payload"]["n"], kEvents - 1'001);
}

}  // namespace
}  // namespace chronos::conformance
