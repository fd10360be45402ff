// Durable consumers: at least once, one owner at a time, and a place that survives kill -9.
#include "conformance/live_fixture.h"

namespace chronos::conformance {
namespace {

using Json = nlohmann::json;

constexpr const char* kConsumers = "/api/v1/consumers";

std::string path(const std::string& rest) { return std::string(kConsumers) + "/" + rest; }

TEST_F(LiveTest, ConsumerGivesEventsAgainUntilTheyAreAcknowledged) {
    start();
    for (int i = 0; i < 3; ++i) append("a", "t");
    ASSERT_EQ(post(kConsumers, R"({"name":"mailer"})").status, 201);
    EXPECT_EQ(post(kConsumers, R"({"consumer_id":"mailer","event_type_filters":[]})").status, 200)
        << "the same again is no mistake";
    for (int i = 0; i < 2; ++i) {
        const Json batch = get(path("mailer/events?limit=2")).json();
        EXPECT_EQ(batch["count"], 2);
        EXPECT_EQ(batch["position"], 1);
        EXPECT_EQ(batch["events"][1]["position"], 1);
    }
    const Json moved = post(path("mailer/ack"), R"({"position":1})").json();
    EXPECT_EQ(moved["position"], 1);
    EXPECT_EQ(moved["lag"], 1);
    EXPECT_EQ(post(path("mailer/ack"), R"({"position":0})").json()["position"], 1) << "it never moves back";
    EXPECT_EQ(post(path("mailer/ack"), R"({"position":3})").status, 400) << "beyond the head";
    EXPECT_EQ(get(path("mailer/events")).json()["events"][0]["position"], 2);
    EXPECT_EQ(metric(R"(chronos_consumer_lag{consumer="mailer"})"), "1");
    EXPECT_EQ(get(kConsumers).json()["count"], 1);
}

TEST_F(LiveTest, ConsumerTakesOtherFiltersAtItsPlace) {
    start();
    for (const char* type : {"order.placed", "cart.filled", "order.paid", "cart.filled"}) append("a", type);
    ASSERT_EQ(post(kConsumers, R"({"name":"c","event_type_filters":["order.*"]})").status, 201);
    EXPECT_EQ(get(path("c/events?owner=ada&lease_seconds=3600")).json()["count"], 2);
    ASSERT_EQ(post(path("c/ack"), R"({"position":0,"owner":"ada","lease_seconds":3600})").status, 200);
    const std::string carts = R"({"name":"c","event_type_filters":["cart.*"])";
    const HttpAnswer refused = post(kConsumers, carts + R"(,"owner":"bob"})");
    EXPECT_EQ(refused.status, 409);
    EXPECT_EQ(refused.json()["type"], "urn:chronos:problem:consumer-leased");
    const HttpAnswer changed = post(kConsumers, carts + R"(,"owner":"ada"})");
    EXPECT_EQ(changed.status, 200);
    EXPECT_EQ(changed.json()["position"], 0);
    EXPECT_EQ(changed.json()["event_type_filters"], Json::array({"cart.*"}));
    server_.kill_hard();
    start();
    const Json batch = get(path("c/events")).json();
    ASSERT_EQ(batch["count"], 2) << batch;
    EXPECT_EQ(batch["events"][0]["position"], 1);
    EXPECT_EQ(batch["events"][1]["position"], 3);
    ASSERT_EQ(post("/api/v1/forks", R"({"name":"try"})").status, 201);
    EXPECT_EQ(post(kConsumers, R"({"name":"c","fork":"try"})").json()["type"], "urn:chronos:problem:already-exists");
}

TEST_F(LiveTest, ConsumerResetNamesTheMemberThatIsWrong) {
    start();
    ASSERT_EQ(post(kConsumers, R"({"name":"c","tenant_id":"default"})").status, 201);
    EXPECT_EQ(post(kConsumers, R"({"tenant_id":"acme"})").status, 404);
    const HttpAnswer refused = post(path("c/reset"), R"({"time":"junk"})");
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.json()["detail"].get<std::string>().find("time: 'junk'"), 0U) << refused.body;
}

TEST_F(LiveTest, ConsumerPassesOverWhatDoesNotConcernIt) {
    start();
    append("a", "order.placed");
    append("b", "cart.filled");
    append("c", "cart.filled");
    ASSERT_EQ(
        post(kConsumers, R"({"name":"c","event_type_filters":["order.*"],"filters":{"entity_id":["a","b"]}})").status,
        201);
    const Json batch = get(path("c/events")).json();
    EXPECT_EQ(batch["count"], 1);
    EXPECT_EQ(batch["position"], 2);
    ASSERT_EQ(post(path("c/ack"), R"({"position":0})").status, 200);
    EXPECT_EQ(get(path("c")).json()["lag"], 2);
    EXPECT_EQ(get(path("c/events")).json()["count"], 0);
    EXPECT_EQ(get(path("c")).json()["lag"], 0) << "there was nothing for it";
    // A batch that gave something moves nothing.
    append("a", "order.paid");
    EXPECT_EQ(get(path("c/events")).json()["count"], 1);
    EXPECT_EQ(get(path("c")).json()["lag"], 1);
}

TEST_F(LiveTest, ConsumerBelongsToOneOwnerAtATime) {
    start();
    append("a", "t");
    ASSERT_EQ(post(kConsumers, R"({"name":"c"})").status, 201);
    ASSERT_EQ(get(path("c/events?owner=ada&lease_seconds=3600")).status, 200);
    EXPECT_EQ(get(path("c/events?owner=ada&lease_seconds=3600")).status, 200);
    const HttpAnswer refused = get(path("c/events?owner=bob"));
    EXPECT_EQ(refused.status, 409);
    EXPECT_EQ(refused.json()["type"], "urn:chronos:problem:consumer-leased");
    EXPECT_EQ(refused.json()["owner"], "ada");
    EXPECT_TRUE(refused.json()["lease_until"].is_string());
    EXPECT_EQ(post(path("c/ack"), R"({"owner":"bob","position":0})").status, 409);
    EXPECT_EQ(post(path("c/reset"), R"({"owner":"bob","to":"head"})").status, 409);
    ASSERT_EQ(post(path("c/ack"), R"({"owner":"ada","position":0,"release":true})").status, 200);
    EXPECT_EQ(get(path("c/events?owner=bob&lease_seconds=1")).json()["count"], 0);
    EXPECT_TRUE(eventually([&] { return get(path("c/events?owner=cyd")).status == 200; })) << "leases run out";
}

TEST_F(LiveTest, ConsumerWaitsForTheNextEventConcurrently) {
    start();
    ASSERT_EQ(post(kConsumers, R"({"name":"c"})").status, 201);
    std::thread later([this] {
        EXPECT_TRUE(eventually([this] { return metric("chronos_live_streams") == "1"; }));
        append("a", "t");
    });
    const HttpAnswer batch = get(path("c/events?wait_seconds=25"));
    later.join();
    EXPECT_EQ(batch.json()["count"], 1) << batch.body;
    ASSERT_EQ(post(path("c/ack"), R"({"position":0})").status, 200);
    const Json empty = get(path("c/events?wait_seconds=1")).json();
    EXPECT_EQ(empty["count"], 0);
    EXPECT_EQ(empty["position"], 0);
    EXPECT_EQ(get(path("c/events?wait_seconds=26")).status, 400);
}

TEST_F(LiveTest, ConsumerBeginsWhereItIsToldAndIsMovedAnywhere) {
    start();
    for (int i = 0; i < 3; ++i) append("a", "t");
    const std::string second_at = get("/api/v1/events/query?after=0&limit=1").json()["events"][0]["timestamp"];
    EXPECT_EQ(post(kConsumers, R"({"name":"head","start":"head"})").json()["position"], 2);
    EXPECT_EQ(post(kConsumers, R"({"name":"one","start":1})").json()["position"], 1);
    EXPECT_EQ(post(kConsumers, R"({"name":"time","start":")" + second_at + "\"}").json()["position"], 0);
    EXPECT_EQ(post(kConsumers, R"({"name":"beyond","start":7})").status, 400);
    EXPECT_EQ(post(path("head/reset"), R"({"to":"start"})").json()["position"], nullptr);
    EXPECT_EQ(post(path("head/reset"), R"({"position":1})").json()["position"], 1);
    EXPECT_EQ(post(path("head/reset"), R"({"time":")" + second_at + "\"}").json()["position"], 0);
    EXPECT_EQ(post(path("head/reset"), R"({"to":"head"})").json()["position"], 2);
    EXPECT_EQ(post(path("head/reset"), "{}").status, 400);
    EXPECT_EQ(http(server_.port(), "DELETE", path("head"), {}, with_key()).status, 204);
    EXPECT_EQ(get(path("head")).status, 404);
    EXPECT_EQ(get(path("head/events")).status, 404);
}

