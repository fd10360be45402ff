#include "wire/merge_json.h"

#include <vector>

#include "json/writer.h"

namespace chronos::wire {
namespace {

std::string events_as_json(const std::vector<Event>& events) {
    std::string out = "[";
    for (const Event& event : events) {
        if (out.size() > 1) out += ',';
        out += to_json(event);
    }
    return out + "]";
}

std::string conflict_as_json(const MergeConflict& conflict) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("kind", merge_conflict_kind_name(conflict.kind));
    if (!conflict.entity_id.empty()) {
        writer.field("entity_id", conflict.entity_id)
            .field("base_version", conflict.base_version.value)
            .field("fork_version", conflict.fork_version.value)
            .field("parent_version", conflict.parent_version.value);
    }
    writer.field("message", conflict.message)
        .field("fork_event_count", conflict.fork_event_count)
        .raw_field("fork_events", events_as_json(conflict.fork_events))
        .field("parent_event_count", conflict.parent_event_count)
        .raw_field("parent_events", events_as_json(conflict.parent_events))
        .end();
    return out;
}

}  // namespace

std::string merge_as_json(const MergeResult& result, bool was_dry_run) {
    std::string conflicts = "[";
    for (const MergeConflict& conflict : result.conflicts) {
        if (conflicts.size() > 1) conflicts += ',';
        conflicts += conflict_as_json(conflict);
    }
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("merged", result.merged)
        .field("duplicate", result.duplicate)
        .field("dry_run", was_dry_run)
        .field("fork", result.fork)
        .field("parent", result.parent)
        .field("events", result.event_count)
        .field("already_present", result.already_present_count)
        .field("skipped", result.skipped_count)
        .field("forced", result.forced_count);
    if (result.first_position) writer.field("first_position", result.first_position->value);
    if (result.last_position) writer.field("last_position", result.last_position->value);
    if (result.recorded_at) writer.field("timestamp", result.recorded_at->to_string());
    writer.raw_field("conflicts", conflicts + "]").field("conflict_count", result.conflict_count).end();
    return out;
}

}  // namespace chronos::wire
