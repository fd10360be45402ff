#include "app/state_text.h"

#include <algorithm>
#include <limits>

#include "app/duration_text.h"
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

/// When an event occurred, from the one above it on.
std::string lapse_text(std::int64_t ns) {
    if (ns == 0) return "at the same time";
    if (ns > 0) return "after " + length_text(ns);
    return length_text(-std::max(ns, -std::numeric_limits<std::int64_t>::max())) + " earlier than the one above";
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
    std::string more;
    json::ObjectWriter writer(more);
    if (!entry.actor.empty()) writer.field("actor", entry.actor);
    if (!entry.reason.empty()) writer.field("reason", entry.reason);
    if (entry.duration_ns) writer.field("duration_ns", *entry.duration_ns);
    writer.raw_field("changes", changes + "]").end();
    return out + "," + more.substr(1);
}

std::string history_entry_as_text(const HistoryEntry& entry, const Style& style, std::size_t width) {
    const Event& event = entry.event;
    std::string out = style.bold("version " + std::to_string(event.version.value)) + "  " +
                      style.cyan(base::harmless(event.event_type)) + "  " + style.dim(event.occurred_at.to_string());
    if (!entry.actor.empty()) out += "  by " + base::harmless(entry.actor);
    if (entry.duration_ns) out += "  " + style.dim(lapse_text(*entry.duration_ns));
    out += '\n';
    if (!entry.reason.empty()) out += "  reason: " + base::harmless(entry.reason) + "\n";
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

std::string length_text(std::int64_t ns) {
    constexpr std::int64_t kSecondNs = 1'000'000'000;
    return ns < kSecondNs ? human_duration(ns) : duration_text(ns);
}

std::string field_history_as_json(const FieldHistory& field, const HistoryEntry& entry, std::int64_t duration_ns) {
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
    writer.field("duration_ns", duration_ns).field("change_count", field.change_count).end();
    return out;
}

std::string field_history_as_text(const FieldHistory& field, const HistoryEntry& entry, std::int64_t duration_ns,
                                  const ValueStyle& values) {
    std::string out = change_as_text(field.pointer, std::nullopt, field.value, values).substr(2);
    out += "\n  " + values.style.cyan(base::harmless(entry.event.event_type)) + "  version " +
           std::to_string(entry.event.version.value) + "  " + values.style.dim(entry.event.occurred_at.to_string());
    if (!entry.actor.empty()) out += "  by " + base::harmless(entry.actor);
    // An event may be said to occur only later.
    if (duration_ns >= 0) out += "  for " + length_text(duration_ns);
    return out + "\n";
}

}  // namespace chronos::app
