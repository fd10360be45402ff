// What was told late stands where it belongs: periods of values and times from event to event are those of what
// happened, not of the order in which it was recorded.
#include "mcp/tools/aggregation.h"
#include "mcp/tools/tool_fixture.h"

namespace chronos::mcp {
namespace {

constexpr std::int64_t kDay = 86'400;

using LateEvents = ToolTest;

TEST_F(LateEvents, PeriodsOfAValueAreByTheTimeAtWhichItsEventsOccurred) {
    append("a:1", "s.set", R"({"s":"A"})", "2026-01-10");
    append("a:1", "s.set", R"({"s":"B"})", "2026-01-20");
    append("a:1", "s.told", R"({"s":"B"})", "2026-01-15");
    const Json answer = call("get_history", R"({"entity_id":"a:1","field":"s","as_of":"2026-02-01"})");
    EXPECT_EQ(answer["fold_order"], "occurred");
    EXPECT_EQ(answer["late_events"], 1);
    const Json& periods = answer["untrusted"]["periods"];
    ASSERT_EQ(periods.size(), 2U) << answer.dump(1);
    EXPECT_EQ(periods[0]["value"], "A");
    EXPECT_EQ(periods[0]["lasted"]["seconds"], 5 * kDay);
    EXPECT_EQ(periods[1]["value"], "B");
    EXPECT_EQ(periods[1]["from"], "2026-01-15T00:00:00Z");
    EXPECT_EQ(periods[1]["version"], 3);
    EXPECT_EQ(periods[1]["lasted"]["seconds"], 17 * kDay);
    EXPECT_EQ(answer["changes_of_field"], 2);
    EXPECT_EQ(answer["untrusted"]["entries"][1]["version"], 3);
    EXPECT_EQ(answer["untrusted"]["entries"][1]["changes"][0]["before"], "A");
}

TEST_F(LateEvents, TheOrderOfTheStreamTellsSinceWhenAValueWasKnown) {
    append("a:1", "s.set", R"({"s":"A"})", "2026-01-10");
    append("a:1", "s.set", R"({"s":"B"})", "2026-01-20");
    const AppendedEvent late = append("a:1", "s.told", R"({"s":"C"})", "2026-01-15");
    Json answer = call("get_history", R"({"entity_id":"a:1","field":"s","fold_order":"stream"})");
    EXPECT_EQ(answer["fold_order"], "stream");
    ASSERT_EQ(answer["untrusted"]["periods"].size(), 3U);
    EXPECT_EQ(answer["untrusted"]["periods"][2]["value"], "C");
    EXPECT_EQ(answer["untrusted"]["periods"][2]["version"], late.version.value);
    answer = call("get_history", R"({"entity_id":"a:1"})");
    EXPECT_EQ(answer["fold_order"], "stream");
    EXPECT_EQ(answer["untrusted"]["fields"][0]["value"], "C");
    answer = call("get_history", R"({"entity_id":"a:1","fold_order":"occurred"})");
    EXPECT_EQ(answer["untrusted"]["fields"][0]["value"], "B");
    EXPECT_EQ(call("get_state", R"({"entity_id":"a:1"})")["fold_order"], "stream");
    EXPECT_EQ(call("get_state", R"({"entity_id":"a:1","fold_order":"occurred"})")["fold_order"], "occurred");
}

TEST_F(LateEvents, AValueThatWasSetLateIsSoSinceItWasRecorded) {
    append("a:1", "s.set", R"({"s":"A","other":1})", "2026-01-10");
    append("a:1", "s.set", R"({"s":"B"})", "2026-01-20");
    const AppendedEvent late = append("a:1", "s.told", R"({"s":"C"})", "2026-01-15");
    Json answer = call("get_history", R"({"entity_id":"a:1"})");
    const Json& fields = answer["untrusted"]["fields"];
    ASSERT_EQ(fields.size(), 2U) << answer.dump(1);
    EXPECT_EQ(fields[0]["value"], "C");
    EXPECT_EQ(fields[0]["since_is"], "recorded");
    EXPECT_GE(fields[0]["since"], "2026-06-01") << late.version.value;
    EXPECT_EQ(fields[1]["since"], "2026-01-10T00:00:00Z");
    EXPECT_FALSE(fields[1].contains("since_is"));
    // It was not recorded by then, and counts all the same.
    answer = call("get_history", R"({"entity_id":"a:1","as_of":"2026-02-01"})");
    EXPECT_FALSE(answer["untrusted"]["fields"][0].contains("held_for")) << answer.dump(1);
    answer = call("get_history", R"({"entity_id":"a:1","as_of":"2026-02-01","fold_order":"occurred"})");
    EXPECT_EQ(answer["untrusted"]["fields"][0]["since"], "2026-01-20T00:00:00Z");
    answer = call("get_state", R"({"entity_id":"a:1"})");
    EXPECT_LT(answer["unchanged_for"]["seconds"].get<double>(), 60) << answer.dump(1);
    EXPECT_EQ(answer["unchanged_since"], "recorded");
    answer = call("get_state", R"({"entity_id":"a:1","as_of":"2026-02-01"})");
    EXPECT_FALSE(answer.contains("unchanged_for") || answer.contains("unchanged_since")) << answer.dump(1);
    answer = call("get_state", R"({"entity_id":"a:1","as_of":"2026-02-01","fold_order":"occurred"})");
    EXPECT_EQ(answer["unchanged_for"]["seconds"], 12 * kDay);
}

TEST_F(LateEvents, AreCountedAlikeByStateAndHistory) {
    append("a:1", "t", R"({"n":1})", "2026-01-10");
    append("a:1", "t", R"({"n":2})", "2026-01-01");
    append("a:1", "t", R"({"n":3})", "2026-01-02");
    EXPECT_EQ(call("get_state", R"({"entity_id":"a:1"})")["late_events"], 2);
    EXPECT_EQ(call("get_history", R"({"entity_id":"a:1"})")["late_events"], 2);
    EXPECT_EQ(call("get_history", R"({"entity_id":"a:1","field":"n"})")["late_events"], 2);
}

TEST_F(LateEvents, AreSaidOfWhatIsCompared) {
    append("a:1", "s.set", R"({"s":"A"})", "2026-01-10");
    append("b:1", "s.set", R"({"s":"A"})", "2026-01-10");
    append("a:1", "s.set", R"({"s":"B"})", "2026-01-20");
    append("a:1", "s.told", R"({"s":"C"})", "2026-01-15");
    Json answer = call("compare", R"({"from":{"as_of":"2026-01-12"}})");
    EXPECT_EQ(answer["late_events"], 1) << answer.dump(1);
    EXPECT_EQ(answer["fold_order"], "stream");
    EXPECT_EQ(answer["untrusted"]["entities"][0]["late_events"], 1);
    EXPECT_EQ(answer["untrusted"]["entities"][0]["fields"][0]["to"], "C");
    EXPECT_TRUE(tool("compare").input_schema["properties"].contains("fold_order"));
    answer = call("compare", R"({"from":{"as_of":"2026-01-12"},"fold_order":"occurred"})");
    EXPECT_EQ(answer["fold_order"], "occurred");
    EXPECT_EQ(answer["late_events"], 1);
    EXPECT_EQ(answer["untrusted"]["entities"][0]["fields"][0]["to"], "B");
    EXPECT_FALSE(
        call("compare", R"({"from":{"as_of":"2026-01-12"},"to":{"as_of":"2026-01-16"}})").contains("late_events"));
}

TEST_F(LateEvents, AFieldThatHoldsAnObjectHasPeriodsToo) {
    append("a:1", "moved", R"({"addr":"none"})", "2026-01-10");
    append("a:1", "moved", R"({"addr":{"city":"Bonn","zip":"53111"}})", "2026-01-12");
    append("a:1", "moved", R"({"addr":{"city":"Ulm"}})", "2026-01-15");
    append("a:1", "moved", R"({"other":1})", "2026-01-16");
    append("b:1", "moved", R"({"addr":{"city":"Bonn"}})", "2026-01-10");
    Json answer = call("get_history", R"({"entity_id":"a:1","field":"/addr","as_of":"2026-01-20"})");
    ASSERT_EQ(answer["untrusted"]["periods"].size(), 3U) << answer.dump(1);
    const Json& last = answer["untrusted"]["periods"][2];
    EXPECT_EQ(last["value"], Json::parse(R"({"city":"Ulm","zip":"53111"})"));
    EXPECT_EQ(last["until"], "still so");
    EXPECT_FALSE(last.contains("removed"));
    EXPECT_EQ(last["lasted"]["seconds"], 5 * kDay);
    answer = call("get_history", R"({"entity_id":"b:1","field":"/addr"})");
    ASSERT_EQ(answer["untrusted"]["periods"].size(), 1U);
    EXPECT_EQ(answer["untrusted"]["periods"][0]["value"]["city"], "Bonn");
    // Below a value that was replaced as a whole.
    answer = call("get_history", R"({"entity_id":"a:1","field":"/addr/zip","as_of":"2026-01-20"})");
    ASSERT_EQ(answer["untrusted"]["periods"].size(), 1U);
    append("a:1", "moved", R"({"addr":"unknown"})", "2026-01-17");
    answer = call("get_history", R"({"entity_id":"a:1","field":"/addr/zip","as_of":"2026-01-20"})");
    ASSERT_EQ(answer["untrusted"]["periods"].size(), 2U) << answer.dump(1);
    EXPECT_EQ(answer["untrusted"]["periods"][1]["removed"], true);
}

TEST_F(LateEvents, DurationsAreFromWhatHappenedFirstToWhatHappenedNext) {
    append("o:1", "o.shipped", "{}", "2026-01-15");
    append("o:1", "o.placed", "{}", "2026-01-10");
    append("o:2", "o.placed", "{}", "2026-01-10");
    append("o:2", "o.shipped", "{}", "2026-01-05");
    append("o:2", "o.shipped", "{}", "2026-01-12");
    Json answer = call("aggregate", R"({"op":"duration","from_type":"o.placed","to_type":"o.shipped","by":"entity"})");
    EXPECT_EQ(answer["result"]["pairs"], 2) << answer.dump(1);
    EXPECT_EQ(answer["result"]["begun_not_ended"], 0);
    EXPECT_EQ(answer["result"]["max"]["seconds"], 5 * kDay);
    EXPECT_EQ(answer["result"]["min"]["seconds"], 2 * kDay);
    EXPECT_EQ(answer["untrusted"]["longest"]["from_position"], 1);
    EXPECT_EQ(answer["untrusted"]["longest"]["to_position"], 0);
    EXPECT_EQ(answer["untrusted"]["shortest"]["entity_id"], "o:2");
    EXPECT_EQ(answer["groups"], 2);
    answer = call("aggregate", R"({"op":"sequence","entity_id":"o:1"})");
    EXPECT_EQ(answer["untrusted"]["sequences"],
              Json::parse(R"([{"from":"o.placed","to":"o.shipped","count":1,"avg_time_between":"5d"}])"));
}

TEST_F(LateEvents, OfTheSameTimeTheOneThatWasRecordedFirstComesFirst) {
    append("o:1", "o.placed", "{}", "2026-01-10");
    append("o:1", "o.shipped", "{}", "2026-01-10");
    const Json answer = call("aggregate", R"({"op":"duration","from_type":"o.placed","to_type":"o.shipped"})");
    EXPECT_EQ(answer["result"]["pairs"], 1);
    EXPECT_EQ(answer["result"]["max"]["seconds"], 0);
}

TEST_F(LateEvents, The95thOfAHundredIsTheNearestRank) {
    for (int i = 1; i <= 20; ++i) {
        const std::string entity = "o:" + std::to_string(i);
        append(entity, "begun", "{}", "2026-01-01");
        append(entity, "ended", "{}", "2026-01-" + std::string(i < 9 ? "0" : "") + std::to_string(i + 1));
    }
    const Json answer = call("aggregate", R"({"op":"duration","from_type":"begun","to_type":"ended"})");
    EXPECT_EQ(answer["result"]["p95"]["seconds"], 19 * kDay);
    EXPECT_EQ(answer["result"]["max"]["seconds"], 20 * kDay);
}

TEST(LateAggregator, KeepsNoMoreMomentsThanFit) {
    Aggregator aggregator({.operation = "duration", .field = "", .by = "", .from_type = "begun", .to_type = "ended"});
    const std::string entity(1 << 20, 'x');
    for (std::uint64_t i = 0; i < 70; ++i) {
        const std::string id = entity + std::to_string(i);
        aggregator.add({.position = {i}, .event_type = "begun", .entity_id = id});
    }
    aggregator.finish();
    Json answer;
    aggregator.put_result(answer);
    EXPECT_EQ(answer["complete"], false);
    EXPECT_EQ(answer["result"]["begun_not_ended"], 63);
}

TEST_F(LateEvents, NothingLastsLongerThanUntilNowNorLessThanNothing) {
    append("a:1", "t", R"({"n":1})");
    EXPECT_GE(call("get_state", R"({"entity_id":"a:1"})")["unchanged_for"]["seconds"].get<double>(), 0);
    const Json history = call("get_history", R"({"entity_id":"a:1","field":"n"})");
    EXPECT_GE(history["until"], history["last_occurred_at"]);
    const Json future = call("get_history", R"({"entity_id":"a:1","field":"n","as_of":"2200-01-01"})");
    EXPECT_LT(future["untrusted"]["periods"][0]["lasted"]["seconds"].get<double>(), kDay);
    EXPECT_LT(
        call("get_state", R"({"entity_id":"a:1","as_of":"2200-01-01"})")["unchanged_for"]["seconds"].get<double>(),
        kDay);
    append("b:1", "t", R"({"n":1})", "2026-01-10");
    append("a:2", "t", "{}");
    append("b:1", "t", R"({"n":2})", "2200-01-01");
    EXPECT_EQ(call("get_state", R"({"entity_id":"b:1"})")["unchanged_for"]["seconds"], 0);
    // At a position: until that event was recorded.
    const Json at = call("get_state", R"({"entity_id":"a:1","at":2})");
    EXPECT_LT(at["unchanged_for"]["seconds"].get<double>(), 60);
}

}  // namespace
}  // namespace chronos::mcp
