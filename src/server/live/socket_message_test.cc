#include "server/live/socket_message.h"

#include <gtest/gtest.h>

namespace chronos::server {
namespace {

Result<SocketMessage> parse(std::string_view text) { return parse_socket_message(text, {}); }

TEST(SocketMessage, SubscribeSaysWhatFromWhereAndHowMuch) {
    const auto parsed = parse(R"({"type":"subscribe","id":"s","fork":"f","after":3,"credits":5,"event_type":["a","b"],)"
                              R"("event_type_filters":["x.*"]})");
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    const auto& message = std::get<SubscribeMessage>(*parsed);
    EXPECT_EQ(message.id, "s");
    EXPECT_EQ(message.credits, 5U);
    EXPECT_EQ(message.place.after, Position{3});
    EXPECT_EQ(message.source.branch, "f");
    EXPECT_EQ(message.source.filter.event_types, (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(message.source.patterns.matches("x.y"));
    EXPECT_EQ(std::get<SubscribeMessage>(*parse(R"({"type":"subscribe","id":"s"})")).credits, 0U);
}

TEST(SocketMessage, CreditAndUnsubscribeNameTheirSubscription) {
    EXPECT_EQ(std::get<CreditMessage>(*parse(R"({"type":"credit","id":"s","credits":1000000})")).credits, kCreditsMax);
    EXPECT_EQ(std::get<UnsubscribeMessage>(*parse(R"({"type":"unsubscribe","id":"s"})")).id, "s");
}

TEST(SocketMessage, RefusesWhatItDoesNotUnderstandWhole) {
    for (const char* bad :
         {"", "x", "[]", "{}", R"({"type":"subscribe"})", R"({"type":"subscribe","id":""})",
          R"({"type":"credit","id":"s"})", R"({"type":"credit","id":"s","credits":1.5})",
          R"({"type":"credit","id":"s","credits":1,"more":1})", R"({"type":"unsubscribe","id":"s","x":1})",
          R"({"type":"subscribe","id":"s","typo":1})", R"({"id":"s"})"})
        EXPECT_FALSE(parse(bad).ok()) << bad;
    EXPECT_EQ(socket_message_id(R"({"type":"nonsense","id":"s"})"), "s");
    EXPECT_EQ(socket_message_id("nonsense"), "");
}

TEST(PlainMessage, IsAFilterByFieldsOrByPatterns) {
    const auto fields = parse_plain_message(R"({"entity_id":"a","event_type":null})");
    EXPECT_EQ(std::get<FieldFilterMessage>(*fields).entity_id, "a");
    EXPECT_EQ(std::get<FieldFilterMessage>(*fields).event_type, std::nullopt);
    const auto patterns = parse_plain_message(R"({"type":"subscribe","filters":["order.*"]})");
    EXPECT_TRUE(std::get<PatternFilterMessage>(*patterns).patterns.matches("order.x"));
    const auto all = parse_plain_message(R"({"type":"subscribe","filters":[ ]})");
    ASSERT_TRUE(all.ok());
    EXPECT_TRUE(std::get<PatternFilterMessage>(*all).patterns.matches("anything"));
    EXPECT_FALSE(parse_plain_message(R"({"type":"replay"})").ok());
    EXPECT_FALSE(parse_plain_message(R"({"entity":"a"})").ok());
    EXPECT_FALSE(parse_plain_message(R"({"entity_id":""})").ok());
}

}  // namespace
}  // namespace chronos::server
