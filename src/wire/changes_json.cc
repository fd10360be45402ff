#include "wire/changes_json.h"

#include <vector>

#include "json/writer.h"
#include "wire/view_json.h"

namespace chronos::wire {
namespace {

template <typename Item, typename Write>
std::string list_as_json(const std::vector<Item>& items, const Write& write) {
    std::string out = "[";
    for (const Item& item : items) {
        if (out.size() > 1) out += ',';
        json::ObjectWriter writer(out);
        write(writer, item);
        writer.end();
    }
    return out + "]";
}

void write_field(json::ObjectWriter& writer, const FieldDifference& field) {
    writer.field("pointer", field.pointer);
    if (field.before) writer.raw_field("before", *field.before);
    if (field.after) writer.raw_field("after", *field.after);
    if (field.event_id) writer.field("event_id", field.event_id->to_string());
}

void write_event(json::ObjectWriter& writer, const ChangeEvent& event) {
    writer.field("id", event.id.to_string())
        .field("event_type", event.event_type)
        .field("position", event.position.value)
        .field("version", event.version.value)
        .field("timestamp", event.recorded_at.to_string())
        .field("occurred_at", event.occurred_at.to_string());
    if (!event.actor.empty()) writer.field("actor", event.actor);
}

}  // namespace

std::string entity_change_as_json(const EntityChange& change) {
    std::string out;
    json::ObjectWriter(out)
        .field("entity_id", change.entity_id)
        .field("existed", change.existed)
        .field("exists", change.exists)
        .field("version_before", change.version_before.value)
        .field("version_after", change.version_after.value)
        .raw_field("fields", list_as_json(change.fields, write_field))
        .raw_field("added", list_as_json(change.added, write_event))
        .raw_field("removed", list_as_json(change.removed, write_event))
        .field("added_count", change.added_count)
        .field("removed_count", change.removed_count)
        .end();
    return out;
}

namespace {

std::string summary_of(const Changes& changes) {
    std::string summary;
    json::ObjectWriter writer(summary);
    writer.field("entities", changes.entity_count)
        .field("added", changes.added_count)
        .field("removed", changes.removed_count)
        .raw_field("before", view_as_json(changes.before))
        .raw_field("after", view_as_json(changes.after));
    if (changes.has_more) writer.field("next_after", changes.next_after);
    writer.end();
    return summary;
}

}  // namespace

std::string changes_as_json(const Changes& changes) {
    std::string entities = "[";
    for (const EntityChange& change : changes.entities) {
        if (entities.size() > 1) entities += ',';
        entities += entity_change_as_json(change);
    }
    std::string out;
    json::ObjectWriter writer(out);
    writer.raw_field("entities", entities + "]")
        .raw_field("summary", summary_of(changes))
        .field("has_more", changes.has_more);
    if (changes.has_more) writer.field("next_after", changes.next_after);
    writer.end();
    return out;
}

std::string changes_summary_as_json(const Changes& changes) {
    std::string out;
    json::ObjectWriter(out).raw_field("summary", summary_of(changes)).end();
    return out;
}

}  // namespace chronos::wire
