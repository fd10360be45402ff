// The JSON form of an event, as every front end shows it.
#include "chronos/event.h"
#include "json/validate.h"
#include "json/writer.h"

namespace chronos {
namespace {

/// JSON has line ends only between values, where a space means the same: what is written is one line.
std::string on_one_line(std::string_view json) {
    std::string line(json);
    for (char& c : line) c = c == '\n' || c == '\r' ? ' ' : c;
    return line;
}

void write_json(json::ObjectWriter& writer, std::string_view name, std::string_view json) {
    if (json.find_first_of("\n\r") == std::string_view::npos)
        writer.raw_field(name, json);
    else
        writer.raw_field(name, on_one_line(json));
}

/// `AnyEvent`: Event or EventView, `Tags`: its tags.
template <typename AnyEvent, typename Tags>
std::string event_as_json(const AnyEvent& event, const Tags& tags) {
    std::string out;
    out.reserve(256 + event.payload.size() + event.metadata.size());
    json::ObjectWriter writer(out);
    writer.field("id", event.id.to_string())
        .field("event_type", event.event_type)
        .field("entity_id", event.entity_id)
        .field("position", event.position.value)
        .field("version", event.version.value)
        .field("timestamp", event.recorded_at.to_string())
        .field("occurred_at", event.occurred_at.to_string());
    if (event.payload_is_unvalidated && !json::validate_json(event.payload).ok()) {
        writer.field("payload", event.payload);
    } else {
        write_json(writer, "payload", event.payload);
    }
    if (!event.metadata.empty()) write_json(writer, "metadata", event.metadata);
    if (!tags.empty()) {
        std::string array = "[";
        for (const std::string_view tag : tags) {
            if (array.size() > 1) array += ',';
            json::append_string(array, tag);
        }
        writer.raw_field("tags", array + "]");
    }
    writer.end();
    return out;
}

}  // namespace

std::string to_json(const EventView& view) { return event_as_json(view, view.tags()); }

std::string to_json(const Event& event) { return event_as_json(event, event.tags); }

}  // namespace chronos
