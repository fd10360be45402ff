// Server-sent events: nothing is left out, nothing comes twice, nobody waits for a slow reader, and every end is said.
#include <memory>

#include "conformance/live_fixture.h"

namespace chronos::conformance {
namespace {

using Json = nlohmann::json;

TEST_F(LiveTest, StreamGivesWhatIsThereThenWhatComesConcurrently) {
    start();
    append("order:1", "order.placed");
    append("order:2", "order.placed");
    SseClient stream = follow();
    ASSERT_EQ(stream.status(), 200);
    for (const char* id : {"0", "1"}) {
        const auto message = stream.next();
        ASSERT_TRUE(message);
        EXPECT_EQ(message->id, id);
        EXPECT_EQ(message->event, "");
        EXPECT_EQ(std::to_string(Json::parse(message->data)["position"].get<int>()), id);
    }
    const auto notice = stream.next();
    ASSERT_TRUE(notice);
    EXPECT_EQ(notice->event, "caught-up");
    EXPECT_EQ(notice->id, "1");
    EXPECT_EQ(notice->data, R"({"position":1})");
    EXPECT_EQ(metric("chronos_live_streams"), "1");
    append("order:3", "order.placed");
    const auto live = stream.next();
    ASSERT_TRUE(live);
    EXPECT_EQ(live->id, "2");
    EXPECT_EQ(Json::parse(live->data)["entity_id"], "order:3");
}

TEST_F(LiveTest, StreamResumesBehindTheLastEventId) {
    start();
    for (int i = 0; i < 4; ++i) append("a", "t");
    EXPECT_EQ(follow("?after=1").next()->id, "2");
    EXPECT_EQ(follow("", {"Last-Event-ID: 2"}).next()->id, "3");
    EXPECT_EQ(follow("?after=head", {"Last-Event-ID: 1"}).next()->id, "2") << "a browser repeats the first address";
    SseClient from_now = follow("?after=head");
    EXPECT_EQ(from_now.next()->event, "caught-up");
    append("b", "t");
    EXPECT_EQ(from_now.next()->id, "4");
}

TEST_F(LiveTest, StreamRefusesWhatItCannotFollowWithAStatus) {
    start();
    append("a", "t");
    EXPECT_EQ(follow("?after=1").status(), 400);
    EXPECT_EQ(follow("?after=soon").status(), 400);
    EXPECT_EQ(follow("", {"Last-Event-ID: x"}).status(), 400);
    EXPECT_EQ(follow("?evnt_type=t").status(), 400);
    EXPECT_EQ(follow("?at=0").status(), 400) << "a stream has no end";
    EXPECT_EQ(follow("?fork=no-such").status(), 404);
    EXPECT_EQ(http(server_.port(), "GET", "/api/v1/events/stream", {}, with_key()).status, 406);
    EXPECT_EQ(http(server_.port(), "GET", "/api/v1/events/sse").status, 401);
}

TEST_F(LiveTest, StreamKeepsToItsFilterAndResumesBehindWhatItPassedOver) {
    start("heartbeat_ms = 200\n");
    append("a", "order.placed");
    append("b", "order.paid");
    append("c", "cart.filled");
    SseClient orders = follow("?event_type_filters=order.*&entity_id=b");
    EXPECT_EQ(orders.next()->id, "1");
    EXPECT_EQ(orders.next()->id, "2") << "caught up at the head, not at the last match";
    append("c", "cart.filled");
    // Moves a browser's Last-Event-ID, and is no event to its onmessage.
    const auto place = orders.next();
    ASSERT_TRUE(place);
    EXPECT_EQ(place->id, "3");
    EXPECT_EQ(place->event, "position");
    EXPECT_EQ(place->data, R"({"position":3})");
}

TEST_F(LiveTest, StreamHasNoBlankLineBesidesThoseThatEndMessages) {
    start("heartbeat_ms = 200\n");
    append("a", "t");
    SseClient stream = follow();
    EXPECT_TRUE(eventually([&] {
        (void)stream.next(50);
        return stream.body().ends_with(": heartbeat\n: heartbeat\n");
    })) << stream.body();
    append("b", "t");
    EXPECT_TRUE(eventually([&] {
        const auto message = stream.next(50);
        return message && message->id == "1";
    })) << stream.body();
    // Each block that a blank line ends has data, also behind comments and the time to wait before connecting again.
    const std::string body = stream.body();
    EXPECT_TRUE(body.starts_with("retry: 1000\nid: 0\ndata: ")) << body;
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = body.find("\n\n", begin)) != std::string::npos; begin = end + 2)
        EXPECT_NE(body.substr(begin, end - begin).find("data: "), std::string::npos) << body.substr(begin, end - begin);
}

