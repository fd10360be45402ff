#include "mcp/stdio_server.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>

#include "mcp/mcp_fixture.h"

namespace chronos::mcp {
namespace {

class StdioConcurrent : public testing::Test {
protected:
    StdioConcurrent()
        : service_({.version = "1", .threads = {.threads_max = 4, .queue_max = 8}, .with_conformance_fixtures = true},
                   world_.environment()),
          server_(service_, {.principal = principal(),
                             .endpoint = [this] { return store_.endpoint(); },
                             .write = [this](std::string_view line) { take_line(line); }}) {}

    void take_line(std::string_view line) {
        EXPECT_EQ(line.find('\n'), std::string_view::npos);
        const std::lock_guard lock(mutex_);
        lines_.push_back(Json::parse(line));
        came_.notify_all();
    }
    /// The first message for which `look` is true; null when none comes in time.
    Json wait_for(const std::function<bool(const Json&)>& look) {
        std::unique_lock lock(mutex_);
        Json found;
        came_.wait_for(lock, std::chrono::seconds(10), [&] {
            for (const Json& line : lines_) {
                if (look(line)) found = line;
            }
            return !found.is_null();
        });
        return found;
    }
    Json answer_to(const Json& id) {
        return wait_for([&](const Json& line) { return member(line, "id") == id && !line.contains("method"); });
    }
    std::size_t line_count() {
        const std::lock_guard lock(mutex_);
        return lines_.size();
    }
    void ask(const Json& id, std::string_view method, Json params, bool is_modern = true) {
        if (is_modern) params = modern_request(method, std::move(params)).params;
        server_.take(text_of(request_message(id, method, std::move(params))));
    }
    void initialize(const Json& capabilities = Json::object()) {
        ask("init", "initialize", {{"protocolVersion", "2025-11-25"}, {"capabilities", capabilities}}, false);
        EXPECT_EQ(answer_to("init")["result"]["protocolVersion"], "2025-11-25");
        server_.take(R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
    }

    std::mutex mutex_;
    std::condition_variable came_;
    std::vector<Json> lines_;
    TestWorld world_;
    TestStore store_;
    Service service_;
    StdioServer server_;
};

TEST(Service, AgreesToTellOfWhatItDeclaresAlone) {
    TestWorld world;
    Service service({.version = "1"}, world.environment());
    const auto filter = service.subscription_filter(
        {{"toolsListChanged", true}, {"promptsListChanged", true}, {"resourcesListChanged", true}});
    ASSERT_TRUE(filter.ok());
    EXPECT_EQ(filter->json(), Json({{"resourcesListChanged", true}}));
    EXPECT_FALSE(service.subscription_filter(7).ok());
    service.stop();
}

TEST_F(StdioConcurrent, ServesBothErasAtOnce) {
    ask(1, "server/discover", Json::object());
    initialize();
    ask(2, "ping", Json::object(), false);
    ask(3, "tools/call", {{"name", "test_simple_text"}}, false);
    ask(4, "tools/call", {{"name", "test_simple_text"}});
    EXPECT_TRUE(answer_to(1)["result"].contains("supportedVersions"));
    EXPECT_EQ(answer_to(2)["result"], Json::object());
    EXPECT_FALSE(answer_to(3)["result"].contains("resultType"));
    EXPECT_EQ(answer_to(4)["result"]["resultType"], "complete");
}

TEST_F(StdioConcurrent, SaysWhatIsWrongWithALine) {
    server_.take("{");
    EXPECT_EQ(wait_for([](const Json& line) { return line.contains("error"); })["error"]["code"], kParseError);
    server_.take("");
    server_.take("  \r");
    EXPECT_EQ(line_count(), 1U);
    ask(7, "tools/list", Json::object(), false);
    EXPECT_EQ(answer_to(7)["error"]["code"], kInvalidParams) << "neither era";
}

TEST_F(StdioConcurrent, AnIdIsTakenOnceAtATime) {
    ask(1, "tools/call", {{"name", "test_tool_with_logging"}});
    ask(1, "tools/call", {{"name", "test_simple_text"}});
    EXPECT_EQ(answer_to(1)["error"]["code"], kInvalidRequest);
}

TEST_F(StdioConcurrent, ACallThatIsCalledOffIsNotAnswered) {
    ask(1, "tools/call", {{"name", "test_tool_with_logging"}});
    server_.take(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})");
    server_.finish();
    EXPECT_EQ(line_count(), 0U);
}

TEST_F(StdioConcurrent, MoreThanCanBeKeptIsRefused) {
    for (int i = 0; i < 40; ++i) ask(i, "tools/call", {{"name", "test_tool_with_logging"}});
    EXPECT_FALSE(wait_for([](const Json& line) {
                     return member(member(line, "error"), "code") == Json(kTooManyRequests);
                 }).is_null());
}

TEST_F(StdioConcurrent, ALegacyClientIsAskedAndAnswers) {
    initialize({{"elicitation", Json::object()}});
    ask(5, "tools/call", {{"name", "test_elicitation"}, {"arguments", {{"message", "Who?"}}}}, false);
    const Json question =
        wait_for([](const Json& line) { return member(line, "method") == Json("elicitation/create"); });
    ASSERT_FALSE(question.is_null());
    server_.take(text_of(result_message(question["id"], {{"action", "accept"}, {"content", {{"username", "al"}}}})));
    EXPECT_NE(answer_to(5)["result"]["content"][0]["text"].get<std::string>().find("\"al\""), std::string::npos);
}

TEST_F(StdioConcurrent, WhoListensHearsWhatChanges) {
    ask("sub", "subscriptions/listen",
        {{"notifications", {{"toolsListChanged", true}, {"resourceSubscriptions", {"test://watched-resource"}}}}});
    const Json acknowledged = wait_for(
        [](const Json& line) { return member(line, "method") == Json("notifications/subscriptions/acknowledged"); });
    EXPECT_EQ(acknowledged["params"]["_meta"][std::string(kMetaSubscription)], "sub");
    EXPECT_EQ(acknowledged["params"]["notifications"]["toolsListChanged"], true);
    service_.subscriptions().prompts_changed();
    service_.subscriptions().tools_changed();
    service_.subscriptions().resource_updated("test://watched-resource");
    EXPECT_EQ(wait_for([](const Json& line) {
                  return member(line, "method") == Json("notifications/resources/updated");
              })["params"]["uri"],
              "test://watched-resource");
    EXPECT_EQ(line_count(), 3U) << "nothing of what was not asked for";
    server_.take(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"sub"}})");
    service_.subscriptions().tools_changed();
    EXPECT_EQ(line_count(), 3U);
}

TEST_F(StdioConcurrent, WhoListensIsToldOfTheEnd) {
    ask("sub", "subscriptions/listen", {{"notifications", {{"toolsListChanged", true}}}});
    server_.finish();
    EXPECT_EQ(answer_to("sub")["result"]["_meta"][std::string(kMetaSubscription)], "sub");
}

TEST_F(StdioConcurrent, AnswersWhatIsUnderWayBeforeItEnds) {
    ask(1, "tools/call", {{"name", "test_tool_with_logging"}});
    server_.finish();
    EXPECT_TRUE(answer_to(1).contains("result"));
}

}  // namespace
}  // namespace chronos::mcp
