// How the server comes up again when something of its directory is missing or wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "conformance/http_client.h"
#include "conformance/program_runner.h"
#include "conformance/running_server.h"

namespace chronos::conformance {
namespace {

class ServerStart : public ProgramTest {
protected:
    void TearDown() override {
        server_.kill_hard();  // It writes in the directory that is removed next.
        ProgramTest::TearDown();
    }
    int status_with(const std::string& key) {
        return ask(server_.port(), {.target = "/api/v1/auth/me", .headers = {{"X-API-Key", key}}}).status;
    }
    RunningServer server_;
};

TEST_F(ServerStart, WithoutTheSecretOfItsKeysItSaysSoAndMakesAnAdminKey) {
    ASSERT_TRUE(server_.start(directory_));
    const std::string first = server_.key();
    ASSERT_EQ(status_with(first), 200);
    ASSERT_EQ(server_.terminate(), 0);
    std::filesystem::remove(directory_ / "data/server.key");
    ASSERT_TRUE(server_.start(directory_));
    EXPECT_NE(server_.key(), first);
    EXPECT_EQ(status_with(first), 401);
    EXPECT_EQ(status_with(server_.key()), 200);
    EXPECT_NE(read_file("server.log").find("1 API keys are void"), std::string::npos) << read_file("server.log");
    EXPECT_EQ(read_file("data/admin.key"), server_.key() + "\n");
}

TEST_F(ServerStart, AnotherSecretIsNoticedToo) {
    ASSERT_TRUE(server_.start(directory_));
    const std::string first = server_.key();
    ASSERT_EQ(server_.terminate(), 0);
    write_file("data/server.key", std::string(64, '7') + "\n");
    ASSERT_TRUE(server_.start(directory_));
    const std::string second = server_.key();
    EXPECT_NE(second, first);
    EXPECT_EQ(status_with(second), 200);
    const HttpAnswer keys = ask(server_.port(), {.target = "/api/v1/keys", .headers = {{"X-API-Key", second}}});
    EXPECT_EQ(nlohmann::json::parse(keys.body)["keys"][0]["void"], true) << keys.body;
}

TEST_F(ServerStart, EveryAdminKeyThatBecameVoidIsKept) {
    std::vector<std::string> made;
    for (const char digit : {'1', '2', '3'}) {
        if (!made.empty()) write_file("data/server.key", std::string(64, digit) + "\n");
        ASSERT_TRUE(server_.start(directory_));
        made.push_back(server_.key() + "\n");
        ASSERT_EQ(server_.terminate(), 0);
    }
    std::vector<std::string> kept;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ / "data")) {
        const std::string name = entry.path().filename();
        if (name.starts_with("admin.key.") && name.ends_with(".void")) kept.push_back(read_file("data/" + name));
    }
    EXPECT_EQ(read_file("data/admin.key"), made.back());
    made.pop_back();
    std::sort(kept.begin(), kept.end());
    std::sort(made.begin(), made.end());
    EXPECT_EQ(kept, made);
}

