#include "app/state_text.h"

#include "app/terminal.h"
#include "base/utf8.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

/// Longer values of changed fields are cut on a terminal.
constexpr std::size_t kValueWidthMax = 60;

std::string origins_as_json(const std::vector<FieldOrigin>& origins) {
    std::string out = "[";
    for (const FieldOrigin& origin : origins) {
        if (out.size() > 1) out += ',';
        json::ObjectWriter(out)
            .field("pointer", origin.pointer)
            .raw_field("value", origin.value)
            .field("event_id", origin.event_id.to_string())
            .field("event_type", origin.event_type)
            .field("position", origin.position.value)
            .field("version", origin.version.value)
            .field("timestamp", origin.recorded_at.to_string())
            .field("occurred_at", origin.occurred_at.to_string())
            .end();
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

std::string state_title(const State& state) {
    std::string text = base::harmless(state.entity_id) + "  version " + std::to_string(state.version.value);
    if (state.last_occurred_at) text += "  last changed " + state.last_occurred_at->to_string();
    if (state.late_events > 0) text += "  " + std::to_string(state.late_events) + " late events";
    return text;
}

std::string history_entry_as_json(const HistoryEntry& entry) {
    std::string changes = "[";
    for (const FieldChange& change : entry.changes) {
        if (changes.size() > 1) changes += ',';
        changes += change_as_json(change);
    }
    std::string out = to_json(entry.event);
    out.pop_back();
    return out + ",\"changes\":" + changes + "]}";
}

std::string history_entry_as_text(const HistoryEntry& entry, const Style& style, std::size_t width) {
    const Event& event = entry.event;
    std::string out = style.bold("version " + std::to_string(event.version.value)) + "  " +
                      style.cyan(base::harmless(event.event_type)) + "  " + style.dim(event.occurred_at.to_string()) +
                      "\n";
    for (const FieldChange& change : entry.changes)
        out += change_as_text(change.pointer, change.before, change.after, {.style = style, .width = width}) + "\n";
    return out;
}

ValueStyle value_style(const Program& program) {
    return {.style = program.style(), .width = is_terminal(Stream::kOutput) ? kValueWidthMax : 0};
}

std::string change_as_text(std::string_view pointer, const std::optional<std::string>& before,
                           const std::optional<std::string>& after, const ValueStyle& values) {
    const auto shown = [&values](const std::string& value) {
        return values.width == 0 ? base::harmless(value) : fitted(value, values.width);
    };
    std::string out = "  " + (pointer.empty() ? "(all)" : base::harmless(pointer)) + ": ";
    if (before) out += values.style.red(shown(*before));
    if (before || !after) out += " → ";
    return out + (after ? values.style.green(shown(*after)) : values.style.dim("gone"));
}

}  // namespace chronos::app