TEST_F(LiveTest, ConsumerRefusesWhatIsNoConsumer) {
    start();
    EXPECT_EQ(post(kConsumers, "{}").status, 400);
    EXPECT_EQ(post(kConsumers, R"({"name":"a b"})").status, 400);
    EXPECT_EQ(post(kConsumers, R"({"name":"a","filters":{"evnt_type":"x"}})").status, 400);
    EXPECT_EQ(post(kConsumers, R"({"name":"a","filters":{"fork":"x"}})").status, 400);
    EXPECT_EQ(post(kConsumers, R"({"name":"a","event_type_filters":["*"]})").status, 400);
    EXPECT_EQ(post(kConsumers, R"({"name":"a","fork":"none"})").status, 404);
    ASSERT_EQ(post(kConsumers, R"({"name":"a"})").status, 201);
    const auto [id, text] = make_key("read");
    const Headers reader = {"Authorization: Bearer " + text};
    EXPECT_EQ(http(server_.port(), "GET", path("a"), {}, reader).status, 200);
    EXPECT_EQ(http(server_.port(), "GET", path("a/events"), {}, reader).status, 403);
    EXPECT_EQ(http(server_.port(), "POST", path("a/ack"), R"({"position":0})", reader).status, 403);
}

TEST_F(LiveTest, ConsumerOfAForkEndsWithIt) {
    start();
    append("a", "t");
    ASSERT_EQ(post("/api/v1/forks", R"({"name":"try"})").status, 201);
    append("a", "u", "?fork=try");
    ASSERT_EQ(post(kConsumers, R"({"name":"c","fork":"try"})").status, 201);
    EXPECT_EQ(get(path("c/events")).json()["count"], 2);
    ASSERT_EQ(http(server_.port(), "DELETE", "/api/v1/forks/try", {}, with_key()).status, 200);
    EXPECT_EQ(get(path("c/events")).status, 410);
    EXPECT_EQ(get(path("c")).json()["branch_ended"], true);
}

