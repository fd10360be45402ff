// The tools that read, on small stores.
#include <limits>

#include "mcp/argument_check.h"
#include "mcp/tools/aggregation.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/asked_time.h"
#include "mcp/tools/tool_fixture.h"

namespace chronos::mcp {
namespace {

class ReadingTools : public ToolTest {
protected:
    /// An order that was placed, repriced by mistake, corrected, paid and shipped.
    void append_order() {
        append("order:1", "order.placed", R"({"status":"placed","total":42.50,"customer":{"country":"DE"}})",
               "2026-01-10T08:00:00Z", R"({"actor":"shop","correlation_id":"c-1"})");
        append("order:1", "order.repriced", R"({"total":425})", "2026-01-11T08:00:00Z",
               R"({"actor":"ada","reason":"typing error"})");
        append("order:1", "order.repriced", R"({"total":40.25})", "2026-01-12T20:00:00Z",
               R"({"actor":"bob","reason":"price was wrong"})");
        append("order:1", "order.paid", R"({"status":"paid"})", "2026-01-14T08:00:00Z", R"({"actor":"bank"})");
        append("order:1", "order.shipped", R"({"status":"shipped"})", "2026-01-16T08:00:00Z", R"({"actor":"depot"})");
    }
};

TEST_F(ReadingTools, AnEmptyStoreIsAnAnswerToEveryTool) {
    EXPECT_EQ(call("overview", "{}")["events"], 0);
    EXPECT_EQ(call("query_events", "{}")["count"], 0);
    EXPECT_EQ(call("get_state", R"({"entity_id":"x"})")["exists"], false);
    EXPECT_EQ(call("get_history", R"({"entity_id":"x","expect_types":["a"]})")["absent_types"], Json::array({"a"}));
    EXPECT_EQ(call("find_entities", "{}")["found"], 0);
    EXPECT_EQ(call("find_entities", R"({"text":"x"})")["found"], 0);
    EXPECT_EQ(call("aggregate", R"({"op":"count","by":"type"})")["events"], 0);
    EXPECT_EQ(call("aggregate", R"({"op":"duration","from_type":"a","to_type":"b"})")["result"]["pairs"], 0);
    EXPECT_EQ(call("compare", R"({"from":{"as_of":"2026-01-01"}})")["differs"], false);
    EXPECT_FALSE(call("advise", R"({"question":"why?"})")["pitfalls"].empty());
}

TEST_F(ReadingTools, OverviewTellsTypesWithTheirFieldsAndKindsOfEntities) {
    append_order();
    const Json answer = call("overview", "{}");
    EXPECT_EQ(answer["events"], 5);
    EXPECT_EQ(answer["entities"], 1);
    EXPECT_EQ(answer["event_types"], 4);
    const Json& types = answer["untrusted"]["event_types"];
    EXPECT_EQ(types[0]["event_type"], "order.repriced");
    EXPECT_EQ(types[0]["fields"]["/total"], "number");
    EXPECT_TRUE(types[0].contains("first_recorded_at"));
    EXPECT_EQ(answer["untrusted"]["entity_kinds"][0],
              Json::parse(R"({"prefix":"order:","entities":1,"example":"order:1"})"));
    EXPECT_EQ(call("overview", R"({"event_type":"order.placed"})")["untrusted"]["event_types"].size(), 1U);
}

TEST_F(ReadingTools, StateIsNowOrThenAndSaysWhichEventSetEachField) {
    append_order();
    Json answer = call("get_state", R"({"entity_id":"order:1"})");
    EXPECT_EQ(answer["version"], 5);
    EXPECT_EQ(answer["untrusted"]["state"],
              Json::parse(R"({"status":"shipped","total":40.25,"customer":{"country":"DE"}})"));
    answer = call("get_state", R"({"entity_id":"order:1","as_of":"2026-01-12","origins":true,"fields":["total"]})");
    EXPECT_EQ(answer["untrusted"]["state"], Json::parse(R"({"/total":425})"));
    EXPECT_EQ(answer["untrusted"]["origins"][0]["actor"], "ada");
    EXPECT_EQ(answer["unchanged_for"]["text"], "16h");
    answer = call("get_state", R"({"entity_id":"order:1","as_of":"2026-01-01"})");
    EXPECT_EQ(answer["exists"], false);
    EXPECT_EQ(answer["exists_later"], true);
    EXPECT_EQ(answer["first_event_at"], "2026-01-10T08:00:00Z");
    answer = call("get_state", R"({"entity_id":"order:1","known_at":"2026-01-20"})");
    EXPECT_EQ(answer["exists"], false);
    EXPECT_EQ(answer["first_event_at"], "2026-01-10T08:00:00Z");
    EXPECT_GT(answer["first_recorded_at"], "2026-01-20");
    answer = call("get_state", R"({"entity_id":"ordr:1"})");
    EXPECT_EQ(answer["exists_later"], false);
    EXPECT_EQ(answer["searched"]["events"], 5);
    EXPECT_EQ(answer["untrusted"]["did_you_mean"], Json::array({"order:1"}));
}

TEST_F(ReadingTools, AWideStateKeepsToTheBudgetAndSaysWhatWasLeftOut) {
    Json payload;
    for (int i = 0; i < 500; ++i) payload["field_" + std::to_string(i)] = std::string(200, 'x');
    append("wide:1", "wide.set", payload.dump());
    const Json answer = call("get_state", R"({"entity_id":"wide:1","max_tokens":500})");
    EXPECT_EQ(answer["complete"], false);
    EXPECT_LE(answer.dump().size(), 2'200U);
    EXPECT_GT(answer["left_out"]["members"].get<int>() + answer["left_out"]["values_cut"].get<int>(), 0);
    EXPECT_EQ(call("get_state", R"({"entity_id":"wide:1","fields":["/field_499"]})")["untrusted"]["state"].size(), 1U);
}

TEST_F(ReadingTools, QueryGoesOnWithWhatTheCursorHolds) {
    for (int i = 0; i < 30; ++i) append("n:" + std::to_string(i), "n.counted", "{\"n\":" + std::to_string(i) + "}");
    Json arguments = {{"event_type", "n.counted"}, {"max_tokens", 500}, {"where", "/n >= 3"}};
    std::vector<int> seen;
    for (int page = 0; page < 40; ++page) {
        const ToolAnswer answer = run("query_events", arguments);
        ASSERT_FALSE(answer.is_error) << answer.structured.dump(1);
        EXPECT_EQ(answer.structured["count"], 27);
        EXPECT_LE(answer.structured.dump().size(), 2'000U);
        EXPECT_EQ(answer.structured.begin().key(), "complete");
        for (const Json& event : answer.structured["untrusted"]["events"])
            seen.push_back(event["payload"]["n"].get<int>());
        // What is appended meanwhile does not get in.
        append("n:x", "n.counted", R"({"n":100})");
        if (answer.structured["complete"] == true) break;
        for (const auto& [name, value] : answer.structured["cursor"].items()) arguments[name] = value;
        if (page == 0) {
            EXPECT_EQ(arguments["at"], 29);
        }
    }
    ASSERT_EQ(seen.size(), 27U);
    EXPECT_EQ(seen.front(), 3);
    EXPECT_EQ(seen.back(), 29);
}

TEST_F(ReadingTools, QueryGivesTablesFieldsAndSingleEvents) {
    append_order();
    Json answer = call("query_events", R"({"format":"table","fields":["total"],"order":"backward","limit":2})");
    EXPECT_EQ(answer["untrusted"]["events"]["rows"].size(), 2U);
    EXPECT_EQ(answer["untrusted"]["events"]["columns"].size(), answer["untrusted"]["events"]["rows"][0].size());
    EXPECT_EQ(answer["cursor"]["after"], 3);
    answer = call("query_events", R"({"correlation_id":"c-1"})");
    EXPECT_EQ(answer["count"], 1);
    const std::string id = answer["untrusted"]["events"][0]["id"];
    answer = run("query_events", {{"ids", {id, "00000000-0000-4000-8000-000000000000"}}}).structured;
    EXPECT_EQ(answer["count"], 1);
    EXPECT_EQ(answer["missing_ids"].size(), 1U);
    EXPECT_EQ(call("query_events", R"({"limit":0})")["count"], 5);
}

TEST_F(ReadingTools, AnEmptyQuerySaysWhatWasSearchedAndWhatMayHaveBeenMeant) {
    append_order();
    const Json answer = call("query_events", R"({"event_type":"order.payed","entity_id":"order:11"})");
    EXPECT_EQ(answer["count"], 0);
    EXPECT_EQ(answer["searched"]["events"], 5);
    EXPECT_EQ(answer["searched"]["filters"]["event_type"], "order.payed");
    EXPECT_EQ(answer["untrusted"]["did_you_mean"]["event_type"][0], "order.paid");
    EXPECT_EQ(answer["untrusted"]["did_you_mean"]["entity_id"][0], "order:1");
}

TEST_F(ReadingTools, NamesThatNothingHasAreNotTakenForWhatDidNotHappen) {
    append_order();
    ASSERT_TRUE(
        store()
            .append({.entity_id = "order:2", .event_type = "order.placed", .payload = "{}", .tags = {"urgent"}}, {})
            .ok());
    const auto meant = [this](std::string_view name, std::string_view arguments) {
        return call(name, arguments)["untrusted"].value("did_you_mean", Json::object());
    };
    EXPECT_EQ(meant("query_events", R"({"actor":"adda"})")["actor"][0], "ada");
    EXPECT_EQ(meant("query_events", R"({"tag":"urgnt"})")["tag"], Json::array({"urgent"}));
    EXPECT_EQ(meant("query_events", R"({"where":"/totl > 1"})")["where"][0], "/total");
    EXPECT_EQ(meant("query_events", R"({"entity_id_prefix":"odrer:"})")["entity_id_prefix"][0], "order:");
    EXPECT_FALSE(meant("query_events", R"({"where":"/total > 1000"})").contains("where"));
    EXPECT_FALSE(meant("query_events", R"({"actor":"ada","event_type":"order.paid"})").contains("actor"));
    EXPECT_EQ(meant("overview", R"({"event_type":["order.payed","order.paid"]})")["event_type"][0], "order.paid");
    EXPECT_TRUE(meant("overview", R"({"event_type":"order.paid"})").empty());
    EXPECT_EQ(
        meant("aggregate", R"({"op":"duration","from_type":"order.placed","to_type":"order.payed"})")["event_type"][0],
        "order.paid");
    for (const char* name : {"query_events", "aggregate"}) {
        Json arguments = {{"event_type", {"order.placed", "order.payed"}}};
        if (std::string(name) == "aggregate") arguments["op"] = "count";
        const Json found = run(name, arguments).structured;
        EXPECT_EQ(found["untrusted"]["did_you_mean"]["event_type"][0], "order.paid") << found.dump(1);
        EXPECT_EQ(found.value("count", found.value("events", 0)), 2);
    }
    Json answer = call("aggregate", R"({"op":"sum","field":"/totl"})");
    EXPECT_EQ(answer["untrusted"]["did_you_mean"]["field"][0], "/total") << answer.dump(1);
    EXPECT_TRUE(answer.contains("absence"));
    EXPECT_FALSE(answer["result"].contains("sum"));
    answer = call("aggregate", R"({"op":"sum","field":"/status"})");
    EXPECT_TRUE(answer.contains("absence")) << answer.dump(1);
    EXPECT_FALSE(answer["result"].contains("sum"));
    answer = call("aggregate", R"({"op":"count","by":"/customr/country"})");
    EXPECT_EQ(answer["untrusted"]["did_you_mean"]["field"][0], "/customer/country") << answer.dump(1);
    answer = call("get_history", R"({"entity_id":"order:1","expect_types":["order.payed"]})");
    EXPECT_EQ(answer["untrusted"]["similar_types"][0], "order.paid") << answer.dump(1);
    answer = call("get_history", R"({"entity_id":"order:2","expect_types":["order.paid"]})");
    EXPECT_EQ(answer["absent_types"], Json::array({"order.paid"}));
    EXPECT_FALSE(answer["untrusted"].contains("similar_types"));
    for (const std::string_view expected : {"get_history", "aggregate"}) {
        const std::string message =
            call_failing(expected, expected == "aggregate"
                                       ? R"({"op":"duration","from_type":"order.*","to_type":"x"})"
                                       : R"({"entity_id":"order:1","expect_types":["order.*"]})")["error"]["message"];
        EXPECT_NE(message.find("event_type_prefix"), std::string::npos) << message;
    }
}

TEST_F(ReadingTools, MistakesAreAnsweredWithWhatToDo) {
    append_order();
    const auto message = [this](std::string_view name, std::string_view arguments) {
        return call_failing(name, arguments)["error"]["message"].get<std::string>();
    };
    EXPECT_NE(message("query_events", R"({"event_type":"order.*"})").find("event_type_prefix: order."),
              std::string::npos);
    EXPECT_NE(message("get_state", R"({"entity_id":"order:1","at":"2026-01-01"})").find("as_of"), std::string::npos);
    EXPECT_NE(message("get_state", R"({"entity_id":"order:1","as_of":"2026-01-01T10:00:00"})").find("zone"),
              std::string::npos);
    EXPECT_NE(message("get_state", R"({})").find("entity_id is missing"), std::string::npos);
    EXPECT_NE(message("query_events", R"({"entity":"order:1"})").find("entity_id"), std::string::npos);
    EXPECT_NE(message("query_events", R"({"fork":"nope"})").find("nope"), std::string::npos);
    EXPECT_NE(message("aggregate", R"({"op":"sum"})").find("field"), std::string::npos);
    EXPECT_NE(message("compare", R"({"entity_id":"order:1"})").find("from"), std::string::npos);
}

TEST_F(ReadingTools, MistakesSpeakOfTheArgumentsThatToolsTake) {
    const auto error = [this](std::string_view name, std::string_view arguments) {
        return call_failing(name, arguments);
    };
    Json answer = error("query_events", R"({"where":"/total >> 3"})");
    EXPECT_EQ(answer["error"]["message"].get<std::string>().find("--"), std::string::npos) << answer;
    EXPECT_NE(answer["error"]["message"].get<std::string>().find("contains"), std::string::npos) << answer;
    EXPECT_EQ(error("fork_create", R"({"ttl_seconds":700000})")["error"]["code"], "invalid_argument");
    EXPECT_EQ(error("fork_create", R"({"ttl_seconds":0})")["error"]["code"], "invalid_argument");
    answer = error("overview", R"({"max_tokens":499})");
    EXPECT_EQ(answer["error"]["code"], "invalid_argument");
    EXPECT_EQ(answer["try"].get<std::string>().find("less"), std::string::npos);
    for (const std::string_view name : {"overview", "query_events", "find_entities"})
        EXPECT_NE(error(name, R"({"fork":""})")["error"]["message"].get<std::string>().find("empty"),
                  std::string::npos);
    error("compare", R"({"from":{"fork":""},"to":{"at":1}})");
    error("fork_create", R"({"parent":""})");
    error("fork_create", R"({"at":0,"known_at":"2026-01-01"})");
}

TEST_F(ReadingTools, HistoryPutsWhyBeforeWhatAndWorksDurationsOut) {
    append_order();
    Json answer = call("get_history", R"({"entity_id":"order:1","as_of":"2026-01-20"})");
    EXPECT_EQ(answer["events"], 5);
    EXPECT_EQ(answer["span"]["seconds"], 6 * 86'400);
    const Json& second = answer["untrusted"]["entries"][1];
    EXPECT_EQ(second["actor"], "ada");
    EXPECT_EQ(second["reason"], "typing error");
    EXPECT_EQ(second["after_previous"]["seconds"], 86'400);
    EXPECT_EQ(second["changes"][0], Json::parse(R"({"field":"/total","before":42.50,"after":425})"));
    answer = call("get_history", R"({"entity_id":"order:1","field":"total","as_of":"2026-01-20"})");
    EXPECT_EQ(answer["changes_of_field"], 3);
    const Json& periods = answer["untrusted"]["periods"];
    EXPECT_EQ(periods[1]["value"], 425);
    EXPECT_EQ(periods[1]["lasted"]["seconds"], 36 * 3'600);
    EXPECT_EQ(periods[2]["until"], "still so");
}

TEST_F(ReadingTools, HistorySaysWhatNeverHappened) {
    append_order();
    Json answer = call("get_history", R"({"entity_id":"order:1","expect_types":["order.paid","customer.notified"]})");
    EXPECT_EQ(answer["absent_types"], Json::array({"customer.notified"}));
    EXPECT_EQ(answer["present_types"], Json::parse(R"({"order.paid":1})"));
    answer = call("get_history", R"({"entity_id":"order:1","field":"/totl"})");
    EXPECT_EQ(answer["field_ever_set"], false);
    EXPECT_EQ(answer["untrusted"]["did_you_mean"][0], "/total");
}

TEST_F(ReadingTools, HistoryGoesOnBehindAVersion) {
    for (int i = 0; i < 40; ++i) append("n:1", "n.counted", "{\"n\":" + std::to_string(i) + "}");
    Json arguments = {{"entity_id", "n:1"}, {"max_tokens", 600}};
    int seen = 0;
    for (int page = 0; page < 40; ++page) {
        const Json answer = run("get_history", arguments).structured;
        for (const Json& entry : answer["untrusted"]["entries"]) EXPECT_EQ(entry["version"], ++seen);
        if (answer["complete"] == true) break;
        for (const auto& [name, value] : answer["cursor"].items()) arguments[name] = value;
    }
    EXPECT_EQ(seen, 40);
}

TEST_F(ReadingTools, CompareShowsFieldsBetweenTimesAndForks) {
    append_order();
    Json answer =
        call("compare", R"({"from":{"as_of":"2026-01-11"},"to":{"as_of":"2026-01-15"},"entity_id":"order:1"})");
    EXPECT_EQ(answer["differs"], true);
    EXPECT_EQ(answer["events_added"], 3);
    const Json& entity = answer["untrusted"]["entities"][0];
    EXPECT_EQ(entity["fields"][0]["field"], "/status");
    EXPECT_EQ(entity["fields"][0]["from"], "placed");
    EXPECT_EQ(entity["fields"][0]["to"], "paid");
    EXPECT_EQ(entity["fields"][0]["set_by"], "order.paid");
    const std::string fork = call("fork_create", R"({"name":"try"})")["fork"];
    append("order:2", "order.placed", R"({"total":1})", "", "", "try");
    answer = run("compare", {{"to", {{"fork", fork}}}}).structured;
    EXPECT_EQ(answer["entities"], 1);
    EXPECT_EQ(answer["untrusted"]["entities"][0]["entity_id"], "order:2");
    EXPECT_EQ(answer["to"]["branch"], fork);
}

TEST_F(ReadingTools, CompareGoesOnBehindAnEntity) {
    for (int i = 0; i < 30; ++i) append("n:" + std::to_string(i), "n.counted");
    Json arguments = {{"from", {{"as_of", "2020-01-01"}}}, {"max_tokens", 500}};
    std::size_t seen = 0;
    for (int page = 0; page < 40; ++page) {
        const Json answer = run("compare", arguments).structured;
        seen += answer["untrusted"]["entities"].size();
        if (answer["complete"] == true) break;
        EXPECT_TRUE(answer["cursor"]["after"].get<std::string>().starts_with("id64:"));
        arguments["after"] = answer["cursor"]["after"];
    }
    EXPECT_EQ(seen, 30U);
}

TEST_F(ReadingTools, AggregateCountsAndAddsExactly) {
    append_order();
    append("order:2", "order.placed", R"({"status":"placed","total":0.1})", "2026-01-11T09:00:00Z");
    append("order:3", "order.placed", R"({"status":"placed","total":0.2})", "2026-01-11T10:00:00Z");
    EXPECT_EQ(call("aggregate", R"({"op":"count"})")["result"]["count"], 7);
    Json answer = call("aggregate", R"({"op":"sum","field":"total","entity_id":["order:2","order:3"]})");
    EXPECT_EQ(answer["result"]["sum"], 0.3);
    answer = call("aggregate", R"({"op":"avg","field":"/total","event_type":"order.placed"})");
    EXPECT_NEAR(answer["result"]["avg"].get<double>(), 42.8 / 3, 1e-9);
    answer = call("aggregate", R"({"op":"max","field":"/total"})");
    EXPECT_EQ(answer["result"]["max"], 425);
    EXPECT_EQ(answer["result"]["position"], 1);
    answer = call("aggregate", R"({"op":"count","by":"type"})");
    EXPECT_EQ(answer["groups"], 4);
    EXPECT_EQ(answer["untrusted"]["groups"][0]["group"], "order.placed");
    EXPECT_EQ(answer["untrusted"]["groups"][0]["count"], 3);
    answer = call("aggregate", R"({"op":"count","by":"day"})");
    EXPECT_EQ(answer["untrusted"]["groups"][1]["group"], "2026-01-11");
    EXPECT_EQ(answer["untrusted"]["groups"][1]["count"], 3);
    answer = call("aggregate", R"({"op":"distinct","field":"/status"})");
    EXPECT_EQ(answer["result"]["distinct"], 3);
    answer = call("aggregate", R"({"op":"sequence"})");
    EXPECT_EQ(answer["untrusted"]["sequences"].size(), 4U);
}

TEST_F(ReadingTools, AggregateMeasuresFromOneEventToAnother) {
    append_order();
    append("order:2", "order.placed", "{}", "2026-01-10T00:00:00Z");
    append("order:2", "order.shipped", "{}", "2026-01-12T00:00:00Z");
    append("order:3", "order.placed", "{}", "2026-01-10T00:00:00Z");
    const Json answer = call("aggregate", R"({"op":"duration","from_type":"order.placed","to_type":"order.shipped"})");
    EXPECT_EQ(answer["result"]["pairs"], 2);
    EXPECT_EQ(answer["result"]["min"]["seconds"], 2 * 86'400);
    EXPECT_EQ(answer["result"]["max"]["seconds"], 6 * 86'400);
    EXPECT_EQ(answer["result"]["avg"]["seconds"], 4 * 86'400);
    EXPECT_EQ(answer["result"]["begun_not_ended"], 1);
    EXPECT_EQ(answer["untrusted"]["longest"]["entity_id"], "order:1");
}

TEST(Aggregator, KeepsNoMoreOfValuesThanFits) {
    Aggregator distinct({.operation = "distinct", .field = "/v", .by = "", .from_type = "", .to_type = ""});
    Aggregator greatest({.operation = "max", .field = "/v", .by = "entity", .from_type = "", .to_type = ""});
    for (int i = 0; i < 70; ++i) {
        const std::string payload = R"({"v":")" + std::to_string(i) + std::string(1 << 20, 'x') + "\"}";
        const std::string entity = std::to_string(i);
        const EventView event{.event_type = "t", .entity_id = entity, .payload = payload};
        distinct.add(event);
        greatest.add(event);
    }
    Json answer;
    distinct.put_result(answer);
    EXPECT_EQ(answer["result"]["distinct"], 63);
    EXPECT_EQ(answer["result"]["or_more"], true);
    answer = Json::object();
    greatest.put_result(answer);
    EXPECT_EQ(answer["complete"], false);
    EXPECT_EQ(answer["result"]["count"], 70);
}

TEST_F(ReadingTools, TimesMayLieFurtherApartThanCanBeSaid) {
    for (const char* entity : {"a", "b", "c"}) {
        append(entity, "begun", R"({"x":1})", "1678-01-01T00:00:00Z");
        append(entity, "ended", R"({"x":2})", "2261-01-01T00:00:00Z");
    }
    const double longest = 9'223'372'036.854775807;
    Json answer = call("aggregate", R"({"op":"duration","from_type":"begun","to_type":"ended"})");
    for (const char* name : {"min", "avg", "median", "max"})
        EXPECT_DOUBLE_EQ(answer["result"][name]["seconds"].get<double>(), longest) << name;
    EXPECT_DOUBLE_EQ(answer["result"]["total"]["seconds"].get<double>(), 3 * longest);
    answer = call("aggregate", R"({"op":"sequence"})");
    EXPECT_EQ(answer["untrusted"]["sequences"][0]["avg_time_between"], "106751d 23h");
    EXPECT_DOUBLE_EQ(call("get_history", R"({"entity_id":"a"})")["span"]["seconds"].get<double>(), longest);
    EXPECT_EQ(duration_json(std::numeric_limits<std::int64_t>::min())["text"], "-106751d 23h");
}

TEST_F(ReadingTools, FindsEntitiesByTextPrefixAndWhatHappened) {
    append_order();
    for (int i = 2; i < 30; ++i)
        append("order:" + std::to_string(i), "order.placed", "{\"total\":" + std::to_string(i) + "}");
    Json answer = call("find_entities", R"({"prefix":"order:","limit":10})");
    EXPECT_EQ(answer["untrusted"]["entities"].size(), 10U);
    EXPECT_EQ(answer["complete"], false);
    answer =
        run("find_entities", {{"prefix", "order:"}, {"limit", 100}, {"after", answer["cursor"]["after"]}}).structured;
    EXPECT_EQ(answer["untrusted"]["entities"].size(), 19U);
    answer = call("find_entities", R"({"text":"ER:29"})");
    EXPECT_EQ(answer["untrusted"]["entities"][0]["entity_id"], "order:29");
    answer = call("find_entities", R"({"text":"odrer:29"})");
    EXPECT_NE(answer["how"].get<std::string>().find("nearly"), std::string::npos);
    answer = call("find_entities", R"({"event_type":"order.repriced"})");
    EXPECT_EQ(answer["untrusted"]["entities"][0]["matches"], 2);
    EXPECT_EQ(answer["untrusted"]["entities"][0]["version"], 5);
    answer = call("find_entities", R"({"where":"/total > 28","prefix":"order:2"})");
    EXPECT_EQ(answer["found"], 1);
}

TEST_F(ReadingTools, AdviceFitsTheStoreAndTheQuestion) {
    append_order();
    const auto tools = [this](const std::string& question) {
        std::string names;
        const Json answer = run("advise", {{"question", question}}).structured;
        for (const Json& step : answer["steps"]) names += step["tool"].get<std::string>() + " ";
        return names;
    };
    EXPECT_EQ(tools("Why was order:1 repriced?"), "get_history ");
    EXPECT_EQ(tools("What is the status of order:1 now?"), "get_state ");
    EXPECT_EQ(tools("How many orders were placed per day?"), "aggregate ");
    EXPECT_EQ(tools("How long does it take from placed to shipped?"), "aggregate ");
    EXPECT_EQ(tools("What did we know of order:1 on 2026-01-11?"), "get_state get_history ");
    EXPECT_EQ(tools("What if we try a discount?"), "fork_create ");
    const Json durations = run("advise", {{"question", "How long until orders are shipped?"}}).structured;
    EXPECT_EQ(durations["untrusted"]["calls"][0],
              Json::parse(R"({"op":"duration","from_type":"order.placed","to_type":"order.shipped"})"));
    EXPECT_EQ(tools("Which orders were shipped?"), "find_entities ");
    EXPECT_NE(tools("Something").find("overview"), std::string::npos);
    const Json answer = call("advise", R"({"question":"How should I model and name events about personal data?"})");
    EXPECT_EQ(answer["guidance"].size(), 3U);
    bool warns_of_time = false;
    for (const Json& pitfall : answer["pitfalls"])
        warns_of_time = warns_of_time || pitfall.get<std::string>().find("known_at") != std::string::npos;
    EXPECT_TRUE(warns_of_time);
}

TEST_F(ReadingTools, AdviceNamesWhatTheQuestionIsAbout) {
    append("bed:1", "bed.assigned", R"({"cost_per_day":100})", "2026-03-02", R"({"actor":"ada"})");
    append("bed:1", "bed.released", R"({"cost_per_day":120})", "2026-03-05");
    append("bed:2", "bed.assigned", "{}", "2026-04-02");
    append("file:README.md", "file.changed", R"({"size":1})", "2026-03-02");
    for (int i = 0; i < 250; ++i) append("noise:1", "noise.made");
    const auto first_call = [this](const std::string& question) {
        const Json answer = run("advise", {{"question", question}}).structured;
        Json call = answer["untrusted"]["calls"][0];
        const std::string name = answer["steps"][0]["tool"];
        const auto mistake = mistake_in(call, tool(name).input_schema);
        EXPECT_FALSE(mistake) << question << *mistake;
        EXPECT_FALSE(run(name, call).is_error) << question << call;
        call["tool"] = name;
        return call;
    };
    EXPECT_EQ(first_call("how long are beds occupied on average?"),
              Json::parse(R"({"op":"sequence","entity_id_prefix":"bed:","tool":"aggregate"})"));
    for (const char* question : {"average cost_per_day of beds", "what is the average cost per day of beds?"})
        EXPECT_EQ(first_call(question),
                  Json::parse(R"({"entity_id_prefix":"bed:","op":"avg","field":"/cost_per_day","tool":"aggregate"})"));
    EXPECT_EQ(first_call("average weight of beds")["tool"], "overview");
    EXPECT_EQ(first_call("how many beds were assigned in March 2026?"),
              Json::parse(R"({"event_type":["bed.assigned"],"occurred_since":"2026-03-01T00:00:00Z",
                              "occurred_until":"2026-03-31T23:59:59.999999999Z","op":"count","tool":"aggregate"})"));
    EXPECT_EQ(first_call("which beds were assigned since 2026-04-01?")["by"], "entity");
    EXPECT_EQ(first_call("which beds are there?")["prefix"], "bed:");
    EXPECT_EQ(first_call("who last changed README.md and why?")["entity_id"], "file:README.md");
    const Json advice = run("advise", {{"question", "should I delete personal data?"}}).structured;
    EXPECT_EQ(advice["guidance"][0]["subject"], "privacy");
}

TEST_F(ReadingTools, AdviceDoesNotTakeOneWordForAnother) {
    append_order();
    append("order:1", "order.delivered", "{}", "2026-01-18");
    append("order:2", "order.placd", R"({"total":5,"customer":"customer:7"})", "2026-01-10");
    append("order:3", "order.placed", R"({"total":7,"customer":"customer:7"})", "2026-01-11");
    append("order:3", "order.cancelled", "{}", "2026-01-12", R"({"actor":"ada"})");
    append("customer:7", "customer.tier_changed", R"({"tier":"gold"})", "2026-01-11");
    const auto advised = [this](const std::string& question) {
        const Json answer = run("advise", {{"question", question}}).structured;
        Json calls = Json::array();
        for (std::size_t i = 0; i < answer["steps"].size(); ++i) {
            const Json& arguments = answer["untrusted"]["calls"][i];
            const std::string name = answer["steps"][i]["tool"];
            if (name != "append_events") {
                EXPECT_FALSE(run(name, arguments).is_error) << question << arguments;
            }
            Json call = {{"tool", name}};
            call.update(arguments);
            calls.push_back(std::move(call));
        }
        return std::pair(std::move(calls), answer["pitfalls"].dump() + answer["steps"].dump());
    };
    const auto expect = [&](const std::string& question, std::string_view calls) {
        EXPECT_EQ(advised(question).first, Json::parse(calls)) << question;
    };
    for (const char* question : {"average time from placed to shipped", "how long from placed to shipped?"})
        expect(question,
               R"([{"tool":"aggregate","op":"duration","from_type":"order.placed","to_type":"order.shipped"}])");
    expect("how long does it take between order placed and delivered?",
           R"([{"tool":"aggregate","op":"duration","from_type":"order.placed","to_type":"order.delivered"}])");
    expect("what changed since 2026-01-12?",
           R"([{"tool":"compare","from":{"as_of":"2026-01-12"}},
               {"tool":"query_events","occurred_since":"2026-01-12T00:00:00Z"}])");
    for (const char* question :
         {"what did we know about order:1 on 2026-01-11?", "what did the store hold about order:1 on 2026-01-11?",
          "what did we believe about order:1 on 2026-01-11?"})
        EXPECT_EQ(advised(question).first[0],
                  Json::parse(R"({"tool":"get_state","entity_id":"order:1","known_at":"2026-01-11"})"));
    EXPECT_GT(advised("what did we know about order:1 yesterday?").first[0]["known_at"], "2026-01-31");
    expect("total revenue per customer",
           R"([{"tool":"aggregate","op":"sum","field":"/total","by":"/customer","event_type":"order.placed"}])");
    expect("who cancelled the most orders",
           R"([{"tool":"aggregate","event_type":["order.cancelled"],"op":"count","by":"actor"}])");
    expect("was order 3 ever refunded?",
           R"([{"tool":"get_history","entity_id":"order:3","expect_types":["order.refunded"]}])");
    expect("was customer.notified ever sent for order:1",
           R"([{"tool":"get_history","entity_id":"order:1","expect_types":["customer.notified"]}])");
    const Json correction = advised("how do I correct a wrong total?").first;
    EXPECT_EQ(correction.size(), 1U);
    EXPECT_EQ(correction[0]["tool"], "append_events");
    const auto [never, never_notes] = advised("which orders were placed but never shipped?");
    EXPECT_EQ(never,
              Json::parse(R"([{"tool":"find_entities","limit":200,"event_type":["order.placed"],"prefix":"order:"},
                                     {"tool":"find_entities","limit":200,"event_type":["order.shipped"],"prefix":"order:"}])"));
    EXPECT_NE(never_notes.find("subtract"), std::string::npos) << never_notes;
    const auto [held, held_notes] = advised("which orders are currently on hold?");
    EXPECT_EQ(held, Json::parse(R"([{"tool":"find_entities","prefix":"order:"}])"));
    EXPECT_NE(held_notes.find("current state is not indexed"), std::string::npos) << held_notes;
    EXPECT_EQ(held_notes.find("most matches"), std::string::npos) << held_notes;
    EXPECT_EQ(advised("compare order:1 with order:3").second.find("2026"), std::string::npos);
    const std::string how = call("find_entities", R"({"where":"/status = shipped"})")["how"];
    EXPECT_NE(how.find("current state is not looked at"), std::string::npos);
}

TEST_F(ReadingTools, ATypeWithoutEventsIsNamedBesideOneThatHasThem) {
    append_order();
    const Json answer = call("query_events", R"({"event_type":["order.paid","order.exploded"]})");
    EXPECT_EQ(answer["count"], 1);
    EXPECT_EQ(answer["absent_types"], Json::array({"order.exploded"}));
    EXPECT_FALSE(answer["untrusted"]["did_you_mean"]["event_type"].empty());
    EXPECT_FALSE(call("query_events", R"({"event_type":["order.paid","order.shipped"]})").contains("absent_types"));
}

TEST_F(ReadingTools, AFieldIsNotSetBehindTheEndOfTheView) {
    append("order:1", "order.placed", R"({"total":5})", "2026-01-05");
    append("order:1", "order.repriced", R"({"total":7})", "2026-01-04");
    const Json field = call("get_history", R"({"entity_id":"order:1","as_of":"2026-01-06"})")["untrusted"]["fields"][0];
    EXPECT_FALSE(field.contains("since")) << field;
    EXPECT_EQ(field["since_is"], "recorded after the end of the view");
}

TEST(AskedTime, IsReadFromWords) {
    const Timestamp now = Timestamp::parse("2026-05-10T12:00:00Z").value();
    const auto asked = [now](const std::vector<std::string>& words) {
        const AskedTime time = asked_time(words, now);
        return (time.since ? time.since->to_string().substr(0, 10) : "") + " " +
               (time.until ? time.until->to_string().substr(0, 10) : "");
    };
    EXPECT_EQ(asked({"in", "march"}), "2026-03-01 2026-03-31");
    EXPECT_EQ(asked({"in", "december"}), "2025-12-01 2025-12-31");
    EXPECT_EQ(asked({"february", "2024"}), "2024-02-01 2024-02-29");
    EXPECT_EQ(asked({"what", "may", "we", "march"}), " ");
    EXPECT_EQ(asked({"in", "2025"}), "2025-01-01 2025-12-31");
    EXPECT_EQ(asked({"order", "2025"}), " ");
    EXPECT_EQ(asked({"since", "2026-01-10"}), "2026-01-10 ");
    EXPECT_EQ(asked({"before", "2026-01-10"}), " 2026-01-09");
    EXPECT_EQ(asked({"between", "2026-01-10", "and", "2026-01-12"}), "2026-01-10 2026-01-12");
    EXPECT_EQ(asked({"yesterday"}), "2026-05-09 2026-05-09");
    EXPECT_EQ(asked({"on", "2026-99-99"}), " ");
}

TEST_F(ReadingTools, TheArgumentsThatAdviceGivesCanBeCalled) {
    append_order();
    for (const std::string question :
         {"Why was order:1 repriced?", "How many orders per day?", "What was order:1 on 2026-01-12?",
          "Which orders were shipped?", "How long from placed to shipped?", "compare order:1 with 2026-01-11",
          "status of order:1"}) {
        const Json answer = run("advise", {{"question", question}}).structured;
        for (std::size_t i = 0; i < answer["steps"].size(); ++i) {
            const ToolAnswer called =
                run(answer["steps"][i]["tool"].get<std::string>(), answer["untrusted"]["calls"][i]);
            EXPECT_FALSE(called.is_error) << question << called.structured.dump(1);
        }
    }
}

}  // namespace
}  // namespace chronos::mcp
