#include "wire/state_json.h"

#include <vector>

#include "json/writer.h"

namespace chronos::wire {
namespace {

std::string origins_as_json(const std::vector<FieldOrigin>& origins) {
    std::string out = "[";
    for (const FieldOrigin& origin : origins) {
        if (out.size() > 1) out += ',';
        json::ObjectWriter writer(out);
        writer.field("pointer", origin.pointer)
            .raw_field("value", origin.value)
            .field("event_id", origin.event_id.to_string())
            .field("event_type", origin.event_type)
            .field("position", origin.position.value)
            .field("version", origin.version.value)
            .field("timestamp", origin.recorded_at.to_string())
            .field("occurred_at", origin.occurred_at.to_string());
        if (!origin.actor.empty()) writer.field("actor", origin.actor);
        writer.end();
    }
    return out + "]";
}

std::string change_as_json(const FieldChange& change) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("pointer", change.pointer);
    if (change.before) writer.raw_field("before", *change.before);
    if (change.after) writer.raw_field("after", *change.after);
    writer.end();
    return out;
}

}  // namespace

std::string state_as_json(const State& state, Fold fold, std::string_view view_json) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("entity_id", state.entity_id)
        .field("exists", state.exists)
        .raw_field("state", state.json)
        .field("version", state.version.value)
        .field("current_version", state.current_version.value)
        .field("event_count", state.event_count)
        .field("late_events", state.late_events)
        .field("fold", fold_name(fold));
    if (state.last_recorded_at) writer.field("last_timestamp", state.last_recorded_at->to_string());
    if (state.last_occurred_at) writer.field("last_occurred_at", state.last_occurred_at->to_string());
    if (state.first_event_at) writer.field("first_event_at", state.first_event_at->to_string());
    if (!state.origins.empty()) writer.raw_field("origins", origins_as_json(state.origins));
    writer.raw_field("view", view_json).end();
    return out;
}

std::string history_entry_as_json(const HistoryEntry& entry) {
    std::string changes = "[";
    for (const FieldChange& change : entry.changes) {
        if (changes.size() > 1) changes += ',';
        changes += change_as_json(change);
    }
    std::string out = to_json(entry.event);
    out.pop_back();
    std::string more;
    json::ObjectWriter writer(more);
    if (!entry.actor.empty()) writer.field("actor", entry.actor);
    if (!entry.reason.empty()) writer.field("reason", entry.reason);
    if (entry.duration_ns) writer.field("duration_ns", *entry.duration_ns);
    writer.raw_field("changes", changes + "]").end();
    return out + "," + more.substr(1);
}

std::string field_history_as_json(const FieldHistory& field, const HistoryEntry& entry, const FieldSpan& span) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("pointer", field.pointer)
        .raw_field("value", field.value)
        .field("event_id", entry.event.id.to_string())
        .field("event_type", entry.event.event_type)
        .field("position", entry.event.position.value)
        .field("version", entry.event.version.value)
        .field("timestamp", entry.event.recorded_at.to_string())
        .field("occurred_at", entry.event.occurred_at.to_string());
    if (!entry.actor.empty()) writer.field("actor", entry.actor);
    if (!entry.reason.empty()) writer.field("reason", entry.reason);
    writer.field("since_is", span.is_set_late ? "recorded" : "occurred");
    if (span.duration_ns) writer.field("duration_ns", *span.duration_ns);
    writer.field("change_count", field.change_count);
    if (span.is_set_late)
        writer.field("hint", "an event that occurred later was told before; see --fold-order occurred");
    writer.end();
    return out;
}

}  // namespace chronos::wire
