// Times, field tests and other small texts that people type and read.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "app/failure.h"
#include "app/json_text.h"
#include "app/read_options.h"
#include "app/terminal.h"
#include "event/batch_content.h"
#include "ingest/event_lines.h"
#include "server/version.h"
#include "wire/duration_text.h"
#include "wire/field_test_text.h"
#include "wire/time_text.h"

namespace chronos::app {
namespace {

const Timestamp kNow = Timestamp::parse("2026-03-01T12:30:00Z").value();

std::string time_of(std::string_view text) {
    const Result<Timestamp> time = wire::parse_time(text, kNow);
    return time.ok() ? time->to_string() : "error";
}

std::string time_error(std::string_view text) {
    const Result<Timestamp> time = wire::parse_time(text, kNow);
    return time.ok() ? "" : time.error().message;
}

TEST(TimeText, ReadsDatesAndTimesWithAnOffset) {
    EXPECT_EQ(time_of("2026-01-31"), "2026-01-31T00:00:00Z");
    EXPECT_EQ(time_of("2026-01-31T10:00:00+01:00"), "2026-01-31T09:00:00Z");
}

TEST(TimeText, ReadsWordsRelativeToNow) {
    EXPECT_EQ(time_of("now"), "2026-03-01T12:30:00Z");
    EXPECT_EQ(time_of("today"), "2026-03-01T00:00:00Z");
    EXPECT_EQ(time_of("Yesterday"), "2026-02-28T00:00:00Z");
    EXPECT_EQ(time_of("2 hours ago"), "2026-03-01T10:30:00Z");
    EXPECT_EQ(time_of("90min ago"), "2026-03-01T11:00:00Z");
    EXPECT_EQ(time_of("1 week ago"), "2026-02-22T12:30:00Z");
}

TEST(TimeText, RefusesWhatCouldMeanTwoThings) {
    EXPECT_NE(time_error("5 m ago").find("minutes or months"), std::string::npos);
    EXPECT_NE(time_error("2 months ago").find("differ in length"), std::string::npos);
    EXPECT_NE(time_error("2026-01-31T10:00:00").find("zone"), std::string::npos);
    EXPECT_NE(time_error("10:00").find("zone"), std::string::npos);
    EXPECT_NE(time_error("2 hours").find("2 hours ago"), std::string::npos);
    EXPECT_NE(time_error("99999999999999 days ago"), "");
    EXPECT_NE(time_error("-2 hours ago").find("whole number"), std::string::npos);
    EXPECT_NE(time_error("1500-01-01").find("1678"), std::string::npos) << time_error("1500-01-01");
    EXPECT_NE(time_error("2026-02-30").find("2026-02-30"), std::string::npos);
    EXPECT_NE(time_error("soon").find("yesterday"), std::string::npos);
    EXPECT_NE(time_error(""), "");
}

std::string duration_of(std::string_view text) {
    const Result<std::int64_t> ns = wire::parse_duration(text);
    return ns.ok() ? wire::duration_text(*ns) : "error: " + ns.error().message;
}

TEST(DurationText, ReadsANumberWithAUnit) {
    EXPECT_EQ(duration_of("45"), "45s");
    EXPECT_EQ(duration_of("3600"), "1h");
    EXPECT_EQ(duration_of("10m"), "10m");
    EXPECT_EQ(duration_of("90 min"), "1h 30m");
    EXPECT_EQ(duration_of("24h"), "24h");
    EXPECT_EQ(duration_of("7d"), "7d");
    EXPECT_EQ(duration_of("1w"), "7d");
    EXPECT_EQ(duration_of("0"), "0s");
}

TEST(DurationText, RefusesEverythingElse) {
    for (const std::string_view text : {"", "-1", "1.5h", "x", "5 parsecs", "h", "99999999999999999999", "9999999999w"})
        EXPECT_NE(duration_of(text).find("10m or 7d"), std::string::npos) << text;
}

TEST(DurationText, ShowsTheTwoLargestUnits) {
    constexpr std::int64_t kSecondNs = 1'000'000'000;
    EXPECT_EQ(wire::duration_text(-1), "0s");
    EXPECT_EQ(wire::duration_text(59 * kSecondNs + 1), "59s");
    EXPECT_EQ(wire::duration_text(86'399 * kSecondNs), "23h 59m");
    EXPECT_EQ(wire::duration_text(7 * 86'400 * kSecondNs - 1), "6d 23h");
}

std::string test_of(std::string_view text) {
    const Result<FieldTest> test = wire::parse_field_test(text);
    return test.ok() ? test->pointer + "|" + test->operation + "|" + test->operand : "error";
}

TEST(FieldTestText, ReadsPointerOperatorAndJson) {
    EXPECT_EQ(test_of("/total >= 100"), "/total|>=|100");
    EXPECT_EQ(test_of("/a/b == {\"x\": 1}"), "/a/b|=|{\"x\": 1}");
    EXPECT_EQ(test_of("  /paid  !=  true "), "/paid|!=|true");
    EXPECT_EQ(test_of("/note exists"), "/note|exists|");
}

TEST(FieldTestText, TakesBareWordsForAString) {
    EXPECT_EQ(test_of("/status = paid"), "/status|=|\"paid\"");
    EXPECT_EQ(test_of("/name = Ada Lovelace"), "/name|=|\"Ada Lovelace\"");
    EXPECT_EQ(test_of("/first name = Ada"), "/first name|=|\"Ada\"");
}

TEST(FieldTestText, RefusesHalfATest) {
    for (const std::string_view text :
         {"", "/total", "/total >=", "total = 1", "/a = {\"x\":", "/a exists 1", "/a ~ 1"})
        EXPECT_EQ(test_of(text), "error") << text;
}

TEST(ReadOptionsText, AnswersATimeGivenAsAPositionWithTheRightOption) {
    EXPECT_EQ(parse_position("7", "--at")->value, 7U);
    EXPECT_NE(parse_position("2026-01-01", "--at").error().message.find("--known-at"), std::string::npos);
    EXPECT_FALSE(parse_position("-1", "--at").ok());
}

TEST(ReadOptionsText, ShowsAFilterAsItWasTyped) {
    EXPECT_EQ(filter_text({}), "");
    EXPECT_EQ(filter_text({.event_types = {"a", "b"}, .tags = {"t"}}), "--type a --type b --tag t");
    EXPECT_TRUE(is_single_entity({.entity_ids = {"e"}}));
    EXPECT_FALSE(is_single_entity({.event_types = {"a"}, .entity_ids = {"e"}}));
    EXPECT_FALSE(is_single_entity({.entity_ids = {"e", "f"}}));
}

TEST(TerminalText, FitsTextByCharacters) {
    EXPECT_EQ(fitted("caf\xC3\xA9", 4), "caf\xC3\xA9");
    EXPECT_EQ(fitted("caf\xC3\xA9s", 4), "caf…");
    EXPECT_EQ(padded("ab", 4), "ab  ");
    EXPECT_EQ(fitted("a\n\x1b[31m", 80), "a ?[31m");
    EXPECT_EQ(padded("\xE2\x80\xAE", 2), "? ");
    EXPECT_EQ(harmless_lines("a\x7F\n\tb\n"), "a?\n b\n");
    EXPECT_EQ(with_separators(1234567), "1,234,567");
    EXPECT_EQ(with_separators(999), "999");
    EXPECT_EQ(human_bytes(1536), "1.5 KiB");
    EXPECT_EQ(human_duration(1500), "1.5 µs");
}

TEST(JsonText, ChangesOnlyWhiteSpace) {
    EXPECT_EQ(pretty_json(R"({"a":1.0,"b":[],"c":{"d":[1,2]}})"),
              "{\n  \"a\": 1.0,\n  \"b\": [],\n  \"c\": {\n    \"d\": [\n      1,\n      2\n    "
              "]\n  }\n}");
}

TEST(JsonText, EscapesWhatWouldSteerATerminal) {
    EXPECT_EQ(pretty_json("{\"\xC2\x9B\":\"\x7F\xE2\x80\xAE\xC3\xA9\"}"),
              "{\n  \"\\u009b\": \"\\u007f\\u202e\xC3\xA9\"\n}");
}

TEST(Failure, GivesEachKindItsExitCode) {
    EXPECT_EQ(exit_code_of(ErrorCode::kInvalidArgument), 2);
    EXPECT_EQ(exit_code_of(ErrorCode::kNotFound), 3);
    EXPECT_EQ(exit_code_of(ErrorCode::kGone), 3);
    EXPECT_EQ(exit_code_of(ErrorCode::kVersionConflict), 4);
    EXPECT_EQ(exit_code_of(ErrorCode::kIndeterminate), 5);
    EXPECT_EQ(exit_code_of(ErrorCode::kCorrupt), 6);
    EXPECT_EQ(exit_code_of(ErrorCode::kLocked), 7);
    EXPECT_EQ(exit_code_of(ErrorCode::kNoSpace), 8);
    EXPECT_EQ(exit_code_of(ErrorCode::kLimitExceeded), 9);
    EXPECT_EQ(exit_code_of(ErrorCode::kClockSuspect), 10);
}

/// Metadata of the event on an exported line, or the error.
std::string imported(std::string_view line, ingest::LineMode mode = ingest::LineMode::kImport) {
    BatchBuilder batch;
    const Status status = ingest::EventLines(mode).add(line, batch);
    if (!status.ok()) return "error: " + status.error().message;
    std::string text;
    batch.content().for_each_event([&](const event::EventBytes& event) {
        text = std::string(event.metadata()) + " " + Timestamp{event.sent_occurred_at().value_or(0)}.to_string();
    });
    return text;
}

TEST(EventLines, ImportKeepsWhereAnEventWas) {
    EXPECT_EQ(imported(R"({"entity_id":"e","event_type":"t","payload":{},"position":7,"version":2,)"
                       R"("timestamp":"2026-01-01T00:00:00Z"})"),
              R"({"origin":{"position":7,"version":2,"timestamp":"2026-01-01T00:00:00Z"}} 2026-01-01T00:00:00Z)");
    EXPECT_EQ(imported(R"({"entity_id":"e","event_type":"t","payload":{},"position":7,"metadata":{"actor":"a"}})"),
              R"({"origin":{"position":7},"actor":"a"} 1970-01-01T00:00:00Z)");
    EXPECT_EQ(imported(R"({"entity_id":"e","event_type":"t","payload":{},"position":9,"metadata":{"origin":{}}})"),
              R"({"origin":{}} 1970-01-01T00:00:00Z)");
}

TEST(EventLines, StrictRefusesWhatOnlyTheStoreSets) {
    EXPECT_NE(imported(R"({"entity_id":"e","event_type":"t","payload":{},"position":7})", ingest::LineMode::kStrict)
                  .find("--mode import"),
              std::string::npos);
    EXPECT_EQ(imported(R"({"entity_id":"e","event_type":"t"})"),
              "error: payload is missing; write {} for an event without one");
    EXPECT_EQ(imported(R"({"event_type":"t","payload":{}})"), "error: entity_id is missing");
}

TEST(Version, IsThatOfTheProject) {
    std::ifstream file(std::string(CHRONOS_SOURCE_DIR) + "/CMakeLists.txt");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    EXPECT_NE(text.find("project(chronos VERSION " + std::string(server::kVersion) + " "), std::string::npos);
}

}  // namespace
}  // namespace chronos::app
