// Every answer keeps to max_tokens, whatever is stored and whatever was asked, and says what to do for the rest.
#include "mcp/tools/tool_fixture.h"

namespace chronos::mcp {
namespace {

class Budgets : public ToolTest {
protected:
    Budgets() {
        Json wide;
        for (int i = 0; i < 60; ++i) wide["field_with_a_name_" + std::to_string(i)] = "value " + std::to_string(i);
        Json deep;
        for (int i = 0; i < 30; ++i) deep["list"].push_back({{"a", std::string(300, 'x')}, {"b", i}});
        const Json long_one = {{"text", std::string(5'000, 'y')}, {"total", 42}};
        const std::vector<std::string> payloads{wide.dump(), deep.dump(), long_one.dump(), R"({"total":7})"};
        const Json metadata = {{"actor", std::string(300, 'p')},
                               {"reason", std::string(3'000, 'r')},
                               {"correlation_id", std::string(200, 'c')},
                               {"causation_id", std::string(200, 'd')}};
        for (int i = 0; i < 40; ++i) {
            for (const std::string& id : {std::string("plain:1"), long_id(i % 8)}) {
                const std::string type = i % 3 == 0 ? "thing.happened" : std::string(150, 't') + std::to_string(i % 7);
                append(id, type, payloads[static_cast<std::size_t>(i) % payloads.size()],
                       "2026-01-" + std::to_string(10 + (i * 7) % 19), metadata.dump());
            }
        }
        for (int i = 0; i < 3; ++i)
            EXPECT_TRUE(store().create_fork({.name = std::string(60, 'f') + std::to_string(i)}).ok());
        append(long_id(1), "thing.happened", payloads[0], "", metadata.dump(), std::string(60, 'f') + "0");
    }

    static std::string long_id(int number) { return "entity/" + std::string(180, 'e') + std::to_string(number); }

    void expect_within(const std::string& name, Json arguments) {
        for (const std::size_t tokens : {500, 700, 1'000, 3'000}) {
            arguments["max_tokens"] = tokens;
            const ToolAnswer answer = run(name, arguments);
            EXPECT_FALSE(answer.is_error) << name << answer.structured.dump(1);
            const Json& json = answer.structured;
            EXPECT_LE(json.dump().size(), tokens * 4) << name << arguments.dump().substr(0, 300) << "\n"
                                                      << json.dump(1).substr(0, 6'000);
            if (json.value("complete", true)) continue;
            EXPECT_TRUE((json.contains("cursor") && !json["cursor"].is_null()) || !json.value("try", "").empty())
                << name << json.dump(1).substr(0, 3'000);
        }
    }
};

TEST_F(Budgets, AreKeptByToolsThatRead) {
    expect_within("overview", Json::object());
    expect_within("overview", {{"as_of", "2026-01-20"}});
    expect_within("overview", {{"event_type", {std::string(200, 'q'), "thing.happened"}}});
    for (const std::string question :
         {"why was plain:1 changed, how many thing.happened per day, and what if we try a fork and append?",
          "how should I name and model events about personal data?", "what?"})
        expect_within("advise", {{"question", question}});
    expect_within("find_entities", Json::object());
    expect_within("find_entities", {{"text", "EEE"}});
    expect_within("find_entities", {{"event_type", "thing.happened"}});
    expect_within("find_entities", {{"text", std::string(2'000, 'q')}});
    for (const std::string& id : {std::string("plain:1"), long_id(1), std::string(2'000, 'q')}) {
        expect_within("get_state", {{"entity_id", id}});
        expect_within("get_state", {{"entity_id", id}, {"origins", true}});
        expect_within("get_state", {{"entity_id", id}, {"fields", {"/text", "/" + std::string(900, 'n'), "/list"}}});
        for (const char* order : {"stream", "occurred"}) {
            expect_within("get_history", {{"entity_id", id}, {"fold_order", order}});
            expect_within("get_history", {{"entity_id", id}, {"field", "/text"}, {"fold_order", order}});
            expect_within("get_history", {{"entity_id", id}, {"field", "/total"}, {"fold_order", order}});
            expect_within("get_history", {{"entity_id", id}, {"field", "/txt"}, {"as_of", "2026-02-01"}});
        }
        expect_within("query_events", {{"entity_id", id}});
        expect_within("query_events", {{"entity_id", id}, {"format", "table"}, {"order", "backward"}});
        expect_within("compare", {{"from", {{"as_of", "2026-01-15"}}}, {"entity_id", id}});
        expect_within("compare", {{"from", {{"known_at", "1970-01-01"}}}, {"entity_id", id}});
    }
    expect_within("query_events", {{"where", "/total >= 7"}, {"fields", {"/text"}}});
    expect_within("query_events", {{"event_type", {std::string(900, 'q'), std::string(800, 'r')}}});
    expect_within("compare", {{"from", {{"known_at", "1970-01-01"}}}});
    expect_within("compare", {{"to", {{"fork", std::string(60, 'f') + "0"}}}});
    for (const char* by : {"type", "entity", "actor", "day", "/text", "/list"}) {
        expect_within("aggregate", {{"op", "count"}, {"by", by}});
        expect_within("aggregate", {{"op", "max"}, {"field", "/text"}, {"by", by}});
        expect_within("aggregate", {{"op", "duration"},
                                    {"from_type", "thing.happened"},
                                    {"to_type", std::string(150, 't') + "1"},
                                    {"by", by}});
    }
    expect_within("aggregate", {{"op", "distinct"}, {"field", "/list"}});
    expect_within("aggregate", {{"op", "sequence"}});
}

TEST_F(Budgets, AreKeptByWhatRepeatsTheCallersWords) {
    Json ids;
    for (int i = 0; i < 100; ++i)
        ids.push_back("00000000-0000-4000-8000-0000000000" + std::string(i < 10 ? "0" : "") + std::to_string(i));
    expect_within("query_events", {{"ids", ids}});
    std::size_t missing = 0;
    Json arguments = {{"ids", ids}, {"max_tokens", 500}};
    for (int page = 0; page < 20; ++page) {
        const Json answer = run("query_events", arguments).structured;
        missing += answer["missing_ids"].size();
        if (answer["complete"] == true) break;
        arguments.update(answer["cursor"]);
    }
    EXPECT_EQ(missing, 100U);
    Json types;
    for (int i = 0; i < 100; ++i) types.push_back(std::string(200, 'z') + std::to_string(i));
    expect_within("get_history", {{"entity_id", "plain:1"}, {"expect_types", types}});
    expect_within("get_history", {{"entity_id", "nobody"}, {"expect_types", types}});
}

TEST_F(Budgets, AreKeptByWhatWasAppended) {
    Json events;
    for (int i = 0; i < 1'000; ++i)
        events.push_back({{"entity_id", long_id(i)}, {"event_type", "t"}, {"expected_version", "any"}});
    for (const std::size_t tokens : {500, 3'000}) {
        const Json answer = run("append_events", {{"branch", "main"},
                                                  {"idempotency_key", "k" + std::to_string(tokens)},
                                                  {"events", events},
                                                  {"max_tokens", tokens}})
                                .structured;
        EXPECT_LE(answer.dump().size(), tokens * 4);
        EXPECT_EQ(answer["appended"], 1'000) << answer.dump(1);
        EXPECT_EQ(answer["complete"], false);
        EXPECT_EQ(answer["events"].size() + answer["events_left_out"].get<std::size_t>(), 1'000U);
        EXPECT_EQ(answer["last_position"].get<int>() - answer["first_position"].get<int>(), 999);
        EXPECT_FALSE(answer.value("try", "").empty());
    }
}

}  // namespace
}  // namespace chronos::mcp
