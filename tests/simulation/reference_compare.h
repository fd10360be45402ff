// What a store answered beside what the reference store says: the first difference as a text, or nothing.
//
// Threads: functions without state.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/reference_store.h"

namespace chronos::testing {

inline std::string compare(const EventView& found, const ReferenceEvent& wanted) {
    const std::string at = "position " + std::to_string(wanted.position) + ": ";
    if (found.position.value != wanted.position) return at + "got position " + std::to_string(found.position.value);
    if (found.id != wanted.id || found.version.value != wanted.version) return at + "another id or version";
    if (found.entity_id != wanted.sent.entity_id || found.event_type != wanted.sent.event_type)
        return at + "another entity or type";
    if (found.payload != wanted.sent.payload || found.metadata != wanted.sent.metadata) return at + "other bytes";
    if (found.recorded_at != wanted.recorded_at || found.occurred_at != wanted.occurred_at) return at + "another time";
    if (found.occurred_at_was_sent != wanted.sent.occurred_at.has_value()) return at + "another source of its time";
    const auto tags = found.tags();
    if (std::vector<std::string>(tags.begin(), tags.end()) != wanted.sent.stored_tags()) return at + "other tags";
    return "";
}

/// A page is the first `limit` of `wanted`, from `begin` on.
inline std::string compare(const Page& page, const ReferenceEvents& wanted, std::size_t begin, std::size_t limit) {
    const std::size_t end = std::min(wanted.size(), begin + limit);
    for (std::size_t i = begin; i < end && i - begin < page.events().size(); ++i)
        if (std::string wrong = compare(page.events()[i - begin], *wanted[i]); !wrong.empty()) return wrong;
    if (page.events().size() != end - begin)
        return std::to_string(page.events().size()) + " events instead of " + std::to_string(end - begin);
    return page.has_more() == (end < wanted.size()) ? "" : "is wrong about whether there is more";
}

inline std::string compare(const State& found, const ReferenceState& wanted) {
    if (found.exists != (wanted.event_count > 0)) return "is wrong about whether it exists";
    if (nlohmann::json::parse(found.json) != wanted.json) return found.json + " instead of " + wanted.json.dump();
    if (found.event_count != wanted.event_count || found.current_version.value != wanted.current_version)
        return "another number of events";
    if (found.version.value != wanted.version) return "another version";
    if (found.late_events != wanted.late_events)
        return std::to_string(found.late_events) + " late events instead of " + std::to_string(wanted.late_events);
    if (found.last_recorded_at != wanted.last_recorded_at || found.last_occurred_at != wanted.last_occurred_at)
        return "another time";
    return "";
}

/// `seen`: the events that the view counts.
inline std::string compare(const Stats& found, const ReferenceEvents& seen) {
    std::set<std::string_view> entities;
    for (const ReferenceEvent* event : seen) entities.insert(event->sent.entity_id);
    std::map<std::string, ReferenceEvents> by_type;
    for (const ReferenceEvent* event : seen) by_type[event->sent.event_type].push_back(event);
    if (found.event_count != seen.size()) return "another number of events";
    if (found.entity_count != entities.size()) return "another number of entities";
    if (found.event_types.size() != by_type.size()) return "another number of types";
    for (std::size_t i = 0; i < found.event_types.size(); ++i) {
        const EventTypeCount& type = found.event_types[i];
        const ReferenceEvents& wanted = by_type[type.event_type];
        if (type.count != wanted.size()) return "another number of " + type.event_type;
        if (type.first_recorded_at != wanted.front()->recorded_at ||
            type.last_recorded_at != wanted.back()->recorded_at)
            return "another time of " + type.event_type;
        if (i > 0 && type.count > found.event_types[i - 1].count) return "types are not in order";
    }
    if (seen.empty()) return found.first_recorded_at || found.last_recorded_at ? "times of nothing" : "";
    const bool has_times =
        found.first_recorded_at == seen.front()->recorded_at && found.last_recorded_at == seen.back()->recorded_at;
    return has_times ? "" : "another time";
}

}  // namespace chronos::testing
