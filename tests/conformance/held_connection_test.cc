// Clients that hold on to what they have: answers they do not take, bodies they do not send, uploads that outlast their
// key.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "conformance/http_client.h"
#include "conformance/server_process.h"

namespace chronos::conformance {
namespace {

class HeldConnection : public testing::Test {
protected:
    void start(const std::string& settings = {}) {
        server_ = std::make_unique<ServerProcess>(std::vector<std::string>{}, settings);
        ASSERT_TRUE(server_->is_running());
    }
    void TearDown() override {
        if (!server_) return;
        EXPECT_TRUE(server_->is_alive());
        EXPECT_EQ(server_->stop(), 0);
    }
    static std::string head(const std::string& line, const std::string& key, const std::string& more) {
        return line + " HTTP/1.1\r\nHost: localhost\r\nX-API-Key: " + key + "\r\n" + more + "\r\n";
    }
    std::uint64_t events() {
        const std::string body = server_->ask({.target = "/api/v1/stats"}).body;
        return std::stoull(body.substr(body.find("\"events\":") + 9));
    }
    bool reaches(std::uint64_t count) {
        for (int i = 0; i < 1'000 && events() < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return events() >= count;
    }

    std::unique_ptr<ServerProcess> server_;
};

constexpr std::string_view kChunked = "Transfer-Encoding: chunked\r\n";

std::string chunk(const std::string& bytes) {
    std::array<char, 16> size{};
    (void)std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
    return size.data() + bytes + "\r\n";
}

std::string line_of(const std::string& entity) {
    return R"({"entity_id":")" + entity + R"(","event_type":"t","payload":{}})" + "\n";
}

TEST_F(HeldConnection, RefusalsDoNotWaitForTheBody) {
    start();
    const struct {
        std::string target, key, more;
        int status;
    } cases[] = {
        {"/api/v1/events", "wrong", "Content-Length: 4000000\r\n", 401},
        {"/api/v1/nothing", server_->admin_key(), "Content-Length: 4000000\r\n", 404},
        {"/api/v1/events", server_->admin_key(), "Content-Length: 5000000\r\n", 413},
        {"/api/v1/events", server_->admin_key(), "Content-Length: 100\r\nContent-Type: text/html\r\n", 415},
        {"/api/v1/events/bulk", server_->admin_key(), std::string(kChunked) + "If-Match: \"v1\"\r\n", 400},
    };
    for (const auto& [target, key, more, status] : cases) {
        HttpConnection connection(server_->port());
        ASSERT_TRUE(connection.send(head("POST " + target, key, more)));
        EXPECT_EQ(connection.read().status, status) << target << more;
    }
    // What comes all the same, if it is little, is passed over.
    HttpConnection connection(server_->port());
    ASSERT_TRUE(connection.send(head("POST /api/v1/nothing", server_->admin_key(), "Content-Length: 10\r\n")));
    EXPECT_EQ(connection.read().status, 404);
    ASSERT_TRUE(connection.send("0123456789" + head("GET /health", server_->admin_key(), "")));
    EXPECT_EQ(connection.read().status, 200);
}

TEST_F(HeldConnection, AnswersThatNobodyTakesAreBoundedTogether) {
    start("[limits]\nanswer_bytes_in_flight = 20000000\n");
    const std::string payload(900'000, 'x');
    for (int i = 0; i < 10; ++i) {
        const std::string event = R"({"entity_id":"large","event_type":"t","payload":{"text":")" + payload + R"("}})";
        ASSERT_EQ(server_->ask({.method = "POST", .target = "/api/v1/events", .body = event}).status, 200);
    }
    std::vector<std::unique_ptr<HttpConnection>> held;
    for (int i = 0; i < 30; ++i) {
        held.push_back(std::make_unique<HttpConnection>(server_->port()));
        ASSERT_TRUE(held.back()->send(head("GET /api/v1/events/query?limit=1000", server_->admin_key(), "")));
    }
    int status = 0;
    for (int i = 0; i < 500 && status != 503; ++i) {
        const HttpAnswer answer = server_->ask({.target = "/api/v1/events/query?limit=1000"});
        status = answer.status;
        if (status == 503) {
            EXPECT_EQ(answer.header("retry-after"), "1");
        }
    }
    EXPECT_EQ(status, 503);
#ifndef __SANITIZE_ADDRESS__  // It keeps what was freed for a while.
    EXPECT_LT(server_->resident_bytes(), 400ULL << 20);
#endif
    EXPECT_EQ(server_->ask({.target = "/api/v1/stats"}).status, 200);
    held.clear();
    for (int i = 0; i < 500 && status != 200; ++i)
        status = server_->ask({.target = "/api/v1/events/query?limit=1000"}).status;
    EXPECT_EQ(status, 200);
}

TEST_F(HeldConnection, AnUploadEndsWithItsKey) {
    start();
    const std::string key = server_->make_keys().at("write");
    const std::string me = server_->ask_as(key, {.target = "/api/v1/auth/me"}).body;
    const std::string id = nlohmann::json::parse(me)["key_id"];
    HttpConnection upload(server_->port());
    ASSERT_TRUE(upload.send(head("POST /api/v1/events/bulk?batch=1", key, std::string(kChunked))));
    ASSERT_TRUE(upload.send(chunk(line_of("before"))));
    ASSERT_TRUE(reaches(1));
    ASSERT_EQ(server_->ask({.method = "DELETE", .target = "/api/v1/keys/" + id}).status, 200);
    (void)upload.send(chunk(line_of("after")));
    const HttpAnswer answer = upload.read();
    EXPECT_EQ(answer.status, 401);
    EXPECT_NE(answer.body.find("send again from line 2 on"), std::string::npos) << answer.body;
    EXPECT_NE(answer.body.find(R"("committed_through":1)"), std::string::npos) << answer.body;
    EXPECT_EQ(events(), 1U);
}

TEST_F(HeldConnection, AnUploadThatStopsComingIsToldSo) {
    start("[limits]\nbody_timeout_ms = 300\n");
    HttpConnection upload(server_->port());
    ASSERT_TRUE(upload.send(head("POST /api/v1/events/bulk", server_->admin_key(), std::string(kChunked))));
    ASSERT_TRUE(upload.send(chunk(line_of("came"))));
    const HttpAnswer answer = upload.read();
    EXPECT_EQ(answer.status, 408);
    EXPECT_NE(answer.body.find(R"("committed_through":1)"), std::string::npos) << answer.body;
}

TEST_F(HeldConnection, LinesOfASlowUploadDoNotWaitForTheirBatch) {
    start();
    HttpConnection upload(server_->port());
    ASSERT_TRUE(upload.send(head("POST /api/v1/events/bulk", server_->admin_key(), std::string(kChunked))));
    for (int i = 0; i < 300 && events() == 0; ++i) {
        ASSERT_TRUE(upload.send(chunk(line_of("slow"))));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_GT(events(), 0U);
    ASSERT_TRUE(upload.send("0\r\n\r\n"));
    EXPECT_EQ(upload.read().status, 200);
}

TEST_F(HeldConnection, LinesWithoutAnEndAreBoundedTogether) {
    start("[limits]\nbody_bytes_in_flight = 1000000\n");
    std::vector<std::unique_ptr<HttpConnection>> uploads;
    int refused = 0;
    for (int i = 0; i < 4; ++i) {
        uploads.push_back(std::make_unique<HttpConnection>(server_->port()));
        ASSERT_TRUE(
            uploads.back()->send(head("POST /api/v1/events/bulk", server_->admin_key(), std::string(kChunked))));
        (void)uploads.back()->send(chunk(line_of("whole") + std::string(600'000, ' ')));
    }
    for (auto& upload : uploads) (void)upload->send("0\r\n\r\n");
    for (auto& upload : uploads) {
        const HttpAnswer answer = upload->read();
        if (answer.status != 503) continue;
        ++refused;
        EXPECT_EQ(answer.header("retry-after"), "1");
        EXPECT_NE(answer.body.find("what stands before line 2 is in the store"), std::string::npos) << answer.body;
        EXPECT_NE(answer.body.find(R"("outcome":"not_appended")"), std::string::npos) << answer.body;
        EXPECT_NE(answer.body.find(R"("appended":1)"), std::string::npos) << answer.body;
        EXPECT_NE(answer.body.find(R"("committed_through":1)"), std::string::npos) << answer.body;
    }
    EXPECT_GT(refused, 0);
    EXPECT_EQ(events(), 4U);
}

TEST_F(HeldConnection, TheTimeForAStreamIsNotThatOfTheNextRequest) {
    start("[limits]\nbody_timeout_ms = 200\n");
    ASSERT_EQ(server_->ask({.method = "POST", .target = "/api/v1/events", .body = line_of("a")}).status, 200);
    HttpConnection connection(server_->port());
    const std::string query =
        head("GET /api/v1/events/query", server_->admin_key(), "Accept: application/x-ndjson\r\n");
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(connection.send(query));
        EXPECT_EQ(connection.read().status, 200) << i;
        std::this_thread::sleep_for(std::chrono::milliseconds(400));
    }
}

TEST_F(HeldConnection, OldClientsNeedNotNameTheServer) {
    start();
    HttpConnection connection(server_->port());
    ASSERT_TRUE(connection.send("GET /readyz HTTP/1.0\r\n\r\n"));
    EXPECT_EQ(connection.read().status, 200);
}

}  // namespace
}  // namespace chronos::conformance
