// Clients that hold on to what they have: answers they do not take, bodies they do not send, uploads that outlast their
// key.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "conformance/http_client.h"
#include "conformance/raw_http_test.h"

namespace chronos::conformance {
namespace {

class HeldConnection : public RawHttpTest {
protected:
    void append_large(int count) {
        const std::string payload(900'000, 'x');
        for (int i = 0; i < count; ++i) {
            const std::string event =
                R"({"entity_id":"large","event_type":"t","payload":{"text":")" + payload + R"("}})";
            ASSERT_EQ(server_->ask({.method = "POST", .target = "/api/v1/events", .body = event}).status, 200);
        }
    }
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
        ASSERT_TRUE(connection.send(head_with(key, "POST " + target, more)));
        EXPECT_EQ(connection.read().status, status) << target << more;
    }
    // What comes all the same, if it is little, is passed over.
    HttpConnection connection(server_->port());
    ASSERT_TRUE(connection.send(head("POST /api/v1/nothing", "Content-Length: 10\r\n")));
    EXPECT_EQ(connection.read().status, 404);
    ASSERT_TRUE(connection.send("0123456789" + head("GET /health")));
    EXPECT_EQ(connection.read().status, 200);
}

TEST_F(HeldConnection, ARefusedRequestMaySendItsBodyLater) {
    start();
    HttpConnection connection(server_->port());
    ASSERT_TRUE(connection.send(head("POST /api/v1/nothing", "Content-Length: 10\r\n")));
    EXPECT_EQ(connection.read().header("connection"), "keep-alive");
    std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
    ASSERT_TRUE(connection.send("0123456789" + head("GET /health")));
    EXPECT_EQ(connection.read().status, 200);
}

TEST_F(HeldConnection, AStopWaitsForNoHalfRequest) {
    start("[limits]\ndrain_timeout_ms = 60000\n");
    HttpConnection silent(server_->port());
    HttpConnection half(server_->port());
    ASSERT_TRUE(half.send("GET /hea"));
    HttpConnection refused(server_->port());
    ASSERT_TRUE(refused.send(head("POST /api/v1/nothing", "Content-Length: 10\r\n")));
    EXPECT_EQ(refused.read().status, 404);
    HttpConnection waiting(server_->port());
    ASSERT_TRUE(waiting.send(head("GET /api/v1/stats?min_position=1000")));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(server_->stop(), 0);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
    EXPECT_EQ(waiting.read().status, 503);
    server_.reset();
}

TEST_F(HeldConnection, AnswersThatNobodyTakesAreBoundedTogether) {
    start("[limits]\nanswer_bytes_in_flight = 20000000\n");
    append_large(10);
    std::vector<std::unique_ptr<HttpConnection>> held;
    for (int i = 0; i < 30; ++i) {
        held.push_back(std::make_unique<HttpConnection>(server_->port()));
        ASSERT_TRUE(held.back()->send(head("GET /api/v1/events/query?limit=1000")));
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

TEST_F(HeldConnection, LinesThatNobodyTakesAreBoundedTogether) {
    start("[limits]\nanswer_bytes_in_flight = 3000000\nbody_timeout_ms = 3000\n");
    append_large(40);
    const std::string query = head("GET /api/v1/events/query?limit=1000", "Accept: application/x-ndjson\r\n");
    std::vector<std::unique_ptr<HttpConnection>> held;
    for (int i = 0; i < 30; ++i) {
        held.push_back(std::make_unique<HttpConnection>(server_->port()));
        ASSERT_TRUE(held.back()->send(query));
    }
    int status = 0;
    for (int i = 0; i < 500 && status != 503; ++i)
        status = server_->ask({.target = "/api/v1/events/query?limit=1000"}).status;
    EXPECT_EQ(status, 503) << "what lines hold is counted";
#ifndef __SANITIZE_ADDRESS__  // It keeps what was freed for a while.
    EXPECT_LT(server_->resident_bytes(), 400ULL << 20);
#endif
    // Who waits for room in vain is told so, behind whole lines.
    int told = 0;
    for (auto& connection : held) {
        const HttpAnswer answer = connection->read();
        if (answer.status != 200) continue;
        const std::size_t last = answer.body.rfind('\n', answer.body.size() - 2);
        const std::string line = answer.body.substr(last == std::string::npos ? 0 : last + 1);
        const nlohmann::json end = nlohmann::json::parse(line);
        told += end.contains("status") && end["status"] == 503 ? 1 : 0;
        EXPECT_TRUE(end.contains("status") || std::count(answer.body.begin(), answer.body.end(), '\n') == 40) << line;
    }
    EXPECT_GT(told, 0);
    held.clear();
    for (int i = 0; i < 500 && status != 200; ++i)
        status = server_->ask({.target = "/api/v1/events/query?limit=1000"}).status;
    EXPECT_EQ(status, 200);
}

TEST_F(HeldConnection, AnswersToAgentsThatNobodyTakesAreBoundedToo) {
    start("[limits]\nanswer_bytes_in_flight = 600000\n");
    std::string lines;
    for (int i = 0; i < 1'000; ++i)
        lines += R"({"entity_id":"many","event_type":"t","payload":{"text":")" + std::string(150, 'x') + "\"}}\n";
    ASSERT_EQ(server_->ask({.method = "POST", .target = "/api/v1/events/bulk", .body = lines}).status, 200);
    const std::string body =
        R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_events","arguments":)"
        R"({"limit":1000,"max_tokens":60000},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
        R"("io.modelcontextprotocol/clientCapabilities":{}}}})";
    const HttpRequest call{.method = "POST",
                           .target = "/mcp",
                           .headers = {{"Content-Type", "application/json"},
                                       {"Accept", "application/json"},
                                       {"X-API-Key", server_->admin_key()},
                                       {"MCP-Protocol-Version", "2026-07-28"},
                                       {"Mcp-Method", "tools/call"},
                                       {"Mcp-Name", "query_events"}},
                           .body = body};
    const HttpAnswer whole = ask(server_->port(), call);
    ASSERT_EQ(whole.status, 200) << whole.body;
    ASSERT_GT(whole.body.size(), 64U << 10);
    std::vector<std::unique_ptr<HttpConnection>> held;
    for (int i = 0; i < 8; ++i) {
        held.push_back(std::make_unique<HttpConnection>(server_->port()));
        for (int j = 0; j < 60; ++j) ASSERT_TRUE(held.back()->send(request_bytes(call)));
    }
    int status = 0;
    for (int i = 0; i < 500 && status != 503; ++i) status = ask(server_->port(), call).status;
    EXPECT_EQ(status, 503);
    EXPECT_EQ(server_->ask({.target = "/api/v1/stats"}).status, 200);
    held.clear();
    for (int i = 0; i < 500 && status != 200; ++i) status = ask(server_->port(), call).status;
    EXPECT_EQ(status, 200);
}

TEST_F(HeldConnection, AnUploadEndsWithItsKey) {
    start();
    const std::string key = server_->make_keys().at("write");
    const std::string me = server_->ask_as(key, {.target = "/api/v1/auth/me"}).body;
    const std::string id = nlohmann::json::parse(me)["key_id"];
    HttpConnection upload(server_->port());
    ASSERT_TRUE(upload.send(head_with(key, "POST /api/v1/events/bulk?batch=1", std::string(kChunked))));
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
    ASSERT_TRUE(upload.send(head("POST /api/v1/events/bulk", std::string(kChunked))));
    ASSERT_TRUE(upload.send(chunk(line_of("came"))));
    const HttpAnswer answer = upload.read();
    EXPECT_EQ(answer.status, 408);
    EXPECT_NE(answer.body.find(R"("committed_through":1)"), std::string::npos) << answer.body;
}

TEST_F(HeldConnection, LinesOfASlowUploadDoNotWaitForTheirBatch) {
    start();
    HttpConnection upload(server_->port());
    ASSERT_TRUE(upload.send(head("POST /api/v1/events/bulk", std::string(kChunked))));
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
        ASSERT_TRUE(uploads.back()->send(head("POST /api/v1/events/bulk", std::string(kChunked))));
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
    const std::string query = head("GET /api/v1/events/query", "Accept: application/x-ndjson\r\n");
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
    // Nor are they told to go on.
    HttpConnection expecting(server_->port());
    const std::string event = line_of("a");
    ASSERT_TRUE(
        expecting.send("POST /api/v1/events HTTP/1.0\r\nExpect: 100-continue\r\nX-API-Key: " + server_->admin_key() +
                       "\r\nContent-Length: " + std::to_string(event.size()) + "\r\n\r\n"));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ASSERT_TRUE(expecting.send(event));
    EXPECT_EQ(expecting.read().status, 200);
}

TEST_F(HeldConnection, OneEmptyLineBeforeARequestIsPassedOver) {
    start();
    HttpConnection connection(server_->port());
    ASSERT_TRUE(connection.send("\r\n" + head("GET /health")));
    EXPECT_EQ(connection.read().status, 200);
    ASSERT_TRUE(connection.send("\r"));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ASSERT_TRUE(connection.send("\n" + head("GET /health")));
    EXPECT_EQ(connection.read().status, 200);
    ASSERT_TRUE(connection.send("\r\n\r\n"));
    EXPECT_EQ(connection.read().status, 400);
}

}  // namespace
}  // namespace chronos::conformance
