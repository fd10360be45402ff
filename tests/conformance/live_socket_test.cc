// WebSockets: credits are kept, what is no frame or no message is refused, and AllSource's clients find what they know.
#include "conformance/live_fixture.h"

namespace chronos::conformance {
namespace {

using Json = nlohmann::json;

constexpr const char* kStream = "/api/v1/events/stream";
/// Long enough that what must not come would have come.
constexpr int kAWhileMs = 400;

class LiveSocketTest : public LiveTest {
protected:
    [[nodiscard]] SocketClient connect(const std::string& parameters = {}, Headers headers = {}) const {
        return {server_.port(), kStream + parameters, with_key(std::move(headers))};
    }
    [[nodiscard]] SocketClient connect_v1() const { return connect("", {"Sec-WebSocket-Protocol: other, chronos.v1"}); }
};

TEST_F(LiveSocketTest, SubscriptionSendsNoMoreThanItsCreditsConcurrently) {
    start();
    for (int i = 0; i < 5; ++i) append("a", "t");
    SocketClient socket = connect_v1();
    ASSERT_EQ(socket.status(), 101);
    EXPECT_NE(socket.head().find("Sec-WebSocket-Protocol: chronos.v1"), std::string::npos) << socket.head();
    EXPECT_EQ(socket.head().find("permessage-deflate"), std::string::npos);
    socket.say({{"type", "subscribe"}, {"id", "s"}, {"credits", 2}});
    EXPECT_EQ(socket.hear(), Json({{"type", "subscribed"}, {"id", "s"}}));
    for (int i = 0; i < 2; ++i) {
        const Json event = socket.hear();
        EXPECT_EQ(event["type"], "event");
        EXPECT_EQ(event["id"], "s");
        EXPECT_EQ(event["event"]["position"], i);
    }
    EXPECT_EQ(socket.next(kAWhileMs).opcode, 0) << "it had no credits left";
    socket.say({{"type", "credit"}, {"id", "s"}, {"credits", 4}});
    for (int i = 2; i < 5; ++i) EXPECT_EQ(socket.hear()["event"]["position"], i);
    EXPECT_EQ(socket.hear(), Json({{"type", "caught_up"}, {"id", "s"}, {"position", 4}}));
    append("a", "t");
    EXPECT_EQ(socket.hear()["event"]["position"], 5);
    append("a", "t");
    EXPECT_EQ(socket.next(kAWhileMs).opcode, 0) << "that was the last credit";
    socket.say({{"type", "credit"}, {"id", "s"}, {"credits", 1}});
    EXPECT_EQ(socket.hear()["event"]["position"], 6);
}

TEST_F(LiveSocketTest, ConnectionHasSeveralSubscriptions) {
    start();
    append("a", "order.placed");
    append("b", "cart.filled");
    SocketClient socket = connect_v1();
    for (int i = 0; i < 32; ++i) {
        socket.say({{"type", "subscribe"}, {"id", "s" + std::to_string(i)}, {"after", "head"}});
        EXPECT_EQ(socket.hear()["type"], "subscribed");
    }
    socket.say({{"type", "subscribe"}, {"id", "one too many"}});
    EXPECT_EQ(socket.hear()["problem"]["type"], "urn:chronos:problem:limit-exceeded");
    socket.say({{"type", "unsubscribe"}, {"id", "s7"}});
    EXPECT_EQ(socket.hear(), Json({{"type", "unsubscribed"}, {"id", "s7"}}));
    socket.say({{"type", "subscribe"}, {"id", "s0"}});
    EXPECT_EQ(socket.hear()["problem"]["type"], "urn:chronos:problem:already-exists");
    socket.say({{"type", "subscribe"}, {"id", "orders"}, {"event_type_filters", {"order.*"}}, {"credits", 9}});
    EXPECT_EQ(socket.hear()["type"], "subscribed");
    EXPECT_EQ(socket.hear()["event"]["event_type"], "order.placed");
    EXPECT_EQ(socket.hear()["type"], "caught_up");
    EXPECT_EQ(metric("chronos_live_streams"), "32");
    socket.say({{"type", "credit"}, {"id", "s7"}, {"credits", 1}});
    EXPECT_EQ(socket.hear()["problem"]["type"], "urn:chronos:problem:not-found");
}

TEST_F(LiveSocketTest, SubscriptionEndsWithItsForkAndTheConnectionGoesOn) {
    start();
    append("a", "t");
    ASSERT_EQ(post("/api/v1/forks", R"({"name":"try"})").status, 201);
    SocketClient socket = connect_v1();
    socket.say({{"type", "subscribe"}, {"id", "f"}, {"fork", "try"}, {"after", "head"}, {"credits", 9}});
    EXPECT_EQ(socket.hear()["type"], "subscribed");
    EXPECT_EQ(socket.hear()["type"], "caught_up");
    ASSERT_EQ(http(server_.port(), "DELETE", "/api/v1/forks/try", {}, with_key()).status, 200);
    const Json ended = socket.hear();
    EXPECT_EQ(ended["type"], "ended");
    EXPECT_EQ(ended["id"], "f");
    EXPECT_EQ(ended["problem"]["type"], "urn:chronos:problem:gone");
    socket.say({{"type", "subscribe"}, {"id", "f"}, {"credits", 1}});
    EXPECT_EQ(socket.hear()["type"], "subscribed");
}

TEST_F(LiveSocketTest, BadMessageIsAnsweredAndTheConnectionGoesOn) {
    start();
    SocketClient socket = connect_v1();
    for (const char* bad : {"", "{", "[]", "7", "{}", R"({"type":"subscribe"})", R"({"type":"explode","id":"s"})",
                            R"({"type":"subscribe","id":"s","credits":-1})", R"({"type":"subscribe","id":"s","at":3})",
                            R"({"type":"subscribe","id":"s","after":99})", R"({"type":"credit","id":"s","credits":0})",
                            R"({"type":"credit","id":"s","credits":1000001})"}) {
        socket.send_frame(0x81, bad);
        const Json answer = socket.hear();
        EXPECT_EQ(answer["type"], "error") << bad;
        EXPECT_TRUE(answer["problem"]["detail"].is_string()) << bad;
    }
    socket.say({{"type", "subscribe"}, {"id", "s"}});
    EXPECT_EQ(socket.hear()["type"], "subscribed");
    socket.send_frame(0x01, R"({"type":"unsub)");
    socket.send_frame(0x89, "are you there");
    socket.send_frame(0x80, R"(scribe","id":"s"})");
    EXPECT_EQ(socket.next().opcode, 10) << "a ping between two fragments";
    EXPECT_EQ(socket.hear()["type"], "unsubscribed");
}

TEST_F(LiveSocketTest, WhatIsNoFrameClosesTheConnection) {
    start("socket_message_bytes = 4096\n");
    struct Bad {
        const char* what;
        std::uint8_t first;
        std::string payload;
        bool is_masked;
        int code;
    };
    const std::vector<Bad> all = {
        {"binary", 0x82, "{}", true, 1003},
        {"not masked", 0x81, "{}", false, 1002},
        {"reserved bit", 0xc1, "{}", true, 1002},
        {"unknown opcode", 0x83, "{}", true, 1002},
        {"continuation of nothing", 0x80, "{}", true, 1002},
        {"fragmented ping", 0x09, "{}", true, 1002},
        {"long ping", 0x89, std::string(200, 'x'), true, 1002},
        {"not UTF-8", 0x81, "\"\xff\xfe\"", true, 1007},
        {"too long", 0x81, std::string(5'000, ' '), true, 1009},
    };
    for (const Bad& bad : all) {
        SocketClient socket = connect_v1();
        ASSERT_EQ(socket.status(), 101);
        socket.send_frame(bad.first, bad.payload, bad.is_masked);
        EXPECT_EQ(socket.next().close_code(), bad.code) << bad.what;
    }
    EXPECT_EQ(get("/health").status, 200);
    EXPECT_TRUE(eventually([&] { return metric("chronos_live_streams") == "0"; }));
}

TEST_F(LiveSocketTest, UpgradeIsRefusedWithAStatus) {
    start();
    EXPECT_EQ(SocketClient(server_.port(), kStream).status(), 401);
    EXPECT_EQ(connect("", {"Origin: https://elsewhere.example"}).status(), 403);
    EXPECT_EQ(connect("", {"Sec-WebSocket-Protocol: graphql-ws"}).status(), 400);
    EXPECT_EQ(connect("?fork=none").status(), 404);
    EXPECT_EQ(connect("?evnt_type=x").status(), 400);
    EXPECT_EQ(connect("?event_type=x", {"Sec-WebSocket-Protocol: chronos.v1"}).status(), 400);
    const auto upgrade = [this](Headers headers) {
        headers.insert(headers.end(), {"Connection: Upgrade", "Upgrade: websocket"});
        return http(server_.port(), "GET", kStream, {}, with_key(headers));
    };
    const HttpAnswer old = upgrade({"Sec-WebSocket-Version: 8", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="});
    EXPECT_EQ(old.status, 426);
    EXPECT_EQ(old.headers.at("sec-websocket-version"), "13");
    EXPECT_EQ(upgrade({"Sec-WebSocket-Version: 13"}).status, 400);
    EXPECT_EQ(upgrade({"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: abc"}).status, 400);
}

TEST_F(LiveSocketTest, SilentClientIsClosedAndOneThatAnswersIsNot) {
    start("socket_ping_ms = 200\nsocket_pong_ms = 400\n");
    SocketClient alive = connect_v1();
    SocketClient silent = connect_v1();
    silent.answer_pings(false);
    EXPECT_TRUE(eventually([&] {
        (void)alive.next(20);
        (void)silent.next(20);
        return silent.is_closed();
    }));
    EXPECT_FALSE(alive.is_closed());
}

TEST_F(LiveSocketTest, RevokedKeyAndStoppingServerCloseTheConnectionConcurrently) {
    start();
    const auto [id, text] = make_key("read");
    SocketClient revoked(server_.port(), kStream,
                         {"Authorization: Bearer " + text, "Sec-WebSocket-Protocol: chronos.v1"});
    ASSERT_EQ(revoked.status(), 101);
    ASSERT_EQ(http(server_.port(), "DELETE", "/api/v1/keys/" + id, {}, with_key()).status, 200);
    EXPECT_EQ(revoked.hear()["problem"]["type"], "urn:chronos:problem:unauthorized");
    EXPECT_EQ(revoked.next().close_code(), 1008);
    SocketClient drained = connect_v1();
    ASSERT_EQ(drained.status(), 101);
    // It does not answer the close frame; the server does not wait for that.
    EXPECT_EQ(server_.terminate(), 0);
    EXPECT_EQ(drained.hear()["problem"]["type"], "urn:chronos:problem:draining");
    EXPECT_EQ(drained.next().close_code(), 1001);
}

TEST_F(LiveSocketTest, StuckClientDelaysNobodyAndGetsEverythingLaterConcurrently) {
    constexpr int kEvents = 8'000;
    start();
    SocketClient stuck = connect_v1();
    stuck.say({{"type", "subscribe"}, {"id", "s"}, {"credits", kEvents}});
    append_many(kEvents, 2'000);
    EXPECT_EQ(stuck.hear()["type"], "subscribed");
    int seen = 0;
    while (seen < kEvents) {
        const Json message = stuck.hear();
        if (message["type"] == "caught_up") continue;
        ASSERT_EQ(message["type"], "event") << message.dump() << " after " << seen;
        ASSERT_EQ(message["event"]["position"], seen);
        ++seen;
    }
}

// --- without a subprotocol ---

TEST_F(LiveSocketTest, PlainSocketGetsBareEventsFromNowOn) {
    start();
    append("a", "before");
    SocketClient socket = connect();
    ASSERT_EQ(socket.status(), 101);
    EXPECT_EQ(socket.head().find("Sec-WebSocket-Protocol"), std::string::npos);
    EXPECT_EQ(socket.head().find("Beast"), std::string::npos) << socket.head();
    append("a", "after");
    const Json event = socket.hear();
    EXPECT_EQ(event["event_type"], "after");
    EXPECT_TRUE(event.contains("payload") && event.contains("entity_id") && event.contains("id"));
    EXPECT_FALSE(event.contains("type")) << "that is how a client tells an event from a message";
}

TEST_F(LiveSocketTest, PlainSocketFiltersAsAllSourceDoes) {
    start();
    SocketClient socket = connect();
    // The answer to a bad message comes when what was said before it is in force.
    const auto settle = [&socket] {
        socket.send_frame(0x81, "no message");
        for (Json message = socket.hear(); message.is_object(); message = socket.hear())
            if (message.contains("type")) return;
        FAIL() << "no answer";
    };
    socket.say({{"entity_id", "a"}, {"event_type", "t"}});
    settle();
    append("b", "t");
    append("a", "u");
    append("a", "t");
    EXPECT_EQ(socket.hear()["position"], 2);
    socket.say({{"type", "subscribe"}, {"filters", {"order.*", "t"}}});
    settle();
    append("a", "order.placed");
    append("a", "orders");
    append("b", "t");
    EXPECT_EQ(socket.hear()["position"], 3) << "a filter by type replaces one by type";
    socket.say(Json::object());
    settle();
    append("c", "anything");
    EXPECT_EQ(socket.hear()["position"], 6);
}

TEST_F(LiveSocketTest, PlainSocketReplaysForAConsumer) {
    start();
    for (int i = 0; i < 3; ++i) append("a", "t");
    {
        SocketClient socket = connect("?consumer_id=app&owner=one");
        for (int i = 0; i < 3; ++i) {
            const Json message = socket.hear();
            EXPECT_EQ(message["type"], "replay");
            EXPECT_EQ(message["position"], i);
            EXPECT_EQ(message["event"]["event_type"], "t");
        }
        EXPECT_EQ(socket.hear(), Json({{"type", "replay_complete"}, {"replayed", 3}}));
        append("a", "live");
        EXPECT_EQ(socket.hear()["event_type"], "live");
        EXPECT_EQ(connect("?consumer_id=app&owner=two").status(), 409);
    }
    ASSERT_EQ(post("/api/v1/consumers/app/ack", R"({"position":2,"owner":"one"})").status, 200);
    SocketClient again = connect("?consumer_id=app&owner=one");
    EXPECT_EQ(again.hear()["position"], 3);
    EXPECT_EQ(again.hear()["type"], "replay_complete");
    const auto [id, text] = make_key("read");
    EXPECT_EQ(SocketClient(server_.port(), std::string(kStream) + "?consumer_id=app", {"Authorization: Bearer " + text})
                  .status(),
              403);
}

}  // namespace
}  // namespace chronos::conformance
