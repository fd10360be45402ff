// EventView and Event: reading tags, copying.
#include "chronos/event.h"
#include "event/body.h"

namespace chronos {

std::vector<std::string_view> EventView::tags() const {
    std::vector<std::string_view> tags;
    tags.reserve(tag_count);
    event::for_each_tag(encoded_tags, [&](std::string_view tag) { tags.push_back(tag); });
    return tags;
}

Event copy(const EventView& view) {
    Event event;
    event.id = view.id;
    event.position = view.position;
    event.version = view.version;
    event.recorded_at = view.recorded_at;
    event.occurred_at = view.occurred_at;
    event.occurred_at_was_sent = view.occurred_at_was_sent;
    event.payload_is_unvalidated = view.payload_is_unvalidated;
    event.event_type = view.event_type;
    event.entity_id = view.entity_id;
    event.payload = view.payload;
    event.metadata = view.metadata;
    for (const std::string_view tag : view.tags()) event.tags.emplace_back(tag);
    return event;
}

}  // namespace chronos
