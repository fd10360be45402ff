// The JSON form of an event, as every front end shows it.
#include "chronos/event.h"
#include "json/validate.h"
#include "json/writer.h"

namespace chronos {

std::string to_json(const EventView& view) {
    std::string out;
    out.reserve(256 + view.payload.size() + view.metadata.size());
    json::ObjectWriter writer(out);
    writer.field("id", view.id.to_string())
        .field("event_type", view.event_type)
        .field("entity_id", view.entity_id)
        .field("position", view.position.value)
        .field("version", view.version.value)
        .field("timestamp", view.recorded_at.to_string())
        .field("occurred_at", view.occurred_at.to_string());
    if (view.payload_is_unvalidated && !json::validate_json(view.payload).ok()) {
        writer.field("payload", view.payload);
    } else {
        writer.raw_field("payload", view.payload);
    }
    if (!view.metadata.empty()) writer.raw_field("metadata", view.metadata);
    if (view.tag_count > 0) {
        std::string tags = "[";
        for (const std::string_view tag : view.tags()) {
            if (tags.size() > 1) tags += ',';
            json::append_string(tags, tag);
        }
        writer.raw_field("tags", tags + "]");
    }
    writer.end();
    return out;
}

}  // namespace chronos
