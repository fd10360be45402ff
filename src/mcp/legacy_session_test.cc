#include "mcp/legacy_session.h"

#include <gtest/gtest.h>

#include <thread>

#include "mcp/mcp_fixture.h"

namespace chronos::mcp {
namespace {

class LegacySessionConcurrent : public testing::Test {
protected:
    static Message response(const Json& id, Json result) {
        return {.kind = Message::Kind::kResponse, .id = id, .result = std::move(result)};
    }
    static Message own(std::string_view method, Json params) {
        return {.kind = Message::Kind::kRequest, .id = 1, .method = std::string(method), .params = std::move(params)};
    }
    LegacySession session_{{.era = Era::kLegacy, .version = "2025-11-25", .log_level = "info"}};
};

TEST_F(LegacySessionConcurrent, AQuestionIsAnsweredByWhateverThreadBringsTheAnswer) {
    std::thread client;
    const Result<Json> answer = session_.ask(
        "roots/list", Json::object(),
        [&](const Json& question) {
            client = std::thread([this, id = question["id"]] {
                EXPECT_FALSE(session_.take_response(response("no such", {})));
                EXPECT_TRUE(session_.take_response(response(id, {{"roots", 1}})));
            });
        },
        [] { return false; });
    client.join();
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(*answer, Json({{"roots", 1}}));
}

TEST_F(LegacySessionConcurrent, NobodyWaitsForACallThatIsOverOrAClientThatIsGone) {
    const auto ignore = [](const Json&) {};
    EXPECT_FALSE(session_.ask("roots/list", Json::object(), ignore, [] { return true; }).ok());
    std::thread closer([this] { session_.close(); });
    EXPECT_FALSE(session_.ask("roots/list", Json::object(), ignore, [] { return false; }).ok());
    closer.join();
}

TEST_F(LegacySessionConcurrent, RemembersLevelAndSubscriptions) {
    EXPECT_TRUE(std::holds_alternative<Json>(session_.answer(own("logging/setLevel", {{"level", "error"}}))));
    EXPECT_EQ(session_.client().log_level, "error");
    EXPECT_TRUE(std::holds_alternative<RpcError>(session_.answer(own("logging/setLevel", {{"level", "loud"}}))));
    for (const char* uri : {"a", "b", "a"}) (void)session_.answer(own("resources/subscribe", {{"uri", uri}}));
    (void)session_.answer(own("resources/unsubscribe", {{"uri", "b"}}));
    EXPECT_EQ(session_.filter().uris, std::vector<std::string>{"a"});
    EXPECT_TRUE(std::holds_alternative<RpcError>(session_.answer(own("resources/subscribe", Json::object()))));
    const std::string long_uri(Subscriptions::kUriBytesMax + 1, 'u');
    EXPECT_TRUE(std::holds_alternative<RpcError>(session_.answer(own("resources/subscribe", {{"uri", long_uri}}))));
    EXPECT_EQ(session_.filter().uris.size(), 1U);
}

}  // namespace
}  // namespace chronos::mcp
