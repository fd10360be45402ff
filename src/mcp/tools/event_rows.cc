#include "mcp/tools/event_rows.h"

#include "json/scan.h"
#include "json/validate.h"
#include "json/writer.h"
#include "mcp/json_rpc.h"

namespace chronos::mcp {
namespace {

void append_payload(std::string& out, const EventView& event, const RowShape& shape, Shown& shown) {
    if (shape.fields.empty())
        shown.append_json(out, event.payload);
    else
        append_text(out, shown.fields(event.payload, shape.fields));
}

void append_table_row(std::string& out, const EventView& event, const RowShape& shape, Shown& shown) {
    const auto append = [&out](std::string_view text) {
        out += ',';
        json::append_string(out, text);
    };
    out += '[';
    json::append_unsigned(out, event.position.value);
    append(shown.text(event.entity_id));
    out += ',';
    json::append_unsigned(out, event.version.value);
    append(shown.text(event.event_type));
    append(event.occurred_at.to_string());
    append(event.recorded_at.to_string());
    append(shown.text(text_member(event.metadata, "actor")));
    out += ',';
    append_payload(out, event, shape, shown);
    out += ']';
}

}  // namespace

Json event_columns() {
    return {"position", "entity_id", "version", "event_type", "occurred_at", "recorded_at", "actor", "payload"};
}

void append_event_row(std::string& out, const EventView& event, const RowShape& shape, Shown& shown) {
    if (shape.is_table) return append_table_row(out, event, shape, shown);
    json::ObjectWriter row(out);
    row.field("position", event.position.value)
        .field("entity_id", shown.text(event.entity_id))
        .field("version", event.version.value)
        .field("event_type", shown.text(event.event_type))
        .field("occurred_at", event.occurred_at.to_string())
        .field("recorded_at", event.recorded_at.to_string())
        .field("id", event.id.to_string())
        .raw_field("payload", "");
    append_payload(out, event, shape, shown);
    if (!event.metadata.empty()) {
        row.raw_field("metadata", "");
        shown.append_json(out, event.metadata);
    }
    if (event.tag_count > 0) {
        Json tags = Json::array();
        for (const std::string_view tag : event.tags()) tags.push_back(shown.text(tag));
        row.raw_field("tags", text_of(tags));
    }
    row.end();
}

Json event_row(const EventView& event, const RowShape& shape, Shown& shown) {
    std::string row;
    append_event_row(row, event, shape, shown);
    return Json::parse(row);
}

bool EventRows::add(const EventView& event, Shown& shown, std::size_t others) {
    const std::size_t before = rows_.size();
    rows_ += ',';
    append_event_row(rows_, event, shape_, shown);
    if (size_ > 0 && !has_room_for(others)) {
        rows_.resize(before);
        return false;
    }
    ++size_;
    return true;
}

Json EventRows::take() {
    if (rows_.empty()) return Json::array();
    rows_.front() = '[';
    rows_ += ']';
    return raw_json(rows_);
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
