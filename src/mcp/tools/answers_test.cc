// What is promised of all answers: they keep to their budget, say whether everything is there and what to do if not,
// and go on in the view of the first page.
#include <set>

#include "mcp/tools/answer.h"
#include "mcp/tools/tool_fixture.h"

namespace chronos::mcp {
namespace {

class Answers : public ToolTest {
protected:
    /// Follows cursors to the end; all rows of `member` under untrusted.
    std::vector<Json> all_rows(std::string_view name, Json arguments, const std::string& member) {
        std::vector<Json> rows;
        for (int page = 0; page < 50; ++page) {
            const Json answer = run(name, arguments).structured;
            EXPECT_FALSE(answer.contains("error")) << answer.dump(1);
            for (const Json& row : answer["untrusted"][member]) rows.push_back(row);
            if (answer["cursor"].is_null()) return rows;
            EXPECT_EQ(answer["complete"], false);
            for (const auto& [argument, value] : answer["cursor"].items()) arguments[argument] = value;
            // What is appended meanwhile does not get in.
            append("n:" + std::to_string(100 + page), "n.counted");
            append("n:0" + std::to_string(page), "n.counted");
        }
        ADD_FAILURE() << "no end";
        return rows;
    }

    void expect_incomplete(std::string_view name, std::string_view arguments) {
        const Json answer = call(name, arguments);
        EXPECT_EQ(answer["complete"], false) << name << answer.dump(1).substr(0, 2'000);
        const bool has_cursor = answer.contains("cursor") && !answer["cursor"].is_null();
        EXPECT_TRUE(has_cursor || !answer.value("try", "").empty()) << name << answer.dump(1).substr(0, 2'000);
    }
};

TEST_F(Answers, CursorsStayInTheViewOfTheFirstPage) {
    std::vector<std::string> ids;
    for (int i = 10; i < 40; ++i) ids.push_back(append("n:" + std::to_string(i), "n.counted").id.to_string());
    EXPECT_EQ(all_rows("find_entities", {{"prefix", "n:"}, {"limit", 7}}, "entities").size(), 30U);
    EXPECT_EQ(
        all_rows("compare", {{"from", {{"known_at", "1970-01-01"}}}, {"limit", 7}, {"to", {{"at", 29}}}}, "entities")
            .size(),
        30U);
    const std::size_t now = call("find_entities", "{}")["found"];
    EXPECT_EQ(all_rows("compare", {{"from", {{"known_at", "1970-01-01"}}}, {"limit", 7}}, "entities").size(), now);
    EXPECT_EQ(all_rows("query_events", {{"ids", ids}, {"max_tokens", 500}}, "events").size(), 30U);
    const Json page = run("query_events", {{"ids", ids}, {"max_tokens", 500}}).structured;
    EXPECT_TRUE(page["cursor"].contains("at"));
    const Json relative = call("find_entities", R"({"as_of":"0 seconds ago","limit":1})");
    EXPECT_EQ(relative["cursor"]["as_of"], relative["view"]["as_of"]);
}

TEST_F(Answers, AForkComparedGoesOnAsItWas) {
    const std::string fork = call("fork_create", "{}")["fork"];
    for (int i = 0; i < 9; ++i) append("n:" + std::to_string(i), "n.counted", "{}", "", "", fork);
    append("m:1", "m.counted");
    const Json first = run("compare", {{"to", {{"fork", fork}}}, {"limit", 5}}).structured;
    EXPECT_EQ(first["entities"], 9) << first.dump(1);
    EXPECT_EQ(first["cursor"]["to"]["fork"], fork);
    EXPECT_EQ(all_rows("compare", {{"to", {{"fork", fork}}}, {"limit", 5}}, "entities").size(), 9U);
}

TEST_F(Answers, FoundCountsEverything) {
    for (int i = 0; i < 7; ++i) append("Order:" + std::to_string(i), "o.placed", R"({"n":1})");
    EXPECT_EQ(call("find_entities", R"({"limit":2})")["found"], 7);
    EXPECT_EQ(call("find_entities", R"({"prefix":"Order:","limit":2})")["found"], 7);
    EXPECT_EQ(call("find_entities", R"({"text":"order","limit":2})")["found"], 7);
    EXPECT_EQ(call("find_entities", R"({"text":"order","event_type":"o.placed","limit":2})")["found"], 7);
    expect_incomplete("find_entities", R"({"text":"order","limit":2})");
    expect_incomplete("find_entities", R"({"event_type":"o.placed","limit":2})");
    const Json first = call("find_entities", R"({"limit":3})");
    const Json second = run("find_entities", {{"limit", 3}, {"after", first["cursor"]["after"]}}).structured;
    EXPECT_EQ(second["found"], 7);
}

TEST_F(Answers, WhatIsSpelledNearlySoIsNotFound) {
    append("order:29", "o.placed");
    append("refund:1", "r.made");
    Json answer = call("find_entities", R"({"text":"odrer:29"})");
    EXPECT_EQ(answer["found"], 0);
    EXPECT_TRUE(answer["untrusted"]["entities"].empty());
    EXPECT_EQ(answer["untrusted"]["did_you_mean"]["entity_id"][0], "order:29");
    EXPECT_NE(answer["how"].get<std::string>().find("nearly"), std::string::npos);
    answer = call("find_entities", R"({"text":"odrer:29","prefix":"refund:"})");
    EXPECT_FALSE(answer["untrusted"].contains("did_you_mean")) << answer.dump(1);
    EXPECT_NE(answer["how"].get<std::string>().find("none"), std::string::npos);
}

TEST_F(Answers, CompareKnowsNothingOfWhatIsInNeitherView) {
    append("order:1/u", "o.placed");
    append("order:2", "o.placed");
    Json answer = call("compare", R"({"entity_id":"order 1/u","from":{"known_at":"1970-01-01"}})");
    EXPECT_EQ(answer["differs"], false);
    EXPECT_EQ(answer["untrusted"]["did_you_mean"]["entity_id"][0], "order:1/u") << answer.dump(1);
    EXPECT_TRUE(answer.contains("absence"));
    answer = call("compare", R"({"entity_id":"order:2","from":{"at":1}})");
    EXPECT_FALSE(answer.contains("absence"));
    // A beginning of an id is not an id.
    EXPECT_TRUE(call("compare", R"({"entity_id":"order","from":{"at":1}})").contains("absence"));
    EXPECT_NE(call_failing("compare", R"({"from":{}})")["error"]["message"].get<std::string>().find("from"),
              std::string::npos);
    call_failing("compare", R"({"from":{},"to":{}})");
    call_failing("compare", R"({"to":{"as_of":"2026-01-01"}})");
}

TEST_F(Answers, SayWhenAValueWasCutOrLeftOut) {
    Json wide;
    for (int i = 0; i < 60; ++i) wide["field_" + std::to_string(i)] = i;
    append("wide:1", "wide.set", wide.dump());
    append("long:1", "long.set", Json({{"text", std::string(5'000, 'x')}}).dump());
    for (int i = 0; i < 60; ++i) append("n:" + std::to_string(i), "n.set" + std::to_string(i));
    EXPECT_EQ(call("overview", R"({"max_tokens":30000})")["complete"], true);
    for (char kind = 'a'; kind < 'y'; ++kind) append(std::string(1, kind) + ":1", "n.set1");
    expect_incomplete("overview", R"({"max_tokens":30000})");
    expect_incomplete("query_events", R"({"entity_id":"long:1"})");
    expect_incomplete("get_history", R"({"entity_id":"long:1"})");
    expect_incomplete("get_history", R"({"entity_id":"long:1","field":"/text"})");
    expect_incomplete("get_history", R"({"entity_id":"wide:1"})");
    expect_incomplete("get_state", R"({"entity_id":"wide:1","origins":true,"max_tokens":1000})");
    expect_incomplete("aggregate", R"({"op":"count","by":"type","limit":5})");
    expect_incomplete("compare", R"({"from":{"known_at":"1970-01-01"},"entity_id":"long:1"})");
    EXPECT_EQ(call("get_state", R"({"entity_id":"long:1","fields":["/nope"]})")["fields_not_there"],
              Json::array({"/nope"}));
}

TEST_F(Answers, OriginsOfAFieldAreNotThoseOfOnesThatBeginAlike) {
    append("a:1", "t", R"({"t":1,"total":2})");
    const Json answer = call("get_state", R"({"entity_id":"a:1","origins":true,"fields":["/t"]})");
    ASSERT_EQ(answer["untrusted"]["origins"].size(), 1U);
    EXPECT_EQ(answer["untrusted"]["origins"][0]["field"], "/t");
    EXPECT_EQ(answer["complete"], true);
}

TEST_F(Answers, OfAWideEntityAsManyFieldsAreComparedAsFit) {
    Json wide;
    for (int i = 0; i < 500; ++i) wide["field_" + std::to_string(i)] = i;
    append("wide:1", "wide.set", wide.dump());
    append("wide:2", "wide.set", wide.dump());
    for (const int tokens : {500, 1'000, 3'000}) {
        const Json answer = run("compare", {{"from", {{"known_at", "1970-01-01"}}}, {"max_tokens", tokens}}).structured;
        EXPECT_LE(answer.dump().size(), static_cast<std::size_t>(tokens) * 4) << answer.dump(1);
        EXPECT_EQ(answer["complete"], false);
        EXPECT_GT(answer["fields_left_out"], 0);
        EXPECT_FALSE(answer["cursor"].is_null());
        const Json& row = answer["untrusted"]["entities"][0];
        EXPECT_EQ(row["fields"].size() + row["fields_left_out"].get<std::size_t>(), 500U);
    }
}

TEST_F(Answers, PeriodsOfAFieldAreReachedToTheFirst) {
    for (int i = 0; i < 120; ++i)
        append("a:1", "n.set", R"({"n":)" + std::to_string(i) + "}",
               "2026-01-01T" + std::to_string(10 + i / 60) + ":" + std::to_string(10 + i % 50) + ":00Z");
    for (const char* fold_order : {"occurred", "stream"}) {
        for (const char* order : {"", "forward", "backward"}) {
            Json arguments = {{"entity_id", "a:1"}, {"field", "n"}, {"max_tokens", 2'000}, {"fold_order", fold_order}};
            if (*order != 0) arguments["order"] = order;
            const std::vector<Json> periods = all_rows("get_history", arguments, "periods");
            const std::vector<Json> entries = all_rows("get_history", arguments, "entries");
            std::set<int> values;
            for (const Json& period : periods) values.insert(period["value"].get<int>());
            EXPECT_EQ(values.size(), 120U) << fold_order << order;
            EXPECT_EQ(periods.size(), 120U) << fold_order << order;
            EXPECT_EQ(entries.size(), 120U) << fold_order << order;
        }
    }
    const Json first = call("get_history", R"({"entity_id":"a:1","field":"n","limit":2,"fold_order":"stream"})");
    EXPECT_EQ(first["untrusted"]["periods"][1]["value"], 119) << first.dump(1);
    EXPECT_EQ(first["periods_left_out"], 118);
    EXPECT_EQ(first["cursor"]["after"], first["untrusted"]["periods"][0]["version"]);
}

TEST_F(Answers, ListsOfEntitiesAndGroupsAreReachedToTheEnd) {
    for (int i = 0; i < 45; ++i) {
        append("Ent:" + std::to_string(i), "e.made", R"({"n":)" + std::to_string(i) + "}");
        if (i % 2 == 0) append("Ent:" + std::to_string(i), "e.made");
        append("x:" + std::to_string(i), "x.made" + std::to_string(i));
        append("x:" + std::to_string(i), "x.ended" + std::to_string(i));
    }
    const auto distinct = [this](std::string_view name, Json arguments, const std::string& member) {
        const std::vector<Json> rows = all_rows(name, std::move(arguments), member);
        std::set<std::string> all;
        for (const Json& row : rows) all.insert(row.dump());
        EXPECT_EQ(all.size(), rows.size());
        return all.size();
    };
    EXPECT_EQ(distinct("find_entities", {{"event_type", "e.made"}, {"limit", 10}}, "entities"), 45U);
    EXPECT_EQ(distinct("find_entities", {{"text", "ent"}, {"limit", 10}}, "entities"), 45U);
    EXPECT_EQ(
        distinct("aggregate", {{"op", "count"}, {"by", "type"}, {"event_type_prefix", "x."}, {"limit", 7}}, "groups"),
        90U);
    EXPECT_EQ(
        distinct("aggregate", {{"op", "count"}, {"by", "entity"}, {"event_type_prefix", "x."}, {"max_tokens", 1'000}},
                 "groups"),
        45U);
    EXPECT_EQ(distinct("aggregate", {{"op", "distinct"}, {"field", "/n"}, {"limit", 10}}, "values"), 45U);
    EXPECT_EQ(distinct("aggregate", {{"op", "sequence"}, {"event_type_prefix", "x."}, {"limit", 10}}, "sequences"),
              45U);
    const Json second = run("find_entities", {{"event_type", "e.made"}, {"limit", 10}, {"after", "Ent:44"}}).structured;
    EXPECT_EQ(second["found"], 45) << second.dump(1);
    EXPECT_NE(second["untrusted"]["entities"][0]["entity_id"], "Ent:0");
}

TEST_F(Answers, WhoFollowsIsToldWhereToGoOn) {
    EXPECT_EQ(call("query_events", R"({"after":"head"})")["cursor"]["after"], "head");
    append("a:1", "a.made");
    Json answer = call("query_events", R"({"after":"head","event_type":"b.made","wait_seconds":1})");
    EXPECT_EQ(answer["cursor"], Json::parse(R"({"after":0})")) << answer.dump(1);
    append("a:1", "b.made");
    append("a:1", "c.made");
    answer = call("query_events", R"({"after":0,"event_type":"b.made","wait_seconds":1})");
    EXPECT_EQ(answer["returned"], 1);
    EXPECT_EQ(answer["complete"], true);
    EXPECT_EQ(answer["cursor"], Json::parse(R"({"after":2})")) << answer.dump(1);
    for (int i = 0; i < 3; ++i) append("a:1", "b.made");
    answer = call("query_events", R"({"after":2,"event_type":"b.made","wait_seconds":1,"limit":1})");
    EXPECT_EQ(answer["complete"], false);
    EXPECT_EQ(answer["cursor"], Json::parse(R"({"after":3})")) << answer.dump(1);
}

TEST_F(Answers, UrisAreOfTheViewThatWasAsked) {
    append("a:1", "a.made", R"({"n":1})", "2026-01-10");
    const std::string fork = call("fork_create", R"({"name":"try"})")["fork"];
    append("only:fork", "a.made", R"({"n":2})", "", "", fork);
    append("a:1", "a.made", R"({"n":3})", "2026-03-10");
    CallContext context_of_reader = context();
    const auto content_of = [&](std::string_view name, const Json& arguments) {
        const std::string uri = run(name, arguments).structured["uri"];
        const Result<ResourceContent> content = catalog_.read_resource(uri, context_of_reader);
        EXPECT_TRUE(content.ok()) << uri;
        return content.ok() ? Json::parse(content->text) : Json();
    };
    EXPECT_EQ(content_of("get_state", {{"entity_id", "only:fork"}, {"fork", "try"}})["view"]["branch"], fork);
    EXPECT_EQ(content_of("get_history", {{"entity_id", "a:1"}, {"as_of", "2026-02-01"}})["events"], 1);
    EXPECT_EQ(content_of("get_history", {{"entity_id", "a:1"}, {"at", 0}})["events"], 1);
    EXPECT_EQ(content_of("get_history", {{"entity_id", "a:1"}})["events"], 2);
    EXPECT_EQ(run("get_state", {{"entity_id", "a:1"}}).structured["uri"], "chronos://entity/a%3A1");
}

TEST_F(Answers, WhatIsSettledIsSaidToKeep) {
    append("a:1", "a.made", R"({"n":1})", "2026-01-10");
    append("b:1", "a.made");
    const std::string known_at = call("overview", "{}")["first_recorded_at"];
    CallContext reader = context();
    const auto is_settled = [&](const std::string& uri) {
        const Result<ResourceContent> content = catalog_.read_resource(uri, reader);
        EXPECT_TRUE(content.ok()) << uri;
        return content.ok() && content->is_settled;
    };
    EXPECT_TRUE(is_settled("chronos://main/events/0"));
    EXPECT_TRUE(is_settled("chronos://entity/a%3A1/state?at=0"));
    EXPECT_TRUE(is_settled("chronos://entity/a%3A1?known_at=" + known_at));
    EXPECT_FALSE(is_settled("chronos://entity/a%3A1/state"));
    EXPECT_FALSE(is_settled("chronos://entity/a%3A1/state?as_of=2026-02-01"));
    EXPECT_FALSE(is_settled("chronos://entity/b%3A1/state?at=0"));
    EXPECT_FALSE(is_settled("chronos://event-types"));
}

TEST_F(Answers, NowIsTheSameOnAllPages) {
    for (int i = 0; i < 20; ++i) append("a:1", "n.set", R"({"n":)" + std::to_string(i) + "}", "2026-01-10");
    for (const std::string field : {"", "n"}) {
        Json arguments = {{"entity_id", "a:1"}, {"limit", 5}};
        if (!field.empty()) arguments["field"] = field;
        const Json first = run("get_history", arguments).structured;
        // Now has come long after the last event.
        arguments.update(first["cursor"]);
        arguments["now"] = "2026-06-01T00:00:00Z";
        const Json second = run("get_history", arguments).structured;
        EXPECT_EQ(second["until"], "2026-06-01T00:00:00Z") << second.dump(1);
        EXPECT_EQ(second["cursor"]["now"], "2026-06-01T00:00:00Z");
        EXPECT_EQ(first["cursor"]["now"], first["until"]);
        arguments["as_of"] = "2026-01-11";
        EXPECT_EQ(run("get_history", arguments).structured["until"], "2026-01-11T00:00:00Z");
    }
}

TEST_F(Answers, WhatTheCallerSaidIsNotRepeatedAtAnyLength) {
    append("a:1", "t");
    const std::string id(1 << 20, 'x');
    const std::vector<std::pair<std::string, Json>> calls{
        {"query_events", {{"entity_id", id}}},
        {"query_events", {{"event_type", id}}},
        {"get_state", {{"entity_id", id}}},
        {"get_history", {{"entity_id", id}}},
        {"get_history", {{"entity_id", "a:1"}, {"expect_types", {id}}}},
        {"find_entities", {{"prefix", id}}},
        {"aggregate", {{"op", "count"}, {"entity_id", id}}},
        {"compare", {{"from", {{"at", 0}}}, {"entity_id", id}}}};
    for (const auto& [name, arguments] : calls)
        EXPECT_LE(run(name, arguments).structured.dump().size(), 4'000U) << name;
}

TEST_F(Answers, AHistoryOfManyTypesAndActorsKeepsToItsBudget) {
    for (int i = 0; i < 60; ++i)
        append("a:1", "some.thing.happened." + std::to_string(i), "{\"field_" + std::to_string(i) + "\":1}",
               "2026-01-" + std::to_string(10 + i % 9), "{\"actor\":\"somebody-" + std::to_string(i) + "\"}");
    for (const int tokens : {500, 1'000, 3'000}) {
        for (const std::string field : {"", "/field_7"}) {
            Json arguments = {{"entity_id", "a:1"}, {"max_tokens", tokens}};
            if (!field.empty()) arguments["field"] = field;
            const Json answer = run("get_history", arguments).structured;
            EXPECT_LE(answer.dump().size(), static_cast<std::size_t>(tokens) * 4) << answer.dump(1);
            EXPECT_EQ(answer["events"], 60);
        }
    }
}

TEST(AnswerErrors, ErrorsOfOpeningSayHowToStart) {
    const auto advice = [](ErrorCode code, std::string message) {
        Error error;
        error.code = code;
        error.message = std::move(message);
        return failed(error).structured["try"].get<std::string>();
    };
    EXPECT_NE(advice(ErrorCode::kNotFound, "there is no store in nope").find("--dir"), std::string::npos);
    EXPECT_NE(advice(ErrorCode::kLocked, "the store is open").find("--url"), std::string::npos);
    EXPECT_NE(advice(ErrorCode::kNotFound, "there is no fork x").find("overview"), std::string::npos);
}

}  // namespace
}  // namespace chronos::mcp
