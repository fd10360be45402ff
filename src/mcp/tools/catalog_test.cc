// What the tools cost to be listed, and what is promised of all of them.
#include <set>

#include "mcp/tools/tool_fixture.h"

namespace chronos::mcp {
namespace {

using CatalogTest = ToolTest;

constexpr std::size_t kTokenBytes = 4;

TEST_F(CatalogTest, NamesDescriptionsAndInputSchemasTakeAtMost1500Tokens) {
    std::size_t bytes = 0;
    for (const Tool& tool : catalog_.tools) {
        const std::size_t size = tool.name.size() + tool.description.size() + tool.input_schema.dump().size();
        RecordProperty(tool.name, static_cast<int>(size));
        bytes += size;
        if (bytes > 1'500 * kTokenBytes) ADD_FAILURE() << tool.name << " " << size << ", up to it " << bytes;
    }
    std::printf("listed tools: %zu tokens\n", bytes / kTokenBytes);
    EXPECT_LE(bytes, 1'500 * kTokenBytes);
}

TEST_F(CatalogTest, OutputSchemasTakeLessThan2500Tokens) {
    std::size_t bytes = 0;
    for (const Tool& tool : catalog_.tools) bytes += tool.output_schema.dump().size();
    std::printf("output schemas: %zu tokens\n", bytes / kTokenBytes);
    EXPECT_LT(bytes, 2'500 * kTokenBytes);
}

TEST_F(CatalogTest, InstructionsAreShort) {
    const std::string& text = catalog_.instructions;
    const auto spaces = std::count_if(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\n'; });
    EXPECT_LT(spaces + 1, 200);
    for (const std::string_view word : {"as_of", "known_at", "`at`", "fork", "untrusted", "cursor"})
        EXPECT_NE(text.find(word), std::string::npos) << word;
}

TEST_F(CatalogTest, ThereAreTheElevenToolsAndNoneBothReadsAndDestroys) {
    std::vector<std::string> names;
    for (const Tool& tool : catalog_.tools) {
        names.push_back(tool.name);
        const bool writes = tool.name == "append_events" || tool.name == "fork_create" || tool.name == "fork_finish";
        EXPECT_EQ(tool.scope, writes ? access::Scope::kWriteForks : access::Scope::kRead) << tool.name;
        EXPECT_EQ(tool.is_destructive, tool.name == "fork_finish");
    }
    EXPECT_EQ(names, (std::vector<std::string>{"overview", "advise", "find_entities", "query_events", "get_state",
                                               "get_history", "compare", "aggregate", "append_events", "fork_create",
                                               "fork_finish"}));
}

TEST_F(CatalogTest, SchemasAreClosedAndSmall) {
    for (const Tool& tool : catalog_.tools) {
        EXPECT_EQ(tool.input_schema["type"], "object") << tool.name;
        EXPECT_EQ(tool.input_schema["additionalProperties"], false) << tool.name;
        EXPECT_EQ(tool.output_schema["type"], "object") << tool.name;
        EXPECT_EQ(tool.input_schema.dump().find("$ref"), std::string::npos);
        for (const Json& name : tool.input_schema.value("required", Json::array()))
            EXPECT_TRUE(tool.input_schema["properties"].contains(name.get<std::string>())) << tool.name << name;
        for (const Json& name : tool.output_schema["required"])
            EXPECT_TRUE(tool.output_schema["properties"].contains(name.get<std::string>())) << tool.name << name;
    }
}

/// Whatever is sent, even past the check of the schema, is answered.
TEST_F(CatalogTest, NoArgumentsMakeAToolFall) {
    append("order:1", "order.placed", R"({"total":42})", "2026-01-10");
    const Json valid = Json::parse(R"({"entity_id":"order:1","question":"why","op":"sum","field":"total","fork":"try",
        "action":"merge","branch":"main","idempotency_key":"k","from":{"as_of":"2026-01-01"},"from_type":"a","to_type":"b",
        "events":[{"entity_id":"a","event_type":"b","expected_version":"any"}]})");
    std::vector<Json> wrong{nullptr,
                            true,
                            -1,
                            1.5,
                            18'446'744'073'709'551'615U,
                            "",
                            "\xFF",
                            "*",
                            "id64:!",
                            "a\nb",
                            Json::array(),
                            Json::object(),
                            Json::array({1, nullptr}),
                            Json::array({Json::object()}),
                            Json::parse(R"({"as_of":[1],"at":"x"})"),
                            Json::parse(R"([{"entity_id":1,"event_type":[],
                            "expected_version":"any","metadata":{"actor":[]},"payload":"x","tags":7,"id":"nope"}])")};
    wrong.push_back(std::string(100'000, 'x'));
    std::size_t error_count = 0;
    for (const Tool& tool : catalog_.tools) {
        Json arguments = Json::object();
        for (const Json& name : tool.input_schema.value("required", Json::array()))
            arguments[name.get<std::string>()] = valid[name.get<std::string>()];
        for (const auto& [name, schema] : tool.input_schema["properties"].items()) {
            for (const Json& value : wrong) {
                Json changed = arguments;
                changed[name] = value;
                EXPECT_NO_THROW(error_count += run(tool.name, changed).is_error ? 1 : 0) << tool.name << name << value;
            }
        }
        for (const Json& value : wrong) EXPECT_NO_THROW((void)run(tool.name, value)) << tool.name << value;
    }
    EXPECT_GT(error_count, 500U);
    for (const auto& [name, translate] : catalog_.aliases) {
        for (const Json& value : wrong) {
            EXPECT_NO_THROW((void)translate(value)) << name << value;
            EXPECT_NO_THROW((void)translate({{"entity_id", value}, {"timeframe", value}, {"pattern_type", value}}));
        }
    }
}

TEST_F(CatalogTest, OldNamesLoseNoArguments) {
    append("order:1", "order.placed", R"({"total":42})", "2026-01-10");
    const auto translated = [this](std::string_view name, std::string_view arguments) {
        for (const auto& [old_name, translate] : catalog_.aliases) {
            if (old_name == name) return translate(Json::parse(arguments));
        }
        ADD_FAILURE() << name;
        return std::pair<std::string, Json>();
    };
    EXPECT_EQ(
        translated("get_snapshot", R"({"entity_id":"a","fork":"f","known_at":"2026-01-01","x":1,"as_of":null})").second,
        Json::parse(R"({"entity_id":"a","fork":"f","known_at":"2026-01-01","x":1})"));
    EXPECT_EQ(translated("compare_entities", R"({"entity_ids":["a"],"timeframe":"2026-01-10","y":2})").second,
              Json::parse(R"({"y":2,"entity_id":["a"],"since":"2026-01-10"})"));
    EXPECT_EQ(translated("compare_entities", R"({"entity_ids":["a"],"timeframe":{"since":"now"}})").second,
              Json::parse(R"({"timeframe":{"since":"now"},"entity_id":["a"]})"));
    EXPECT_EQ(translated("ingest_event", R"({"entity_id":"a","event_type":"t","fork":"f"})").second["fork"], "f");
    EXPECT_EQ(translated("get_stats", R"({"fork":"f"})").second["fork"], "f");
    const auto [name, arguments] = translated("analyze_changes", R"({"entity_id":"order:1"})");
    const ToolAnswer answer = run(name, arguments);
    EXPECT_EQ(answer.structured["events_added"], 1) << answer.structured.dump(1);
}

TEST_F(CatalogTest, OldNamesBecomeCallsOfTheToolsThereAre) {
    append("order:1", "order.placed", R"({"total":42})", "2026-01-10");
    append("order:2", "order.placed", R"({"total":7})", "2026-01-11");
    const std::vector<std::pair<std::string, std::string>> calls{
        {"reconstruct_state", R"({"entity_id":"order:1","as_of":"2026-01-10"})"},
        {"get_snapshot", R"({"entity_id":"order:1"})"},
        {"analyze_changes", R"({"entity_id":"order:1","from_time":"2026-01-01","to_time":"2026-01-31"})"},
        {"find_patterns", R"({"pattern_type":"frequency"})"},
        {"find_patterns", R"({"pattern_type":"sequence","entity_id":"order:1"})"},
        {"find_patterns", R"({"pattern_type":"anomaly","since":"2026-01-01"})"},
        {"compare_entities", R"({"entity_ids":["order:1","order:2"],"timeframe":"2026-01-01T00:00:00Z"})"},
        {"event_timeline", R"({"entity_id":"order:1","since":"2026-01-01"})"},
        {"explain_entity", R"({"entity_id":"order:1"})"},
        {"ingest_event", R"({"event_type":"order.paid","entity_id":"order:1","payload":{"paid":true}})"},
        {"get_stats", "{}"},
        {"get_cluster_status", "{}"}};
    std::set<std::string> tried;
    for (const auto& [name, arguments] : calls) {
        for (const auto& [old_name, translate] : catalog_.aliases) {
            if (old_name != name) continue;
            const auto [new_name, new_arguments] = translate(Json::parse(arguments));
            const ToolAnswer answer = run(new_name, new_arguments);
            EXPECT_FALSE(answer.is_error) << name << answer.structured.dump(1);
            for (const auto& [argument, value] : new_arguments.items())
                EXPECT_TRUE(tool(new_name).input_schema["properties"].contains(argument)) << name << argument;
            tried.insert(name);
        }
    }
    EXPECT_EQ(tried.size(), catalog_.aliases.size());
    EXPECT_EQ(tried.size(), 10U);
    EXPECT_EQ(call("get_state", R"({"entity_id":"order:1"})")["untrusted"]["state"]["paid"], true);
}

}  // namespace
}  // namespace chronos::mcp
