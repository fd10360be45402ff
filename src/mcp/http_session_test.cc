#include "mcp/http_session.h"

#include <gtest/gtest.h>

#include "mcp/mcp_fixture.h"

namespace chronos::mcp {
namespace {

class HttpSessionTest : public testing::Test {
protected:
    std::shared_ptr<HttpSession> session_of(std::string key_id = "key") {
        return std::make_shared<HttpSession>(Client{.era = Era::kLegacy,
                                                    .version = "2025-11-25",
                                                    .principal = principal(access::Scope::kRead, std::move(key_id)),
                                                    .log_level = "info"},
                                             client::endpoint_over(store_.store(), "test"));
    }
    static void subscribe(HttpSession& session, std::string_view uri) {
        (void)session.legacy().answer(
            {.kind = Message::Kind::kRequest, .id = 1, .method = "resources/subscribe", .params = {{"uri", uri}}});
    }
    /// How many listeners there is room for.
    std::size_t free_slots() {
        std::size_t count = 0;
        while (service_.subscriptions().add({}) != 0) ++count;
        return count;
    }

    TestWorld world_;
    TestStore store_;
    Service service_{{.version = "1"}, world_.environment()};
};

TEST_F(HttpSessionTest, WatchesWithOneListener) {
    const auto session = session_of();
    EXPECT_TRUE(session->watch(service_));
    EXPECT_TRUE(session->watch(service_));
    EXPECT_EQ(free_slots(), Subscriptions::kListenersMax - 1);
}

TEST_F(HttpSessionTest, SaysWhenThereIsNoRoomForItsListener) {
    EXPECT_EQ(free_slots(), Subscriptions::kListenersMax);
    EXPECT_FALSE(session_of()->watch(service_));
}

TEST_F(HttpSessionTest, ASessionThatEndedBeforeItsWatchBeganLeavesNoListener) {
    const auto session = session_of();
    session->end(service_);
    EXPECT_TRUE(session->watch(service_));
    EXPECT_EQ(free_slots(), Subscriptions::kListenersMax);
}

TEST_F(HttpSessionTest, ASessionThatEndsWhileItsWatchReadsLeavesNoListenerAndNobodyWaits) {
    const auto session = session_of();
    int reads = 0;
    service_.dispatcher().offers().readers.insert(
        service_.dispatcher().offers().readers.begin(),
        [&](Exchange& /*exchange*/, std::string_view /*uri*/) -> std::optional<Reply> {
            ++reads;
            (void)session->next_stream();
            session->end(service_);
            return Json::object();
        });
    subscribe(*session, "test://a");
    EXPECT_TRUE(session->watch(service_));
    EXPECT_EQ(reads, 1);
    EXPECT_EQ(free_slots(), Subscriptions::kListenersMax);
}

TEST_F(HttpSessionTest, OneKeyTakesNoneOfTheSessionsOfOthers) {
    HttpSessions sessions(service_);
    const auto others = session_of("other");
    const std::string others_id = sessions.add(others);
    const std::string first = sessions.add(session_of());
    ++world_.clock.now_ns;
    const std::string second = sessions.add(session_of());
    ++world_.clock.now_ns;
    for (std::size_t i = 2; i < HttpSessions::kMaxPerHolder; ++i) EXPECT_FALSE(sessions.add(session_of()).empty());
    ++world_.clock.now_ns;
    const std::string holder = session_of()->holder();
    EXPECT_NE(sessions.find(first, holder), nullptr);
    EXPECT_FALSE(sessions.add(session_of()).empty());
    EXPECT_NE(sessions.find(first, holder), nullptr);
    EXPECT_EQ(sessions.find(second, holder), nullptr);
    EXPECT_NE(sessions.find(others_id, others->holder()), nullptr);
}

}  // namespace
}  // namespace chronos::mcp
