#include "mcp/tools/event_rows.h"

#include "json/scan.h"
#include "json/validate.h"
#include "mcp/json_rpc.h"

namespace chronos::mcp {
namespace {

Json payload_of(const EventView& event, const RowShape& shape, Shown& shown) {
    return shape.fields.empty() ? shown.json(event.payload) : shown.fields(event.payload, shape.fields);
}

Json table_row(const EventView& event, const RowShape& shape, Shown& shown) {
    Json row = Json::array();
    row.push_back(event.position.value);
    row.push_back(shown.text(event.entity_id));
    row.push_back(event.version.value);
    row.push_back(shown.text(event.event_type));
    row.push_back(event.occurred_at.to_string());
    row.push_back(event.recorded_at.to_string());
    row.push_back(shown.text(text_member(event.metadata, "actor")));
    row.push_back(payload_of(event, shape, shown));
    return row;
}

}  // namespace

Json event_columns() {
    return {"position", "entity_id", "version", "event_type", "occurred_at", "recorded_at", "actor", "payload"};
}

Json event_row(const EventView& event, const RowShape& shape, Shown& shown) {
    if (shape.is_table) return table_row(event, shape, shown);
    constexpr std::size_t kMembersMax = 10;
    Json row = object_with_room(kMembersMax);
    row["position"] = event.position.value;
    row["entity_id"] = shown.text(event.entity_id);
    row["version"] = event.version.value;
    row["event_type"] = shown.text(event.event_type);
    row["occurred_at"] = event.occurred_at.to_string();
    row["recorded_at"] = event.recorded_at.to_string();
    row["id"] = event.id.to_string();
    row["payload"] = payload_of(event, shape, shown);
    if (!event.metadata.empty()) row["metadata"] = shown.json(event.metadata);
    if (event.tag_count > 0) {
        for (const std::string_view tag : event.tags()) row["tags"].push_back(shown.text(tag));
    }
    return row;
}

std::string text_member(std::string_view json, std::string_view name) {
    if (json.empty() || !json::validate_json(json).ok() || !json::is_object(json)) return {};
    json::ObjectScanner members(json);
    std::string scratch;
    while (members.next()) {
        if (json::unescaped(members.raw_key(), scratch) != name) continue;
        if (!members.value().starts_with('"')) return {};
        return std::string(json::unescaped(json::string_body(members.value()), scratch));
    }
    return {};
}

}  // namespace chronos::mcp