TEST_F(LiveTest, StreamOfAForkSeesWhatItInheritsAndSaysWhenItEnds) {
    start();
    append("a", "t");
    ASSERT_EQ(post("/api/v1/forks", R"({"name":"try"})").status, 201);
    append("a", "t.on.fork", "?fork=try");
    append("a", "t.on.main");
    SseClient fork = follow("?fork=try");
    EXPECT_EQ(Json::parse(fork.next()->data)["event_type"], "t");
    EXPECT_EQ(Json::parse(fork.next()->data)["event_type"], "t.on.fork");
    EXPECT_EQ(fork.next()->event, "caught-up");
    ASSERT_EQ(http(server_.port(), "DELETE", "/api/v1/forks/try", {}, with_key()).status, 200);
    const auto last = fork.next();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->event, "error");
    EXPECT_EQ(Json::parse(last->data)["type"], "urn:chronos:problem:gone");
    EXPECT_EQ(follow("?fork=try").status(), 410) << "which makes a browser give up";
}

TEST_F(LiveTest, PayloadWithLineEndsIsOneMessage) {
    start();
    ASSERT_EQ(post("/api/v1/events", "{\"entity_id\":\"a\",\"event_type\":\"t\",\"payload\":{\r\n\"n\":\n1,\r\"m\":2}}")
                  .status,
              200);
    SseClient stream = follow();
    const auto message = stream.next();
    ASSERT_TRUE(message);
    EXPECT_EQ(Json::parse(message->data)["payload"], Json::parse(R"({"n":1,"m":2})"));
    EXPECT_EQ(stream.next()->event, "caught-up");
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

// What a reader does not take is in the log, not in memory, and the appends do not notice it.
TEST_F(LiveTest, SlowReadersDelayNobodyLoseNothingAndHoldNoMemoryConcurrently) {
    constexpr int kReaders = 40;
    constexpr int kEvents = 12'000;
    start();
    append_many(kEvents / 2, 2'000);
    const std::uint64_t before = server_.resident_bytes();
    std::vector<std::unique_ptr<SseClient>> readers;
    for (int i = 0; i < kReaders; ++i)
        readers.push_back(std::make_unique<SseClient>(server_.port(), "/api/v1/events/stream", with_key()));
    ASSERT_TRUE(eventually([&] { return metric("chronos_live_streams") == std::to_string(kReaders); }));
    append_many(kEvents / 2, 2'000);
    // 40 readers times 24 MB would be a gigabyte; the address sanitizer keeps what was freed.
    EXPECT_LT(server_.resident_bytes(), before + ((kIsSanitized ? 480U : 160U) << 20));
    SseClient& reader = *readers.front();
    for (int i = 0; i < kEvents; ++i) {
        const auto message = reader.next();
        ASSERT_TRUE(message) << "after " << i;
        ASSERT_EQ(message->id, std::to_string(i));
    }
    EXPECT_EQ(reader.next()->event, "caught-up");
}

TEST_F(LiveTest, RevokedKeyEndsItsStreamsAlsoStuckOnesConcurrently) {
    start();
    append_many(12'000, 2'000);
    const auto [id, text] = make_key("read");
    const Headers key = {"Authorization: Bearer " + text};
    SseClient idle(server_.port(), "/api/v1/events/stream?after=head", key);
    EXPECT_EQ(idle.next()->event, "caught-up");
    SseClient stuck(server_.port(), "/api/v1/events/stream", key);
    ASSERT_TRUE(eventually([&] { return metric("chronos_live_streams") == "2"; }));
    ASSERT_EQ(http(server_.port(), "DELETE", "/api/v1/keys/" + id, {}, with_key()).status, 200);
    const auto last = idle.next();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->event, "error");
    EXPECT_EQ(Json::parse(last->data)["type"], "urn:chronos:problem:unauthorized");
    EXPECT_TRUE(idle.wait_for_end());
    EXPECT_TRUE(eventually([&] { return metric("chronos_live_streams") == "0"; }));
    EXPECT_EQ(http(server_.port(), "GET", "/api/v1/events/sse", {}, key).status, 401);
}

TEST_F(LiveTest, StoppingServerEndsStreamsAndSaysSo) {
    start("drain_timeout_ms = 60000\n");
    append_many(12'000, 2'000);
    SseClient idle = follow("?after=head");
    EXPECT_EQ(idle.next()->event, "caught-up");
    SseClient stuck = follow();
    ASSERT_TRUE(eventually([&] { return metric("chronos_live_streams") == "2"; }));
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(server_.terminate(), 0);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(50)) << "it waited for a stuck reader";
    const auto last = idle.next();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->event, "error");
    EXPECT_EQ(Json::parse(last->data)["type"], "urn:chronos:problem:draining");
    EXPECT_TRUE(idle.wait_for_end());
    EXPECT_TRUE(idle.is_complete());
}

TEST_F(LiveTest, ThereAreAsManyStreamsAsTheLimitSays) {
    start("live_streams = 1\n");
    append("a", "t");
    SseClient first = follow();
    EXPECT_EQ(first.next()->id, "0");
    EXPECT_EQ(follow().status(), 503);
}

}  // namespace
}  // namespace chronos::conformance
