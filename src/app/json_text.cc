#include "app/json_text.h"

#include "json/scan.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

void append_pretty(std::string& out, std::string_view value, std::size_t depth) {
    const auto new_line = [&out](std::size_t levels) { out.append("\n").append(levels * 2, ' '); };
    bool first = true;
    const auto separate = [&] {
        if (!first) out += ',';
        first = false;
        new_line(depth + 1);
    };
    if (value.starts_with('{')) {
        out += '{';
        for (json::ObjectScanner fields(value); fields.next();) {
            separate();
            out.append("\"").append(fields.raw_key()).append("\": ");
            append_pretty(out, fields.value(), depth + 1);
        }
        if (!first) new_line(depth);
        out += '}';
    } else if (value.starts_with('[')) {
        out += '[';
        for (json::ArrayScanner elements(value); elements.next();) {
            separate();
            append_pretty(out, elements.value(), depth + 1);
        }
        if (!first) new_line(depth);
        out += ']';
    } else {
        out += value;
    }
}

}  // namespace

std::string pretty_json(std::string_view text) {
    std::string out;
    append_pretty(out, json::trimmed(text), 0);
    return out;
}

std::string event_as_json(const Event& event) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("id", event.id.to_string())
        .field("event_type", event.event_type)
        .field("entity_id", event.entity_id)
        .field("position", event.position.value)
        .field("version", event.version.value)
        .field("timestamp", event.recorded_at.to_string())
        .field("occurred_at", event.occurred_at.to_string())
        .raw_field("payload", event.payload);
    if (!event.metadata.empty()) writer.raw_field("metadata", event.metadata);
    if (!event.tags.empty()) {
        std::string tags = "[";
        for (const std::string& tag : event.tags) {
            if (tags.size() > 1) tags += ',';
            json::append_string(tags, tag);
        }
        writer.raw_field("tags", tags + "]");
    }
    writer.end();
    return out;
}

}  // namespace chronos::app
