#include "mcp/tools/schema.h"

#include <string>

namespace chronos::mcp {
namespace {

// What these mean is said once, in the instructions of the server.
constexpr std::string_view kView =
    R"({"as_of":{"type":"string"},"known_at":{"type":"string"},"at":{"type":"integer"},"fork":{"type":"string"}})";
constexpr std::string_view kFilter =
    R"({"event_type":{"type":["string","array"]},"event_type_prefix":{"type":"string"},)"
    R"("entity_id":{"type":["string","array"]},"entity_id_prefix":{"type":"string"},"tag":{"type":["string","array"]},)"
    R"("where":{"type":["string","array"]},"since":{"type":"string"},"until":{"type":"string"},)"
    R"("occurred_since":{"type":"string"},"occurred_until":{"type":"string"},"actor":{"type":"string"}})";
constexpr std::string_view kBudget = R"({"max_tokens":{"type":"integer"}})";

std::string_view text_of(Shared shared) {
    switch (shared) {
        case Shared::kView: return kView;
        case Shared::kFilter: return kFilter;
        case Shared::kBudget: return kBudget;
    }
    return "{}";
}

Json object_schema(Json properties, std::initializer_list<std::string_view> required) {
    Json schema;
    schema["type"] = "object";
    schema["properties"] = std::move(properties);
    if (required.size() > 0) {
        schema["required"] = Json::array();
        for (const std::string_view name : required) schema["required"].push_back(name);
    }
    return schema;
}

}  // namespace

Json input_schema(std::string_view properties, std::initializer_list<Shared> shared,
                  std::initializer_list<std::string_view> required) {
    Json all = Json::parse(properties);
    for (const Shared part : shared) all.update(Json::parse(text_of(part)));
    Json schema = object_schema(std::move(all), required);
    schema["additionalProperties"] = false;
    return schema;
}

Json output_schema(std::string_view properties, std::initializer_list<std::string_view> required) {
    return object_schema(Json::parse(properties), required);
}

}  // namespace chronos::mcp
