#include "embedded/event_line.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace chronos::embedded {
namespace {

std::string error_of(std::string_view line) {
    EventLineParser parser;
    const Result<ParsedEvent> event = parser.parse(line);
    return event.ok() ? "parsed" : event.error().message;
}

std::string batch_error_of(std::string_view text) {
    EventLineParser parser;
    const auto events = parser.parse_batch(text);
    return events.ok() ? "parsed " + std::to_string(events->size()) : events.error().message;
}

TEST(EventLine, ReadsEveryField) {
    EventLineParser parser;
    std::string line =
        R"( {"id":"evt-1","entity_id":"order-7","event_type":"OrderPlaced","payload":{ "total": 12.50 },)"
        R"("metadata":{"user":"ada"},"tags":["web","caf\u00e9"],"occurred_at":"2024-05-01T12:00:00Z",)"
        R"("expected_version":3,"tenant_id":"acme"} )";
    const Result<ParsedEvent> event = parser.parse(line);
    line.assign(line.size(), 'x');  // the parser has its own copy
    ASSERT_TRUE(event.ok()) << event.error().message;
    EXPECT_EQ(event->id, "evt-1");
    EXPECT_EQ(event->entity_id, "order-7");
    EXPECT_EQ(event->event_type, "OrderPlaced");
    EXPECT_EQ(event->payload, R"({ "total": 12.50 })");
    EXPECT_EQ(event->metadata, R"({"user":"ada"})");
    EXPECT_EQ(event->tags, (std::vector<std::string_view>{"web", "café"}));
    EXPECT_EQ(event->occurred_at, "2024-05-01T12:00:00Z");
    EXPECT_EQ(event->expected_version->kind, ExpectedVersion::Kind::kExactly);
    EXPECT_EQ(event->expected_version->version, Version{3});
    EXPECT_EQ(event->tenant_id, "acme");
    EXPECT_FALSE(event->has_store_fields);
}

TEST(EventLine, KnowsAliasesAndUnescapesTextAndKeys) {
    EventLineParser parser;
    const auto event = parser.parse(R"({"event_id":"a\"\n\ud83d\ude00b","t\u0079pe":"T","data":[1,"\u0041"]})");
    ASSERT_TRUE(event.ok()) << event.error().message;
    EXPECT_EQ(event->id, "a\"\n😀b");
    EXPECT_EQ(event->event_type, "T");
    EXPECT_EQ(event->payload, R"([1,"\u0041"])");
}

TEST(EventLine, TakesNullForLeftOutExceptInThePayload) {
    EventLineParser parser;
    const auto event = parser.parse(
        R"({"id":null,"tags":null,"metadata":null,"expected_version":null,"position":null,"payload":null})");
    ASSERT_TRUE(event.ok()) << event.error().message;
    EXPECT_FALSE(event->id.has_value());
    EXPECT_EQ(event->metadata, "");
    EXPECT_FALSE(event->expected_version.has_value());
    EXPECT_FALSE(event->has_store_fields);
    EXPECT_EQ(event->payload, "null");
}

TEST(EventLine, ReadsTheWordsOfExpectedVersion) {
    using Kind = ExpectedVersion::Kind;
    EventLineParser parser;
    EXPECT_EQ(parser.parse(R"({"expected_version":"any"})")->expected_version->kind, Kind::kAny);
    EXPECT_EQ(parser.parse(R"({"expected_version":"none"})")->expected_version->kind, Kind::kNone);
    EXPECT_EQ(parser.parse(R"({"expected_version":"exists"})")->expected_version->kind, Kind::kExists);
    EXPECT_EQ(parser.parse(R"({"expected_version":18446744073709551615})")->expected_version->version.value, ~0ULL);
    for (const char* value : {"-1", "1.0", "1e3", "\"1\"", "true", "18446744073709551616", "{}"}) {
        EXPECT_FALSE(parser.parse(R"({"expected_version":)" + std::string(value) + "}").ok()) << value;
    }
}

