// What mcp-cli prints, and that it finds a common language with servers of both eras.
#include "mcp_cli/command_line.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "chronos/store.h"
#include "mcp_cli/connection.h"

namespace chronos::mcp_cli {
namespace {

namespace fs = std::filesystem;

class McpCli : public testing::Test {
protected:
    McpCli() : folder_(fs::temp_directory_path() / ("mcp_cli_" + std::to_string(::getpid()))) {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }
    ~McpCli() override { fs::remove_all(folder_); }

    std::string make_store(int event_count) {
        const std::string directory = folder_ / "data";
        Store store = Store::open({.directory = directory}).value();
        std::vector<NewEvent> events;
        for (int i = 0; i < event_count; ++i)
            events.push_back({.entity_id = "user-123",
                              .event_type = "user.visited",
                              .payload = "{\"visits\":" + std::to_string(i + 1) + "}",
                              .occurred_at = Timestamp{1'672'531'200'000'000'000 + i}});
        EXPECT_TRUE(store.append(events).ok());
        return directory;
    }

    /// Standard output of a command that ends with `exit_code`.
    static std::string run(std::vector<std::string> words, int exit_code = 0) {
        words.insert(words.begin(), "mcp-cli");
        std::vector<const char*> arguments;
        for (const std::string& word : words) arguments.push_back(word.c_str());
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        EXPECT_EQ(run_command_line(static_cast<int>(arguments.size()), arguments.data()), exit_code);
        const std::string errors = testing::internal::GetCapturedStderr();
        std::string out = testing::internal::GetCapturedStdout();
        // What a tool refused is its answer, and stands there.
        EXPECT_TRUE(exit_code == 0 ? errors.empty() : !errors.empty() || !out.empty()) << errors;
        return out;
    }

    /// A server as a script: the answer to the first line that holds each word.
    std::string fake_server(const std::vector<std::pair<std::string, std::string>>& answers) {
        const fs::path path = folder_ / "server.sh";
        std::ofstream script(path);
        script << "while read -r line; do case \"$line\" in\n";
        for (const auto& [word, answer] : answers) script << "*'" << word << "'*) echo '" << answer << "';;\n";
        script << "esac; done\n";
        return "sh " + path.string();
    }

