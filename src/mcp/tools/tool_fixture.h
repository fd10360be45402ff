// For tests of the tools: a store in memory, and calls as an agent makes them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "chronos/store.h"
#include "client/endpoint.h"
#include "mcp/json_rpc.h"
#include "mcp/tool.h"

namespace chronos::mcp {

class ToolTest : public testing::Test {
protected:
    ToolTest() : endpoint_(client::endpoint_of(Store::open({.in_memory = true}).value(), "memory")) {
        principal_.name = "tester";
        principal_.scopes.add(access::Scope::kWrite);
    }

    Store& store() { return *endpoint_->local(); }

    /// Appends one event; `occurred_at` may be empty.
    AppendedEvent append(std::string entity_id, std::string event_type, std::string payload = "{}",
                         const std::string& occurred_at = "", std::string metadata = "",
                         const std::string& branch = "main") {
        NewEvent event{.entity_id = std::move(entity_id),
                       .event_type = std::move(event_type),
                       .payload = std::move(payload),
                       .metadata = std::move(metadata)};
        if (!occurred_at.empty()) event.occurred_at = Timestamp::parse(occurred_at).value();
        const Result<AppendResult> result = store().append(event, {}, {.branch = branch});
        EXPECT_TRUE(result.ok()) << result.error().message;
        return result.ok() ? result->events.front() : AppendedEvent{};
    }

    CallContext context() {
        return {.principal = principal_, .endpoint = *endpoint_, .progress = {}, .is_cancelled = {}};
    }

    const Tool& tool(std::string_view name) const {
        for (const Tool& candidate : catalog_.tools) {
            if (candidate.name == name) return candidate;
        }
        ADD_FAILURE() << "no tool " << name;
        return catalog_.tools.front();
    }

    ToolAnswer run(std::string_view name, const Json& arguments,
                   const std::optional<std::string>& confirmed = std::nullopt) {
        CallContext call = context();
        ToolAnswer answer = tool(name).run(arguments, confirmed, call);
        expand_raw_json(answer.structured);
        if (!answer.is_error && !answer.confirm) expect_match(answer.structured, tool(name).output_schema, name);
        return answer;
    }

    static bool has_type(const Json& value, const Json& type) {
        if (type.is_array())
            return std::any_of(type.begin(), type.end(), [&value](const Json& one) { return has_type(value, one); });
        if (type == "integer") return value.is_number_integer();
        if (type == "number") return value.is_number();
        return type == value.type_name();
    }

    /// The parts of JSON Schema that output schemas use.
    static void expect_match(const Json& value, const Json& schema, std::string_view where) {
        EXPECT_TRUE(!schema.contains("type") || has_type(value, schema["type"])) << where << value.dump(1);
        if (schema.contains("enum")) {
            const Json& words = schema["enum"];
            EXPECT_NE(std::find(words.begin(), words.end(), value), words.end()) << where << value;
        }
        for (const Json& name : schema.value("required", Json::array()))
            EXPECT_TRUE(value.contains(name.get<std::string>())) << where << name << value.dump(1);
        const Json properties = schema.value("properties", Json::object());
        for (const auto& [name, inner] : properties.items()) {
            if (value.is_object() && value.contains(name)) expect_match(value[name], inner, name);
        }
    }

    /// The JSON of an answer that is no error.
    Json call(std::string_view name, std::string_view arguments) {
        const ToolAnswer answer = run(name, Json::parse(arguments));
        EXPECT_FALSE(answer.is_error) << answer.structured.dump(1);
        EXPECT_TRUE(answer.text.empty());
        return answer.structured;
    }

    /// The JSON of an answer that is an error.
    Json call_failing(std::string_view name, std::string_view arguments) {
        const ToolAnswer answer = run(name, Json::parse(arguments));
        EXPECT_TRUE(answer.is_error) << answer.structured.dump(1);
        EXPECT_FALSE(answer.structured.value("try", "").empty());
        return answer.structured;
    }

    Catalog catalog_ = store_catalog();
    std::unique_ptr<client::Endpoint> endpoint_;
    access::Principal principal_;
};

}  // namespace chronos::mcp
