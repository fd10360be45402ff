#include "app/state_text.h"

#include <algorithm>
#include <limits>

#include "app/terminal.h"
#include "base/utf8.h"
#include "json/writer.h"
#include "wire/duration_text.h"

namespace chronos::app {
namespace {

/// Longer values of changed fields are cut on a terminal.
constexpr std::size_t kValueWidthMax = 60;

/// When an event occurred, from the one above it on.
std::string lapse_text(std::int64_t ns) {
    if (ns == 0) return "at the same time";
    if (ns > 0) return "after " + length_text(ns);
    return length_text(-std::max(ns, -std::numeric_limits<std::int64_t>::max())) + " earlier than the one above";
}

}  // namespace

std::string state_title(const State& state) {
    std::string text = base::harmless(state.entity_id) + "  version " + std::to_string(state.version.value);
    if (state.last_occurred_at) text += "  last changed " + state.last_occurred_at->to_string();
    if (state.late_events > 0)
        text += "  " + std::to_string(state.late_events) + (state.late_events == 1 ? " late event" : " late events");
    return text;
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
    return ns < kSecondNs ? human_duration(ns) : wire::duration_text(ns);
}

std::string field_history_as_text(const FieldHistory& field, const HistoryEntry& entry, const wire::FieldSpan& span,
                                  const ValueStyle& values) {
    std::string out = change_as_text(field.pointer, std::nullopt, field.value, values).substr(2);
    out += "\n  " + values.style.cyan(base::harmless(entry.event.event_type)) + "  version " +
           std::to_string(entry.event.version.value) + "  " + values.style.dim(entry.event.occurred_at.to_string());
    if (!entry.actor.empty()) out += "  by " + base::harmless(entry.actor);
    if (span.is_set_late) out += "  late, recorded " + entry.event.recorded_at.to_string();
    // An event may be said to occur only later.
    if (span.duration_ns && *span.duration_ns >= 0) out += "  for " + length_text(*span.duration_ns);
    return out + "\n";
}

}  // namespace chronos::app
