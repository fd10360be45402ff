// What a client of MCP can see of the server at /mcp, and of the program over its standard input and output.
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "conformance/program_runner.h"
#include "conformance/server_process.h"

namespace chronos::conformance {
namespace {

using nlohmann::json;

constexpr const char* kVersion = "2026-07-28";
constexpr const char* kMeta = "io.modelcontextprotocol/";

json modern(const std::string& method, json params = json::object()) {
    params["_meta"][std::string(kMeta) + "protocolVersion"] = kVersion;
    params["_meta"][std::string(kMeta) + "clientCapabilities"] = json::object();
    return {{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", std::move(params)}};
}

HttpRequest post(const json& message) {
    return {.method = "POST",
            .target = "/mcp",
            .headers = {{"Content-Type", "application/json"}, {"Accept", "application/json, text/event-stream"}},
            .body = message.dump()};
}

/// With the headers that the modern era wants.
HttpRequest post_modern(const json& message) {
    HttpRequest request = post(message);
    request.headers.emplace_back("MCP-Protocol-Version", kVersion);
    request.headers.emplace_back("Mcp-Method", message["method"].get<std::string>());
    if (message["params"].contains("name"))
        request.headers.emplace_back("Mcp-Name", message["params"]["name"].get<std::string>());
    return request;
}

class Mcp : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(server_.is_running()); }

    /// The id of a new session of the legacy era.
    std::string open_session(const std::string& key) {
        const HttpAnswer answer = server_.ask_as(key, post({{"jsonrpc", "2.0"},
                                                            {"id", 0},
                                                            {"method", "initialize"},
                                                            {"params",
                                                             {{"protocolVersion", "2025-11-25"},
                                                              {"capabilities", json::object()},
                                                              {"clientInfo", {{"name", "test"}, {"version", "1"}}}}}}));
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(json::parse(answer.body)["result"]["protocolVersion"], "2025-11-25");
        return answer.header("mcp-session-id");
    }
    HttpAnswer ping(const std::string& key, const std::string& session) {
        HttpRequest request = post({{"jsonrpc", "2.0"}, {"id", 1}, {"method", "ping"}});
        if (!session.empty()) request.headers.emplace_back("Mcp-Session-Id", session);
        return server_.ask_as(key, request);
    }
    static int code_of(const HttpAnswer& answer) { return json::parse(answer.body)["error"]["code"].get<int>(); }

    ServerProcess server_;
};

TEST_F(Mcp, AnswersARequestThatStandsAlone) {
    const HttpAnswer answer = server_.ask(post_modern(modern("server/discover")));
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.header("content-type"), "application/json");
    const json result = json::parse(answer.body)["result"];
    EXPECT_EQ(result["supportedVersions"][0], kVersion);
    EXPECT_EQ(result["_meta"][std::string(kMeta) + "serverInfo"]["name"], "chronos");
}

TEST_F(Mcp, HeadersMustSayWhatTheBodySays) {
    HttpRequest request = post_modern(modern("tools/list"));
    request.headers.back().second = "prompts/list";
    HttpAnswer answer = server_.ask(request);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(code_of(answer), -32020);
    answer = server_.ask(post(modern("tools/list")));
    EXPECT_EQ(answer.status, 400) << "without them";
    EXPECT_EQ(code_of(answer), -32020);
}

TEST_F(Mcp, StatusesSayWhatWentWrong) {
    EXPECT_EQ(server_.ask(post_modern(modern("no/such"))).status, 404);
    EXPECT_EQ(server_.ask(post_modern(modern("ping"))).status, 404) << "of the legacy era alone";
    json unknown = modern("tools/list");
    unknown["params"]["_meta"][std::string(kMeta) + "protocolVersion"] = "1900-01-01";
    HttpRequest request = post_modern(unknown);
    request.headers[2].second = "1900-01-01";
    const HttpAnswer answer = server_.ask(request);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(code_of(answer), -32022);
    HttpRequest malformed = post_modern(modern("tools/list"));
    malformed.body = "{";
    EXPECT_EQ(server_.ask(malformed).status, 400);
    malformed.body = "[" + modern("tools/list").dump() + "]";
    EXPECT_EQ(server_.ask(malformed).status, 400) << "batches are refused";
    json notification = modern("notifications/cancelled");
    notification.erase("id");
    EXPECT_EQ(server_.ask(post_modern(notification)).status, 202);
    EXPECT_EQ(server_.ask({.target = "/mcp"}).status, 405);
    EXPECT_EQ(server_.ask({.method = "DELETE", .target = "/mcp"}).status, 405);
}

TEST_F(Mcp, WhoHasNoKeyIsToldWhereToReadOn) {
    const HttpAnswer answer = server_.ask_as("", post_modern(modern("server/discover")));
    EXPECT_EQ(answer.status, 401);
    const std::string challenge = answer.header("www-authenticate");
    EXPECT_NE(challenge.find("resource_metadata=\"http://"), std::string::npos) << challenge;
    EXPECT_NE(challenge.find("/.well-known/oauth-protected-resource/mcp\""), std::string::npos) << challenge;
    const HttpAnswer metadata = server_.ask_as("", {.target = "/.well-known/oauth-protected-resource/mcp"});
    EXPECT_TRUE(json::parse(metadata.body)["resource"].get<std::string>().ends_with("/mcp"));
}

TEST_F(Mcp, PagesOfOtherOriginsMayNotCall) {
    HttpRequest request = post_modern(modern("server/discover"));
    request.headers.emplace_back("Origin", "http://evil.example");
    EXPECT_EQ(server_.ask(request).status, 403);
}

TEST_F(Mcp, ASessionBelongsToTheKeyThatOpenedIt) {
    const std::string mine = server_.make_key(R"(["read"])");
    const std::string other = server_.make_key(R"(["read"])");
    const std::string session = open_session(mine);
    ASSERT_EQ(session.size(), 32U);
    EXPECT_EQ(ping(mine, session).status, 200);
    EXPECT_EQ(ping(mine, "").status, 400);
    EXPECT_EQ(ping(mine, "00000000000000000000000000000000").status, 404);
    EXPECT_EQ(ping(other, session).status, 404);
    EXPECT_EQ(
        server_.ask_as(other, {.method = "DELETE", .target = "/mcp", .headers = {{"Mcp-Session-Id", session}}}).status,
        404);
    EXPECT_EQ(
        server_.ask_as(mine, {.method = "DELETE", .target = "/mcp", .headers = {{"Mcp-Session-Id", session}}}).status,
        204);
    EXPECT_EQ(ping(mine, session).status, 404);
}

TEST_F(Mcp, AnswersAsEventsWhenTheClientIsToldSomethingBefore) {
    ServerProcess fixtures({"--conformance"});
    ASSERT_TRUE(fixtures.is_running());
    json call = modern("tools/call", {{"name", "test_tool_with_progress"}});
    call["params"]["_meta"]["progressToken"] = "t";
    const HttpAnswer answer = fixtures.ask_as("", post_modern(call));
    EXPECT_EQ(answer.header("content-type"), "text/event-stream");
    EXPECT_EQ(answer.header("x-accel-buffering"), "no");
    EXPECT_NE(answer.body.find("notifications/progress"), std::string::npos);
    EXPECT_LT(answer.body.find("notifications/progress"), answer.body.find("\"result\""));
    EXPECT_EQ(answer.body.find("id: "), std::string::npos) << "nothing to be taken up again";
}

TEST_F(Mcp, TheServerEndsWhileSomebodyListens) {
    HttpConnection connection(server_.port());
    HttpRequest request =
        post_modern(modern("subscriptions/listen", {{"notifications", {{"resourcesListChanged", true}}}}));
    request.headers.emplace_back("Authorization", "Bearer " + server_.admin_key());
    ASSERT_TRUE(connection.send(request_bytes(request)));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_EQ(server_.stop(), 0);
    const HttpAnswer answer = connection.read();
    EXPECT_EQ(answer.status, 200);
    EXPECT_NE(answer.body.find("notifications/subscriptions/acknowledged"), std::string::npos);
    EXPECT_NE(answer.body.find("\"result\""), std::string::npos) << "the end is said";
}

/// The program on pipes.
class McpProgram : public ProgramTest {
protected:
    /// What it answers to these messages, by their ids; each line must be a message, and the program must end well.
    std::map<std::string, json> talk(const std::vector<json>& messages, std::vector<std::string> options = {}) {
        std::string input;
        for (const json& message : messages) input += message.dump() + "\n";
        options.insert(options.begin(), "mcp");
        std::map<std::string, json> answers;
        std::istringstream lines(expect_ok(options, input));
        for (std::string line; std::getline(lines, line);) {
            json message = json::parse(line, nullptr, false);
            EXPECT_EQ(message.value("jsonrpc", ""), "2.0") << line;
            if (message.contains("id")) answers.emplace(message["id"].dump(), std::move(message));
        }
        return answers;
    }
    static json with_id(json message, int id) {
        message["id"] = id;
        return message;
    }
};

TEST_F(McpProgram, AnswersBothErasAndEndsWithItsInput) {
    expect_ok({"init"});
    const auto answers = talk({with_id(modern("server/discover"), 1),
                               {{"jsonrpc", "2.0"},
                                {"id", 2},
                                {"method", "initialize"},
                                {"params", {{"protocolVersion", "2025-06-18"}, {"capabilities", json::object()}}}},
                               {{"jsonrpc", "2.0"}, {"method", "notifications/initialized"}},
                               {{"jsonrpc", "2.0"}, {"id", 3}, {"method", "tools/list"}},
                               with_id(modern("tools/call", {{"name", "overview"}}), 4)});
    EXPECT_EQ(answers.at("1")["result"]["supportedVersions"].size(), 4U);
    EXPECT_EQ(answers.at("2")["result"]["protocolVersion"], "2025-06-18");
    EXPECT_FALSE(answers.at("3")["result"]["tools"].empty());
    EXPECT_FALSE(answers.at("4")["result"].value("isError", false)) << answers.at("4");
}

TEST_F(McpProgram, SaysHelloWhereThereIsNoStoreAndTellsWhoeverCalls) {
    const auto answers =
        talk({with_id(modern("server/discover"), 1), with_id(modern("tools/call", {{"name", "overview"}}), 2)});
    EXPECT_TRUE(answers.at("1").contains("result"));
    EXPECT_EQ(answers.at("2")["result"]["isError"], true);
    EXPECT_NE(answers.at("2").dump().find("chronos init"), std::string::npos);
}

TEST_F(McpProgram, OffersWhatTheKeyOfAServerAllows) {
    ServerProcess server;
    const auto tool_count = [&](const std::string& scopes, const std::vector<std::string>& options) {
        write_file("agent.key", server.make_key(scopes));
        std::vector<std::string> words{"mcp", "--url", "http://127.0.0.1:" + std::to_string(server.port()),
                                       "--api-key-file", "agent.key"};
        words.insert(words.end(), options.begin(), options.end());
        const json request = with_id(modern("tools/list"), 1);
        const Answer answer = run_program(program_path(), words, directory_, request.dump() + "\n");
        EXPECT_EQ(answer.exit_code, 0) << answer.errors;
        return json::parse(answer.out)["result"]["tools"].size();
    };
    EXPECT_EQ(tool_count(R"(["read"])", {"--scope", "write"}), 8U);
    EXPECT_EQ(tool_count(R"(["write:forks"])", {"--scope", "write"}), 11U);
    EXPECT_EQ(tool_count(R"(["write"])", {}), 8U) << "read unless told otherwise";
}

TEST_F(McpProgram, TakesNoScopeThatThereIsNot) { EXPECT_EQ(chronos({"mcp", "--scope", "admin"}).exit_code, 2); }

}  // namespace
}  // namespace chronos::conformance
