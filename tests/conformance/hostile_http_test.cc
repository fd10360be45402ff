// Clients that break the protocol or wear the server out: it answers clearly, keeps to its limits, and goes on.
#include <array>
#include <memory>
#include <thread>

#include "conformance/http_case.h"
#include "conformance/program_runner.h"
#include "conformance/raw_http_test.h"

namespace chronos::conformance {
namespace {

constexpr const char* kShortTimes =
    "[limits]\nheader_timeout_ms = 400\nbody_timeout_ms = 400\nidle_timeout_ms = 20000\ndrain_timeout_ms = 1000\n";

std::string lines(std::initializer_list<const char*> lines) {
    std::string text;
    for (const char* line : lines) text += std::string(line) + "\r\n";
    return text + "\r\n";
}

class HostileHttp : public RawHttpTest {
protected:
    /// A POST of an event up to where the body begins.
    [[nodiscard]] std::string post_head(const std::string& more, const std::string& path = "/api/v1/events") const {
        return head("POST " + path, more);
    }
};

constexpr const char* kEvent = R"({"entity_id":"a","event_type":"t","payload":{}})";

TEST_F(HostileHttp, RefusesWhatTwoReadersCouldUnderstandDifferently) {
    start();
    struct Form {
        const char* name;
        std::string bytes;
        int status;
    };
    const std::vector<Form> forms = {
        {"both lengths", lines({"POST /health HTTP/1.1", "Host: a", "Content-Length: 5", "Transfer-Encoding: chunked"}),
         400},
        {"length twice", lines({"POST /health HTTP/1.1", "Host: a", "Content-Length: 5", "Content-Length: 5"}), 400},
        {"list of lengths", lines({"POST /health HTTP/1.1", "Host: a", "Content-Length: 5, 5"}), 400},
        {"signed length", lines({"POST /health HTTP/1.1", "Host: a", "Content-Length: +5"}), 400},
        {"negative length", lines({"POST /health HTTP/1.1", "Host: a", "Content-Length: -1"}), 400},
        {"hexadecimal length", lines({"POST /health HTTP/1.1", "Host: a", "Content-Length: 0x5"}), 400},
        {"endless length", lines({"POST /health HTTP/1.1", "Host: a", "Content-Length: 99999999999999999999"}), 400},
        {"coding twice",
         lines({"POST /health HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"}), 400},
        {"two codings", lines({"POST /health HTTP/1.1", "Host: a", "Transfer-Encoding: gzip, chunked"}), 400},
        {"unknown coding", lines({"POST /health HTTP/1.1", "Host: a", "Transfer-Encoding: xchunked"}), 400},
        {"space before the colon", lines({"POST /health HTTP/1.1", "Host: a", "Transfer-Encoding : chunked"}), 400},
        {"coding of HTTP/1.0", lines({"POST /health HTTP/1.0", "Host: localhost", "Transfer-Encoding: chunked"}), 400},
        {"folded line", lines({"GET /health HTTP/1.1", "Host: localhost", "X-A: b", " c"}), 400},
        {"line feeds alone", "GET /health HTTP/1.1\nHost: localhost\n\n", 400},
        {"one line feed alone", "GET /health HTTP/1.1\r\nHost: localhost\nX-A: b\r\n\r\n", 400},
        {"carriage return alone", "GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: b\rX-B: c\r\n\r\n", 400},
        {"a NUL", std::string("GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: b\0c\r\n\r\n", 51), 400},
        {"no host", lines({"GET /health HTTP/1.1"}), 400},
        {"two hosts", lines({"GET /health HTTP/1.1", "Host: localhost", "Host: evil.example"}), 400},
        {"two credentials", lines({"GET /health HTTP/1.1", "Host: localhost", "Authorization: a", "Authorization: b"}),
         400},
        {"whole address", lines({"GET http://localhost/health HTTP/1.1", "Host: localhost"}), 400},
        {"two spaces", lines({"GET  /health HTTP/1.1", "Host: localhost"}), 400},
        {"space in the target", lines({"GET /health x HTTP/1.1", "Host: localhost"}), 400},
        {"no version", lines({"GET /health", "Host: localhost"}), 400},
        {"HTTP/2", lines({"PRI * HTTP/2.0"}), 505},
        {"nothing but ends", "\r\n\r\n", 400},
        {"a header without name", lines({"GET /health HTTP/1.1", "Host: localhost", ": x"}), 400},
        {"many headers",
         [] {
             std::string text = "GET /health HTTP/1.1\r\nHost: localhost\r\n";
             for (int i = 0; i < 200; ++i) text += "X-" + std::to_string(i) + ": y\r\n";
             return text + "\r\n";
         }(),
         431},
        {"a long line", "GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: " + std::string(9'000, 'a') + "\r\n\r\n", 431},
        {"a long head",
         [] {
             std::string text = "GET /health HTTP/1.1\r\nHost: localhost\r\n";
             for (int i = 0; i < 9; ++i) text += "X-A: " + std::string(4'000, 'a') + "\r\n";
             return text + "\r\n";
         }(),
         431},
        {"a long target", "GET /" + std::string(9'000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 414},
        {"an endless line", "GET /" + std::string(100'000, 'a'), 414},
    };
    for (const Form& form : forms) {
        HttpConnection connection(server_->port());
        ASSERT_TRUE(connection.is_open());
        (void)connection.send(form.bytes);
        const HttpAnswer answer = connection.read();
        EXPECT_EQ(answer.status, form.status) << form.name << ": " << answer.body;
        EXPECT_EQ(answer.header("content-type"), "application/problem+json") << form.name;
        EXPECT_EQ(answer.header("connection"), "close") << form.name;
        EXPECT_TRUE(connection.is_at_end()) << form.name;
    }
}

TEST_F(HostileHttp, RefusesBodiesThatAreFramedWrongly) {
    start();
    const std::string head = post_head("Transfer-Encoding: chunked\r\n");
    for (const std::string& body : std::initializer_list<std::string>{
             "-1\r\nx\r\n0\r\n\r\n", "0x3\r\nabc\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\nabc", "zz\r\nabc\r\n0\r\n\r\n",
             "3\r\nabcX\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "\r\n", "3;" + std::string(40'000, 'x'),
             "0\r\nX-A: " + std::string(400'000, 'x')}) {
        HttpConnection connection(server_->port());
        (void)connection.send(head + body);
        const HttpAnswer answer = connection.read();
        EXPECT_EQ(answer.status, 400) << body.substr(0, 30) << ": " << answer.body;
        EXPECT_TRUE(connection.is_at_end()) << body.substr(0, 30);
    }
    EXPECT_EQ(events(), 0U);
}

TEST_F(HostileHttp, TakesAChunkedBodyCutAnywhere) {
    start();
    const std::string event = kEvent;
    std::string bytes = post_head("Transfer-Encoding: chunked\r\n");
    for (std::size_t i = 0; i < event.size(); i += 7) {
        const std::string part = event.substr(i, 7);
        bytes += std::to_string(part.size()) + ";name=value\r\n" + part + "\r\n";
    }
    // What stands in a trailer never becomes a header of the request.
    bytes += "0\r\nHost: evil.example\r\nIf-Match: \"v9\"\r\n\r\n";
    HttpConnection connection(server_->port());
    for (const char c : bytes) ASSERT_TRUE(connection.send(std::string_view(&c, 1)));
    EXPECT_EQ(connection.read().status, 200);
    // The connection is in order behind it, also when all comes at once.
    ASSERT_TRUE(connection.send(bytes + bytes + "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    EXPECT_EQ(connection.read().status, 200);
    EXPECT_EQ(connection.read().status, 200);
    EXPECT_NE(connection.read().body.find("healthy"), std::string::npos);
    EXPECT_EQ(events(), 3U);
}

TEST_F(HostileHttp, AnswersPipelinedRequestsInOrder) {
    start();
    const std::string body = kEvent;
    const std::string post = post_head("Content-Length: " + std::to_string(body.size()) + "\r\n") + body;
    const std::string wrong = post_head("Content-Length: 2\r\n") + "{}";
    HttpConnection connection(server_->port());
    std::string all;
    for (int i = 0; i < 20; ++i) all += post + wrong + "GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n";
    ASSERT_TRUE(connection.send(all));
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(connection.read().status, 200) << i;
        ASSERT_EQ(connection.read().status, 400) << i;
        ASSERT_NE(connection.read().body.find("database"), std::string::npos) << i;
    }
    EXPECT_EQ(events(), 20U);
}

TEST_F(HostileHttp, ARefusedRequestDoesNotLeaveItsBodyBehind) {
    start();
    // The body looks like a request; it must not become one, whether the connection goes on or not.
    const std::string smuggled = "GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (const std::string target : {"/nowhere", "/api/v1/forks", "/api/v1/keys/x"}) {
        HttpConnection connection(server_->port());
        ASSERT_TRUE(connection.send(
            "POST " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(smuggled.size()) +
            "\r\n\r\n" + smuggled + "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        EXPECT_GE(connection.read().status, 400) << target;
        const HttpAnswer next = connection.read();
        EXPECT_EQ(next.body.find("database"), std::string::npos) << target;
        EXPECT_EQ(next.status, 200) << target;
    }
}

TEST_F(HostileHttp, AnswersAClientThatHasFinishedSending) {
    start();
    HttpConnection connection(server_->port());
    ASSERT_TRUE(connection.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    connection.finish_sending();
    EXPECT_EQ(connection.read().status, 200);
    EXPECT_TRUE(connection.is_at_end());
    // Half a request is none.
    HttpConnection cut(server_->port());
    ASSERT_TRUE(cut.send(post_head("Content-Length: 100\r\n") + "{\"entity_id\""));
    cut.finish_sending();
    EXPECT_EQ(cut.read().status, 0);
    EXPECT_EQ(events(), 0U);
}

TEST_F(HostileHttp, SaysGoOnWhenAsked) {
    start();
    HttpConnection connection(server_->port());
    const std::string body = kEvent;
    ASSERT_TRUE(
        connection.send(post_head("Expect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) + "\r\n")));
    EXPECT_EQ(connection.read().status, 100);
    ASSERT_TRUE(connection.send(body));
    EXPECT_EQ(connection.read().status, 200);
    // Not when the request is refused anyway.
    HttpConnection refused(server_->port());
    ASSERT_TRUE(
        refused.send("POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                     "Content-Length: 10\r\n\r\n"));
    EXPECT_EQ(refused.read().status, 401);
    EXPECT_TRUE(refused.is_at_end());
}

TEST_F(HostileHttp, EndsStreamsOfOldClientsWithTheConnection) {
    start();
    ASSERT_EQ(server_->ask({.method = "POST", .target = "/api/v1/events", .body = kEvent}).status, 200);
    HttpConnection connection(server_->port());
    ASSERT_TRUE(
        connection.send("GET /api/v1/events/query HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n"
                        "X-API-Key: " +
                        server_->admin_key() + "\r\nAccept: application/x-ndjson\r\n\r\n"));
    const HttpAnswer answer = connection.read();
    EXPECT_EQ(answer.header("transfer-encoding"), "");
    EXPECT_TRUE(answer.body.starts_with("{\"id\"")) << answer.body;
}

TEST_F(HostileHttp, GivesUpOnClientsThatDripBytes) {
    start(kShortTimes);
    HttpConnection silent(server_->port());
    ASSERT_TRUE(silent.send("GET /health HTT"));
    EXPECT_EQ(silent.read().status, 408);
    // Each byte in time does not make the head come in time.
    HttpConnection dripping(server_->port());
    for (int i = 0; i < 200 && dripping.send("X"); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_EQ(dripping.read().status, 408);
    HttpConnection body(server_->port());
    ASSERT_TRUE(body.send(post_head("Content-Length: 100\r\n") + "{"));
    EXPECT_EQ(body.read().status, 408);
    EXPECT_TRUE(body.is_at_end());
    // Nor the body.
    HttpConnection slow(server_->port());
    ASSERT_TRUE(slow.send(post_head("Content-Length: 100000\r\n") + "{"));
    for (int i = 0; i < 200 && slow.send(" "); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_EQ(slow.read().status, 408);
}

TEST_F(HostileHttp, TakesNoMoreConnectionsThanItMay) {
    start("[limits]\nconnections = 40\n");
    std::vector<std::unique_ptr<HttpConnection>> held;
    for (int i = 0; i < 40; ++i) {
        held.push_back(std::make_unique<HttpConnection>(server_->port()));
        ASSERT_TRUE(held.back()->send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        ASSERT_EQ(held.back()->read().status, 200);
    }
    for (int i = 0; i < 200; ++i) {
        HttpConnection more(server_->port());
        const HttpAnswer answer = more.read();
        EXPECT_TRUE(answer.status == 503 || answer.status == 0) << answer.status;
    }
    held.clear();
    int status = 0;
    for (int i = 0; i < 500 && status != 200; ++i) status = server_->ask({.target = "/health"}).status;
    EXPECT_EQ(status, 200);
}

TEST_F(HostileHttp, RefusesJsonThatIsNone) {
    start();
    const std::string before = R"({"entity_id":"a","event_type":"t","payload":)";
    for (const std::string& payload : std::initializer_list<std::string>{
             std::string(20'000, '['), std::string(100, '[') + std::string(100, ']'), R"({"a":1,"a":2})", "\"\xff\"",
             R"("\ud800")", "NaN", "01", R"("a)", "{\"a\":}", "\"\x01\"", "1e", "[1,]", ""}) {
        const HttpAnswer answer =
            server_->ask({.method = "POST", .target = "/api/v1/events", .body = before + payload + "}"});
        EXPECT_TRUE(answer.status == 400 || answer.status == 413) << payload.substr(0, 20) << ": " << answer.status;
        const HttpAnswer query = server_->ask(
            {.method = "POST", .target = "/api/v1/events/query", .body = "{\"entity_id\":" + payload + "}"});
        EXPECT_TRUE(query.status == 400 || payload.empty() || query.status == 200) << payload.substr(0, 20);
        const HttpAnswer fork = server_->ask({.method = "POST", .target = "/api/v1/forks", .body = payload + "{"});
        EXPECT_EQ(fork.status, 400) << payload.substr(0, 20);
    }
    EXPECT_EQ(events(), 0U);
}

TEST_F(HostileHttp, KeepsToItsMemoryUnderBombs) {
    start();
    HttpCase bomb;
    bomb.request = {.method = "POST", .target = "/api/v1/events/bulk", .headers = {{"Content-Encoding", "zstd"}}};
    bomb.request.body = "@zeros 1000000000 @zstd";
    const HttpRequest request = filled_in(bomb, {{"admin", server_->admin_key()}});
    const std::uint64_t before = server_->resident_bytes();
    for (int i = 0; i < 20; ++i) {
        const HttpAnswer answer = ask(server_->port(), request);
        EXPECT_EQ(answer.status, 413) << answer.body;
    }
    EXPECT_LT(server_->resident_bytes(), before + (200ULL << 20));
}

TEST_F(HostileHttp, HoldsNoMoreBodiesThanItMay) {
    start("[limits]\nbody_bytes_in_flight = 1000000\n");
    std::vector<std::unique_ptr<HttpConnection>> held;
    const std::string head = post_head("Content-Length: 4000000\r\n");
    // Each alone may be large; together they may not.
    for (int i = 0; i < 8; ++i) {
        held.push_back(std::make_unique<HttpConnection>(server_->port()));
        ASSERT_TRUE(held.back()->send(head + std::string(400'000, ' ')));
    }
    int refused = 0;
    for (int i = 0; i < 6; ++i) {
        (void)held[7 - i]->send(std::string(400'000, ' '));
    }
    // Those that were refused read what is left and answer; the others still wait for the rest.
    for (auto& connection : held) connection->finish_sending();
    for (auto& connection : held) refused += connection->read().status == 503 ? 1 : 0;
    EXPECT_GT(refused, 0);
    EXPECT_LT(server_->resident_bytes(), 400ULL << 20);
}

TEST_F(HostileHttp, TakesNoMoreUploadsThanItMay) {
    start("[limits]\nuploads = 1\n");
    HttpConnection first(server_->port());
    ASSERT_TRUE(first.send(post_head("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", "/api/v1/events/bulk")));
    ASSERT_EQ(first.read().status, 100);
    const HttpAnswer second = server_->ask({.method = "POST", .target = "/api/v1/events/bulk", .body = kEvent});
    EXPECT_EQ(second.status, 503);
    EXPECT_EQ(second.header("retry-after"), "1");
    ASSERT_TRUE(first.send("0\r\n\r\n"));
    EXPECT_EQ(first.read().status, 200);
    EXPECT_EQ(server_->ask({.method = "POST", .target = "/api/v1/events/bulk", .body = kEvent}).status, 200);
}

TEST_F(HostileHttp, SaysThatThereAreTooManyForks) {
    start("[store]\nfork_limit = 1\n");
    EXPECT_EQ(server_->ask({.method = "POST", .target = "/api/v1/forks", .body = "{}"}).status, 201);
    const HttpAnswer second = server_->ask({.method = "POST", .target = "/api/v1/forks", .body = "{}"});
    EXPECT_EQ(second.status, 409);
    EXPECT_NE(second.body.find("limit-exceeded"), std::string::npos) << second.body;
}

TEST_F(HostileHttp, AnUploadThatBreaksOffKeepsWhatCameWhole) {
    start();
    {
        HttpConnection connection(server_->port());
        ASSERT_TRUE(connection.send(post_head("Transfer-Encoding: chunked\r\n", "/api/v1/events/bulk") + "30\r\n" +
                                    kEvent + "\n\r\n5\r\n{\"ent\r\n"));
        connection.finish_sending();
        const HttpAnswer answer = connection.read();
        EXPECT_TRUE(answer.status == 0 || answer.status == 400) << answer.status << answer.body;
    }
    for (int i = 0; i < 1'000 && events() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(events(), 1U);
}

TEST_F(HostileHttp, EndsInOrderWithRequestsUnderWay) {
    start(kShortTimes);
    std::vector<std::unique_ptr<HttpConnection>> held;
    for (int i = 0; i < 8; ++i) held.push_back(std::make_unique<HttpConnection>(server_->port()));
    ASSERT_TRUE(held[0]->send("GET /hea"));
    ASSERT_TRUE(held[1]->send(post_head("Content-Length: 100\r\n")));
    ASSERT_TRUE(held[2]->send(post_head("Transfer-Encoding: chunked\r\n", "/api/v1/events/bulk") + "3\r\n{\"e\r\n"));
    for (int i = 3; i < 6; ++i)
        ASSERT_TRUE(held[i]->send(post_head("Content-Length: " + std::to_string(std::string(kEvent).size()) + "\r\n") +
                                  kEvent));
    EXPECT_EQ(server_->stop(), 0);
    server_.reset();
}

}  // namespace
}  // namespace chronos::conformance
