#include "app/changes_text.h"

#include <algorithm>

#include "app/read_options.h"
#include "app/terminal.h"
#include "base/utf8.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

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

std::string changes_summary_as_text(const Changes& changes) {
    if (changes.added_count == 0 && changes.removed_count == 0) return "nothing differs";
    return count_text(changes.entity_count, "entity differs", "entities differ") + ": " +
           count_text(changes.added_count, "event", "events") + " added, " + with_separators(changes.removed_count) +
           " removed";
}

}  // namespace chronos::app