TEST(EventLine, ReportsFieldsThatOnlyAStoreSets) {
    EventLineParser parser;
    const auto event = parser.parse(R"({"timestamp":"2024","position":12,"version":3})");
    ASSERT_TRUE(event.ok());
    EXPECT_TRUE(event->has_store_fields);
    EXPECT_EQ(event->timestamp, "\"2024\"");
    EXPECT_EQ(event->position, "12");
    EXPECT_EQ(event->version, "3");
}

TEST(EventLine, RefusesUnknownRepeatedAndMistypedFields) {
    EXPECT_EQ(error_of(R"({"entityid":"x"})"),
              "unknown field 'entityid' in an event; known are id, event_id, entity_id, "
              "event_type, type, "
              "payload, data, metadata, tags, occurred_at, expected_version, tenant_id, timestamp, "
              "position, "
              "version");
    EXPECT_EQ(error_of(R"({"id":"x","id":"y"})"), R"(not valid JSON at byte 10: the key "id" is there twice)");
    EXPECT_EQ(error_of(R"({"id":"x","event_id":"y"})"), "field 'event_id' repeats another one of the same meaning");
    EXPECT_EQ(error_of(R"({"id":7})"), "field 'id' must be a string");
    EXPECT_EQ(error_of(R"({"tags":"web"})"), "field 'tags' must be an array of strings");
    EXPECT_EQ(error_of(R"({"tags":["web",1]})"), "field 'tags' must be an array of strings");
    EXPECT_EQ(error_of("[]"), "an event must be a JSON object");
}

TEST(EventLine, ChecksThePayloadAsStrictlyAsTheRest) {
    for (const char* payload : {R"({"a":1,"\u0061":2})", R"("\ud800")", "1e999", "NaN", "\"\xFF\"", "[1,]", ""}) {
        EXPECT_NE(error_of(R"({"id":"x","payload":)" + std::string(payload) + "}"), "parsed") << payload;
    }
    EXPECT_EQ(error_of(R"({"payload":)" + std::string(64, '[') + std::string(64, ']') + "}"), "parsed");
    EXPECT_NE(error_of(R"({"payload":)" + std::string(65, '[') + std::string(65, ']') + "}"), "parsed");
    EXPECT_NE(error_of(std::string(1'000'000, '[')), "parsed");
}

TEST(EventBatch, ReadsOneEventAnArrayOrAnEnvelope) {
    EventLineParser parser;
    for (const char* text : {R"([{"id":"a\/"},{"id":"b","payload":{"x":[1]}}])",
                             R"( { "events" : [ {"id":"a\/"} , {"id":"b","payload":{"x":[1]}} ] } )"}) {
        const auto events = parser.parse_batch(text);
        ASSERT_TRUE(events.ok()) << events.error().message;
        ASSERT_EQ(events->size(), 2U);
        EXPECT_EQ(events->at(0).id, "a/");
        EXPECT_EQ(events->at(1).payload, R"({"x":[1]})");
    }
    EXPECT_EQ(parser.parse_batch(R"({"id":"alone"})")->at(0).id, "alone");
    EXPECT_TRUE(parser.parse_batch("[ ]")->empty());
    EXPECT_TRUE(parser.parse_batch(R"({"events":[]})")->empty());
}

TEST(EventBatch, NamesTheEventThatIsWrong) {
    EXPECT_EQ(batch_error_of(R"([{"id":"a"},{"id":1}])"), "event 1: field 'id' must be a string");
    EXPECT_EQ(batch_error_of(R"([{"id":"a"},])"), "event 1: not valid JSON at byte 12: expected a value");
    EXPECT_EQ(batch_error_of(R"([{"id":"a"})"), "not valid JSON at byte 11: expected ',' or ']' after an event");
    EXPECT_EQ(batch_error_of(R"([1])"), "event 0: an event must be a JSON object");
    EXPECT_EQ(batch_error_of(R"([] x)"), "not valid JSON at byte 3: nothing may follow the events");
    EXPECT_EQ(batch_error_of(R"({"events":[],"x":1})"),
              "expected '}' at byte 12: an object with \"events\" has no other field");
    EXPECT_EQ(batch_error_of(R"({"events":1})"), "field 'events' must be an array of events");
    for (const char* text : {"", " ", "[", "{", R"({"events")", R"({"events":)", R"({"events":[)", "[{}", "1"}) {
        EXPECT_FALSE(batch_error_of(text).starts_with("parsed")) << text;
    }
}