TEST_F(LiveTest, ConsumerIsWhereItWasAfterKillAndAfterAStop) {
    start();
    for (int i = 0; i < 4; ++i) append("a", "t");
    ASSERT_EQ(post(kConsumers, R"({"name":"c","filters":{"event_type":"t"}})").status, 201);
    ASSERT_EQ(post(kConsumers, R"({"name":"gone"})").status, 201);
    ASSERT_EQ(http(server_.port(), "DELETE", path("gone"), {}, with_key()).status, 204);
    const Json written = post(path("c/ack"), R"({"position":1,"durable":true})").json();
    EXPECT_EQ(written["durable_position"], 1);
    server_.kill_hard();
    start();
    EXPECT_EQ(get(path("c")).json()["position"], 1);
    EXPECT_EQ(get(path("gone")).status, 404);
    EXPECT_EQ(get(path("c/events?owner=other")).json()["events"][0]["position"], 2) << "leases are forgotten";
    // Without being asked to, it is written within a second or so.
    ASSERT_EQ(post(path("c/ack"), R"({"position":2,"owner":"other"})").status, 200);
    ASSERT_TRUE(eventually([&] { return get(path("c")).json()["durable_position"] == 2; }));
    server_.kill_hard();
    start();
    EXPECT_EQ(get(path("c")).json()["position"], 2);
    // And when the server stops, at once.
    for (int position = 2; position < 4; ++position)
        ASSERT_EQ(post(path("c/ack"), R"({"position":)" + std::to_string(position) + "}").status, 200);
    ASSERT_EQ(server_.terminate(), 0);
    start();
    EXPECT_EQ(get(path("c")).json()["position"], 3);
    EXPECT_EQ(get(path("c/events")).json()["count"], 0);
}

}  // namespace
}  // namespace chronos::conformance
