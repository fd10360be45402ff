#include "server/live/event_source.h"

#include <gtest/gtest.h>

#include "server/live/event_stream.h"

namespace chronos::server {
namespace {

Result<StreamStart> after(const std::string& text) {
    wire::Parameters parameters;
    parameters.add("after", text);
    return take_after(parameters);
}

Store open_store() { return Store::open({.directory = "unused", .in_memory = true}).value(); }

void append(Store& store, const std::string& type, const std::string& payload = "{}") {
    ASSERT_TRUE(store.append({.entity_id = "a", .event_type = type, .payload = payload}).ok());
}

TEST(TypePatterns, MatchTypesAndWhatBeginsWithTheirPrefix) {
    const TypePatterns patterns = TypePatterns::parse({"order.*", "paid"}).value();
    EXPECT_TRUE(patterns.matches("order.placed"));
    EXPECT_TRUE(patterns.matches("paid"));
    EXPECT_FALSE(patterns.matches("order"));
    EXPECT_FALSE(patterns.matches("orders.placed"));
    EXPECT_FALSE(patterns.matches("paid.late"));
    EXPECT_TRUE(TypePatterns().matches("anything"));
}

TEST(TypePatterns, RefuseWhatLooksLikeAnotherPattern) {
    for (const char* bad : {"", "*", ".*", "*.placed", "order*", "o*.x", "a.**"})
        EXPECT_FALSE(TypePatterns::parse({bad}).ok()) << bad;
}

TEST(TakeAfter, KnowsPositionsHeadAndStart) {
    EXPECT_EQ(after("7")->after, Position{7});
    EXPECT_TRUE(after("head")->is_head);
    EXPECT_EQ(after("start")->after, std::nullopt);
    EXPECT_FALSE(after("").ok());
    EXPECT_FALSE(after("-1").ok());
    EXPECT_FALSE(after("2026-01-01").ok());
}

TEST(EventSource, LargeEventsComeInSmallPages) {
    Store store = open_store();
    for (int i = 0; i < 10; ++i) append(store, "t", "\"" + std::string(20'000, 'x') + "\"");
    EventSource source = EventSource::open(store, {}, {}).value();
    Page page;
    std::size_t seen = 0;
    while (seen < 10) {
        ASSERT_TRUE(source.next(256, page).ok());
        ASSERT_GE(page.events().size(), 1U);
        EXPECT_LE(page.events().size(), 2U) << "32 KiB at a time, and the event that goes beyond";
        for (const EventView& event : page.events()) EXPECT_EQ(event.position.value, seen++);
        EXPECT_EQ(source.position(), page.events().back().position);
    }
    ASSERT_TRUE(source.next(256, page).ok());
    EXPECT_TRUE(page.events().empty());
    EXPECT_FALSE(page.has_more());
}

TEST(EventSource, SaysThatThereIsMoreWhenItPassedOverALot) {
    Store store = open_store();
    for (int i = 0; i < 200; ++i) append(store, "other", "\"" + std::string(20'000, 'x') + "\"");
    append(store, "wanted");
    SourceOptions options;
    options.patterns = TypePatterns::parse({"wanted"}).value();
    EventSource source = EventSource::open(store, options, {}).value();
    Page page;
    ASSERT_TRUE(source.next(256, page).ok());
    EXPECT_TRUE(page.events().empty());
    EXPECT_TRUE(page.has_more());
    while (page.events().empty() && page.has_more()) ASSERT_TRUE(source.next(256, page).ok());
    ASSERT_EQ(page.events().size(), 1U);
    EXPECT_EQ(page.events()[0].position, Position{200});
}

TEST(SseMessage, KeepsEachLineOfItsDataApart) {
    std::string out;
    write_sse_message(out, "7", "name", "a\nb\r\nc\rd");
    EXPECT_EQ(out, "id: 7\nevent: name\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
    out.clear();
    write_sse_message(out, {}, {}, "{}\n");
    EXPECT_EQ(out, "data: {}\ndata: \n\n");
}

}  // namespace
}  // namespace chronos::server
