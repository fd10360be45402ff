#include "wire/late_events.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace chronos::wire {
namespace {

bool is_inside(std::string_view pointer, std::string_view field) {
    return pointer == field || (pointer.starts_with(field) && pointer[field.size()] == '/');
}

bool touches(const HistoryEntry& entry, std::string_view field) {
    return std::any_of(entry.changes.begin(), entry.changes.end(), [field](const FieldChange& change) {
        return is_inside(change.pointer, field) || is_inside(field, change.pointer);
    });
}

}  // namespace

std::uint64_t count_late_events(std::span<const HistoryEntry> entries) {
    std::vector<const Event*> by_version;
    for (const HistoryEntry& entry : entries) by_version.push_back(&entry.event);
    std::sort(by_version.begin(), by_version.end(),
              [](const Event* a, const Event* b) { return a->version < b->version; });
    std::uint64_t late = 0;
    Timestamp last{INT64_MIN};
    for (const Event* event : by_version) {
        if (event->occurred_at < last) ++late;
        last = std::max(last, event->occurred_at);
    }
    return late;
}

bool is_set_late(std::span<const HistoryEntry> entries, const FieldHistory& field) {
    const HistoryEntry& setter = entries[field.entry_index];
    return std::any_of(entries.begin(), entries.end(), [&](const HistoryEntry& entry) {
        return entry.event.version < setter.event.version && entry.event.occurred_at > setter.event.occurred_at &&
               touches(entry, field.pointer);
    });
}

std::string late_events_hint(std::uint64_t count) {
    return (count == 1 ? "1 late event was" : std::to_string(count) + " late events were") +
           std::string(" appended after one that occurred later, and count") + (count == 1 ? "s" : "") +
           " as the last word; --fold-order occurred puts " +
           (count == 1 ? "it where it belongs" : "them where they belong");
}

}  // namespace chronos::wire