TEST(EventBatch, IsBounded) {
    EventLineParser parser({.batch_events_max = 2, .tags_max = 1});
    EXPECT_TRUE(parser.parse_batch("[{},{}]").ok());
    EXPECT_EQ(parser.parse_batch("[{},{},{}]").error().code, ErrorCode::kLimitExceeded);
    EXPECT_EQ(parser.parse(R"({"tags":["a","b"]})").error().code, ErrorCode::kLimitExceeded);
}

// Run with -fsanitize=address.
TEST(EventBatch, SurvivesDamagedText) {
    const std::string seed =
        R"({"events":[{"id":"a\u0062\/","tags":["x\n","y"],"payload":{"k":[1,2]},"expected_version":1},{"type":"T"}]})";
    std::mt19937 random(1);
    EventLineParser parser;
    std::size_t parsed_count = 0;
    for (int round = 0; round < 50'000; ++round) {
        std::string text = seed;
        for (int i = 0; i < 2; ++i) {
            const std::size_t at = random() % text.size();
            if (random() % 2 == 0)
                text.erase(at, 1 + random() % 4);
            else
                text[at] = "{}[]\",:\\u1n "[random() % 12];
        }
        const auto events = parser.parse_batch(text);
        parsed_count += events.ok() ? events->size() : 0;
        if (parser.parse(text).ok()) ++parsed_count;
    }
    EXPECT_GT(parsed_count, 0U);
}

TEST(EventLine, BecomesAnEventOfABatch) {
    EventLineParser parser;
    const Result<ParsedEvent> parsed =
        parser.parse(R"({"type":"t","entity_id":"e","data":1,"tags":["a"],"expected_version":"none"})");
    const Result<BatchBuilder::EventRef> event = event_of(*parsed);
    EXPECT_EQ(event->event_type, "t");
    EXPECT_EQ(event->payload, "1");
    EXPECT_EQ(event->tags.size(), 1U);
    EXPECT_EQ(event->expected_version.kind, ExpectedVersion::Kind::kNone);
    EXPECT_FALSE(event->id.has_value());
    EXPECT_EQ(event_of(*parser.parse(R"({"type":"t"})")).error().message, "entity_id is missing");
    EXPECT_EQ(event_of(*parser.parse(R"({"entity_id":"e"})")).error().message, "event_type is missing");
    EXPECT_TRUE(
        event_of(*parser.parse(R"({"entity_id":"e","type":"t","id":"x"})")).error().message.starts_with("id: "));
    EXPECT_TRUE(event_of(*parser.parse(R"({"entity_id":"e","type":"t","occurred_at":"x"})"))
                    .error()
                    .message.starts_with("occurred_at: "));
}

TEST(EventLine, LeavesTheEventItselfOutOfTheNestingItNames) {
    const auto nested = [](std::size_t depth) {
        return R"({"payload":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
    };
    EXPECT_EQ(error_of(nested(json::kDepthMax)), "parsed");
    EXPECT_NE(error_of(nested(json::kDepthMax + 1)).find("more than 64 levels of nesting"), std::string::npos);
}

TEST(ExpectedVersionText, IsANumberOrAWord) {
    EXPECT_EQ(parse_expected_version("7")->version, Version{7});
    EXPECT_EQ(parse_expected_version("0")->kind, ExpectedVersion::Kind::kNone);
    EXPECT_FALSE(parse_expected_version(""));
    EXPECT_FALSE(parse_expected_version("-1"));
    EXPECT_FALSE(parse_expected_version_json("none"));
    EXPECT_FALSE(parse_expected_version_json("\"7\""));
    EXPECT_EQ(parse_expected_version_json("\"exists\"")->kind, ExpectedVersion::Kind::kExists);
}

}  // namespace
}  // namespace chronos::embedded