TEST_F(ServerStart, KilledInItsFirstStartItComesUpWithAKeyThatSomebodyHas) {
    for (int ms = 5; ms <= 100; ms += 5) {
        const std::filesystem::path place = directory_ / std::to_string(ms);
        std::filesystem::create_directory(place);
        const std::string seconds = std::to_string(ms / 1'000.0);
        (void)run_program("/usr/bin/timeout",
                          {"-s", "KILL", seconds, program_path(), "serve", "--port", "0", "--dir", "data"}, place);
        ASSERT_TRUE(server_.start(place)) << ms;
        std::string key = read_file(std::to_string(ms) + "/data/admin.key");
        ASSERT_FALSE(key.empty()) << ms;
        key.pop_back();
        EXPECT_EQ(status_with(key), 200) << ms;
        server_.kill_hard();
    }
}

TEST_F(ServerStart, AStateOfAnotherFoldIsAnotherAnswer) {
    write_file("merge.toml", "[server]\ndefault_fold = \"merge\"\n");
    write_file("shallow.toml", "[server]\ndefault_fold = \"shallow\"\n");
    ASSERT_TRUE(server_.start(directory_, {"--config", "merge.toml"}));
    for (const std::string payload : {R"({"m":{"x":1}})", R"({"m":{"y":2}})"}) {
        const HttpRequest append{.method = "POST",
                                 .target = "/api/v1/events",
                                 .headers = {{"X-API-Key", server_.key()}},
                                 .body = R"({"entity_id":"e","event_type":"t","payload":)" + payload + "}"};
        ASSERT_EQ(ask(server_.port(), append).status, 200);
    }
    for (const std::string target : {"/api/v1/entities/e/state", "/api/v1/entities/e/state?at=1"}) {
        std::string known;
        for (const std::string settings : {"merge.toml", "shallow.toml", "merge.toml"}) {
            ASSERT_EQ(server_.terminate(), 0);
            ASSERT_TRUE(server_.start(directory_, {"--config", settings}));
            const HttpRequest get{.target = target,
                                  .headers = {{"X-API-Key", server_.key()}, {"If-None-Match", known}}};
            const HttpAnswer answer = ask(server_.port(), get);
            EXPECT_EQ(answer.status, 200) << target << settings;
            known = answer.header("etag");
            EXPECT_EQ(known == "\"v2\"", !target.ends_with("at=1") && settings == "merge.toml") << known;
        }
    }
}

TEST_F(ServerStart, AStartThatFailsTakesNoKeyWithIt) {
    ASSERT_TRUE(server_.start(directory_));
    const std::string port = std::to_string(server_.port());
    const std::filesystem::path place = directory_ / "other";
    std::filesystem::create_directory(place);
    EXPECT_EQ(run_program(program_path(), {"serve", "--dir", "data", "--port", port}, place).exit_code, 4);
    EXPECT_FALSE(std::filesystem::exists(place / "data/admin.key"));
    RunningServer other;
    ASSERT_TRUE(other.start(place));
    EXPECT_FALSE(other.key().empty());
    EXPECT_EQ(ask(other.port(), {.target = "/api/v1/auth/me", .headers = {{"X-API-Key", other.key()}}}).status, 200);
}

TEST_F(ServerStart, BackupsGoNowhereNearTheStore) {
    for (const std::string place : {"data", "data/backups", ".", "data/../data"}) {
        const Answer refused = chronos({"serve", "--port", "0", "--backup-dir", place});
        EXPECT_EQ(refused.exit_code, 2) << place << refused.errors;
        EXPECT_NE(refused.errors.find("name one apart from it"), std::string::npos) << place << refused.errors;
    }
    write_file("settings.toml", "[server]\ndirectory = \"data\"\nbackup_directory = \"data/backups\"\n");
    EXPECT_NE(run_program(program_path(), {"config", "check", "settings.toml"}, directory_).exit_code, 0);
    EXPECT_TRUE(server_.start(directory_, {"--backup-dir", "data-backups"}));
}

TEST_F(ServerStart, SettingsThatServeRefusesAreRefusedWhenChecked) {
    write_file("junk.pem", "junk");
    const std::pair<const char*, const char*> wrong[] = {
        {"[server]\naddress = \"0.0.0.0\"\n", "takes TLS"},
        {"[server]\naddress = \"nonsense\"\n", "other machines may reach"},
        {"[server]\norigins = [\"*\"]\n", "no origin of a page"},
        {"[server]\norigins = [\"https://a.example/path\"]\n", "no origin of a page"},
        {"[tls]\ncertificate = \"junk.pem\"\n", "both a certificate and a key"},
        {"[tls]\ncertificate = \"nowhere.pem\"\nkey = \"nowhere.pem\"\n", "nowhere.pem"},
        {"[tls]\ncertificate = \"junk.pem\"\nkey = \"junk.pem\"\n", "junk.pem"},
        {"[store]\nmemory_budget = 5\n", "line 2: store.memory_budget"},
    };
    for (const auto& [settings, said] : wrong) {
        write_file("settings.toml", settings);
        for (const std::vector<std::string>& command : {std::vector<std::string>{"config", "check", "settings.toml"},
                                                        {"serve", "--port", "0", "--config", "settings.toml"}}) {
            const Answer refused = run_program(program_path(), command, directory_);
            EXPECT_EQ(refused.exit_code, 2) << settings << refused.errors;
            EXPECT_NE(refused.errors.find(said), std::string::npos) << settings << refused.errors;
        }
    }
    write_file(
        "settings.toml",
        "[server]\naddress = \"localhost\"\norigins = [\"https://a.example:8443\"]\n[store]\nmemory_budget = 0\n");
    EXPECT_EQ(run_program(program_path(), {"config", "check", "settings.toml"}, directory_).exit_code, 0);
}

TEST_F(ServerStart, AKeyThatAsksTooOftenWaitsAndOthersDoNot) {
    write_file("settings.toml", "[limits]\nrequests_per_second_per_key = 3\n");
    ASSERT_TRUE(server_.start(directory_, {"--config", "settings.toml"}));
    const HttpAnswer made = ask(server_.port(), {.method = "POST",
                                                 .target = "/api/v1/keys",
                                                 .headers = {{"X-API-Key", server_.key()}},
                                                 .body = R"({"name":"other","scopes":["read"]})"});
    const std::string other = nlohmann::json::parse(made.body)["key"];
    HttpAnswer refused;
    for (int i = 0; i < 40 && refused.status != 429; ++i)
        refused = ask(server_.port(), {.target = "/api/v1/stats", .headers = {{"X-API-Key", server_.key()}}});
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.header("retry-after"), "1");
    EXPECT_EQ(refused.header("ratelimit-policy"), "\"key\";q=3;w=1");
    EXPECT_NE(refused.body.find("too-many-requests"), std::string::npos);
    EXPECT_EQ(status_with(other), 200);
}

TEST_F(ServerStart, LocalhostIsLoopback) {
    ASSERT_TRUE(server_.start(directory_, {"--address", "localhost"}));
    EXPECT_EQ(status_with(server_.key()), 200);
}

TEST_F(ServerStart, BulkUploadsCountTheLineThatIsTooLong) {
    ASSERT_TRUE(server_.start(directory_));
    const HttpAnswer answer = ask(server_.port(), {.method = "POST",
                                                   .target = "/api/v1/events/bulk",
                                                   .headers = {{"X-API-Key", server_.key()}},
                                                   .body = std::string(std::size_t{19} << 20, ' ')});
    EXPECT_EQ(answer.status, 413);
    EXPECT_EQ(nlohmann::json::parse(last_line(answer.body))["summary"]["lines"], 1) << answer.body;
    EXPECT_EQ(nlohmann::json::parse(last_line(answer.body))["summary"]["failed_line"], 1) << answer.body;
}

}  // namespace
}  // namespace chronos::conformance
