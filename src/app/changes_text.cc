#include "app/changes_text.h"

#include <algorithm>

#include "app/read_options.h"
#include "app/terminal.h"
#include "base/utf8.h"
#include "json/writer.h"

namespace chronos::app {
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

std::string count_text(std::uint64_t count, const char* one, const char* many) {
    return with_separators(count) + " " + (count == 1 ? one : many);
}

std::string versions_text(const EntityChange& change) {
    const std::string before = std::to_string(change.version_before.value);
    const std::string after = std::to_string(change.version_after.value);
    if (!change.existed && !change.exists) return "in neither view";
    if (!change.existed) return "new, version " + after;
    if (!change.exists) return "gone, was version " + before;
    return before == after ? "version " + after : "version " + before + " → " + after;
}

/// The event of a change that did something to a field; null when it is not among those listed.
const ChangeEvent* event_of(const EntityChange& change, const FieldDifference& field) {
    if (!field.event_id) return nullptr;
    const auto found = std::find_if(change.added.begin(), change.added.end(),
                                    [&field](const ChangeEvent& event) { return event.id == *field.event_id; });
    return found == change.added.end() ? nullptr : &*found;
}

std::string event_as_text(const char* sign, const ChangeEvent& event, const Style& style) {
    std::string out = std::string("  ") + sign + " version " + std::to_string(event.version.value) + "  " +
                      style.cyan(base::harmless(event.event_type)) + "  " + style.dim(event.occurred_at.to_string());
    if (!event.actor.empty()) out += "  by " + base::harmless(event.actor);
    if (event.recorded_at != event.occurred_at) out += style.dim("  recorded " + event.recorded_at.to_string());
    return out + "\n";
}

std::string events_as_text(const char* sign, const std::vector<ChangeEvent>& events, std::uint64_t count,
                           const Style& style) {
    std::string out;
    for (const ChangeEvent& event : events) out += event_as_text(sign, event, style);
    if (count > events.size())
        out += std::string("  ") + sign + " " + count_text(count - events.size(), "more event", "more events") + "\n";
    return out;
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

std::string entity_change_as_text(const EntityChange& change, const ValueStyle& values) {
    std::string out =
        values.style.bold(base::harmless(change.entity_id)) + "  " + values.style.dim(versions_text(change)) + "\n";
    for (const FieldDifference& field : change.fields) {
        out += change_as_text(field.pointer, field.before, field.after, values);
        if (const ChangeEvent* event = event_of(change, field))
            out += values.style.dim("  by version " + std::to_string(event->version.value));
        out += '\n';
    }
    return out + events_as_text("+", change.added, change.added_count, values.style) +
           events_as_text("-", change.removed, change.removed_count, values.style);
}

std::string changes_summary_as_json(const Changes& changes) {
    std::string summary;
    json::ObjectWriter writer(summary);
    writer.field("entities", changes.entity_count)
        .field("added", changes.added_count)
        .field("removed", changes.removed_count)
        .raw_field("before", view_as_json(changes.before))
        .raw_field("after", view_as_json(changes.after));
    if (changes.has_more) writer.field("next_after", changes.next_after);
    writer.end();
    std::string out;
    json::ObjectWriter(out).raw_field("summary", summary).end();
    return out;
}

std::string changes_summary_as_text(const Changes& changes) {
    if (changes.added_count == 0 && changes.removed_count == 0) return "nothing differs";
    return count_text(changes.entity_count, "entity differs", "entities differ") + ": " +
           count_text(changes.added_count, "event", "events") + " added, " + with_separators(changes.removed_count) +
           " removed";
}

}  // namespace chronos::app
