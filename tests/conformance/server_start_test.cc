// How the server comes up again when something of its directory is missing or wrong.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "conformance/http_client.h"
#include "conformance/program_runner.h"
#include "conformance/running_server.h"

namespace chronos::conformance {
namespace {

class ServerStart : public ProgramTest {
protected:
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

}  // namespace
}  // namespace chronos::conformance