    fs::path folder_;
};

TEST_F(McpCli, QueryReconstructsAStateAndSaysHowMuchItTook) {
    const std::string directory = make_store(1'247);
    const std::string text = run({"query", "--dir", directory, "--entity", "user-123", "--time-travel", "2024-01-01"});
    const std::regex expected(
        "Reconstructing state at 2024-01-01\\.\\.\\.\n"
        "✓ Found 1,247 events\n"
        "✓ Applied projections\n"
        "✓ State reconstructed in [0-9]+\\.[0-9]+ms\n"
        "\\{\n  \"visits\": 1247\n\\}\n");
    EXPECT_TRUE(std::regex_match(text, expected)) << text;
    EXPECT_EQ(run({"query", "--dir", directory, "--entity", "user-123", "--time-travel", "2020-01-01"}, 3),
              "Reconstructing state at 2020-01-01...\n✓ Found 0 events\n");
}

TEST_F(McpCli, MistakesAreSaidInWordsOfTheCommandLine) {
    const std::string directory = make_store(1);
    const auto errors = [](std::vector<std::string> words) {
        words.insert(words.begin(), "mcp-cli");
        std::vector<const char*> arguments;
        for (const std::string& word : words) arguments.push_back(word.c_str());
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        EXPECT_EQ(run_command_line(static_cast<int>(arguments.size()), arguments.data()), 2);
        (void)testing::internal::GetCapturedStdout();
        return testing::internal::GetCapturedStderr();
    };
    const std::string time = errors({"query", "--dir", directory, "--entity", "user-123", "--time-travel", "bogus"});
    EXPECT_NE(time.find("--time-travel"), std::string::npos) << time;
    EXPECT_EQ(time.find("as_of"), std::string::npos) << time;
    for (const char* ttl : {"8d", "0"}) {
        const std::string text = errors({"create-fork", "--dir", directory, "--ttl", ttl});
        EXPECT_EQ(text.find("narrower"), std::string::npos) << text;
    }
    const std::string command =
        fake_server({{"server/discover", R"({"jsonrpc":"2.0","id":1,"result":{"resultType":"complete"}})"},
                     {"tools/call", R"({"jsonrpc":"2.0","id":2,"error":{"code":-31403,"message":"no scope"}})"}});
    const std::string scope = errors({"create-fork", "--command", command});
    EXPECT_NE(scope.find("--scope write:forks"), std::string::npos) << scope;
}

TEST_F(McpCli, QuerySaysWhenEventsCameLate) {
    const std::string directory = make_store(2);
    {
        Store store = Store::open({.directory = directory}).value();
        const NewEvent late{.entity_id = "user-123", .event_type = "user.visited", .occurred_at = Timestamp{1'000}};
        EXPECT_TRUE(store.append(late).ok());
    }
    EXPECT_NE(run({"query", "--dir", directory, "--entity", "user-123"}).find("1 came late"), std::string::npos);
    EXPECT_NE(
        run({"query", "--dir", directory, "--entity", "user-123", "--fold-order", "occurred"}).find("as occurred"),
        std::string::npos);
}

TEST_F(McpCli, CreateForkPrintsItsId) {
    const std::string directory = make_store(1);
    const std::string text = run({"create-fork", "--dir", directory, "--ttl", "3600"});
    EXPECT_TRUE(std::regex_match(
        text,
        std::regex("Fork created: fork-[0-9a-z]{26}\nReady for experimentation 🧪\nIt expires at .*--fork fork-.*\n")))
        << text;
    const std::string forks = run({"call", "overview", "--dir", directory, "--json"});
    EXPECT_EQ(Json::parse(forks)["live_forks"], 1);
}

TEST_F(McpCli, ToolsAreListedAndCalledByOldNamesToo) {
    const std::string directory = make_store(2);
    EXPECT_EQ(Json::parse(run({"tools", "--dir", directory, "--json"})).size(), 11U);
    const std::string answer =
        run({"call", "reconstruct_state", R"({"entity_id":"user-123"})", "--dir", directory, "--json"});
    EXPECT_EQ(Json::parse(answer)["untrusted"]["state"]["visits"], 2);
    EXPECT_EQ(run({"call", "nothing", "--dir", directory}, 3), "");
    EXPECT_EQ(run({"call", "overview", "[]", "--dir", directory}, 2), "");
    EXPECT_EQ(run({"tools", "--dir", (folder_ / "none").string()}, 3), "");
    EXPECT_NE(run({"ask-advice", "why did user-123 change?", "--dir", directory}).find("get_history"),
              std::string::npos);
}

TEST_F(McpCli, APlanHoldsForTheCallItWasMadeForInAnyProcess) {
    const std::string directory = make_store(1);
    const std::string made = run({"create-fork", "--dir", directory, "--name", "try", "--json"});
    const std::string fork = Json::parse(made)["fork"];
    const auto finish = [&](const Json& arguments, int exit_code = 0) {
        return Json::parse(run({"call", "fork_finish", arguments.dump(), "--dir", directory, "--json"}, exit_code));
    };
    Json merge = {{"fork", "try"}, {"action", "merge"}};
    const Json plan = finish(merge);
    EXPECT_EQ(plan["confirmation_required"], true);
    const std::string token = plan["plan_token"];
    EXPECT_EQ(token.find(fork), std::string::npos) << "it can be guessed: " << token;
    const auto file = fs::status(fs::path(directory) / "mcp-cli.key");
    EXPECT_EQ(file.permissions(), fs::perms::owner_read | fs::perms::owner_write);
    const Json discard = {{"fork", "try"}, {"action", "discard"}, {"plan_token", token}};
    EXPECT_NE(finish(discard, 2)["error"]["message"].get<std::string>().find("plan_token"), std::string::npos);
    merge["plan_token"] = fork + " merge head none own 0 parent main head 0";
    EXPECT_EQ(finish(merge, 2)["error"]["code"], "invalid_argument");
    merge["plan_token"] = token;
    EXPECT_EQ(finish(merge)["status"], "merged");
    EXPECT_EQ(finish(merge)["duplicate"], true) << "what is done is said again, not done again";
}

TEST_F(McpCli, ArgumentsAreCheckedAsOverTheProtocol) {
    const std::string directory = make_store(1);
    const auto error = [&](const std::string& tool, const std::string& arguments) {
        return Json::parse(run({"call", tool, arguments, "--dir", directory, "--json"}, 2))["error"];
    };
    EXPECT_EQ(error("query_events", R"({"limit":"5"})")["code"], "invalid_argument");
    EXPECT_NE(error("get_snapshot", R"({"entity_id":"user-123","nonsense":1})")["message"].get<std::string>().find(
                  "nonsense"),
              std::string::npos);
    const std::string other = fake_server(
        {{"server/discover",
          R"({"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","supportedVersions":["2026-07-28"]}})"},
         {"\"one\"", R"({"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"plain"}]}})"},
         {"\"two\"", R"({"jsonrpc":"2.0","id":2,"error":{"code":-31403,"message":"the scope is missing"}})"}});
    EXPECT_EQ(run({"call", "one", "--command", other}), "plain\n");
    EXPECT_EQ(run({"call", "two", "--command", other}, 2), "");
}

TEST_F(McpCli, SpeaksTodaysProtocol) {
    const std::string server = fake_server(
        {{"server/discover",
          R"({"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","supportedVersions":["2026-07-28"]}})"},
         {"tools/call",
          R"({"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","content":[],"structuredContent":{"fork":"fork-x"}}})"}});
    EXPECT_EQ(run({"create-fork", "--command", server}), "Fork created: fork-x\nReady for experimentation 🧪\n");
}

TEST_F(McpCli, SpeaksTheProtocolOfBeforeWhereTheServerKnowsNoOther) {
    const std::string server = fake_server(
        {{"server/discover", R"({"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}})"},
         {"\"initialize\"", R"({"jsonrpc":"2.0","id":2,"result":{"protocolVersion":"2025-06-18","capabilities":{}}})"},
         {"tools/list",
          R"({"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"old_tool","description":"of before"}]}})"}});
    EXPECT_EQ(run({"tools", "--command", server}), "old_tool  of before\n");
}

TEST_F(McpCli, AServerThatEndsOrIsNotThereIsAnError) {
    EXPECT_EQ(run({"tools", "--command", "true"}, 8), "");
    EXPECT_EQ(run({"tools", "--command", "there-is-no-such-program"}, 3), "");
    EXPECT_EQ(run({"tools", "--command", "sh -c 'echo hello'"}, 8), "");
    EXPECT_EQ(run({"tools", "--command", "'"}, 2), "");
    EXPECT_EQ(run({"tools", "--url", "http://127.0.0.1:9"}, 8), "");
}

}  // namespace
}  // namespace chronos::mcp_cli
