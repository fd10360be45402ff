#include "mcp/tools/fork_rows.h"

#include "mcp/tools/answer.h"
#include "mcp/tools/shown.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kEventsOfASideMax = 3;

Json side(const std::vector<Event>& events, Shown& shown) {
    Json rows = Json::array();
    for (const Event& event : events) {
        if (rows.size() == kEventsOfASideMax) break;
        Json row;
        row["position"] = event.position.value;
        row["event_type"] = shown.text(event.event_type);
        row["occurred_at"] = event.occurred_at.to_string();
        row["payload"] = shown.json(event.payload);
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace

Json fork_json(const ForkInfo& fork) {
    Json out;
    out["fork"] = fork.id;
    out["status"] = fork_status_name(fork.status);
    out["parent"] = fork.parent;
    out["fork_position"] = fork.fork_position ? Json(fork.fork_position->value) : Json(nullptr);
    out["own_events"] = fork.own_event_count;
    out["created_at"] = fork.created_at.to_string();
    out["expires_at"] = fork.expires_at.to_string();
    if (fork.ended_at) out["ended_at"] = fork.ended_at->to_string();
    out["uri"] = "chronos://fork/" + fork.id;
    return out;
}

Json merge_json(const MergeResult& result) {
    Json out;
    out["events"] = result.event_count;
    out["already_present"] = result.already_present_count;
    out["skipped"] = result.skipped_count;
    out["forced"] = result.forced_count;
    out["conflicts"] = result.conflict_count;
    if (result.first_position) out["first_position"] = result.first_position->value;
    if (result.last_position) out["last_position"] = result.last_position->value;
    if (result.recorded_at) out["recorded_at"] = result.recorded_at->to_string();
    return out;
}

Json conflicts_json(const MergeResult& result, std::size_t count_max) {
    Shown shown({.string_bytes = 200, .element_count = 20});
    Json rows = Json::array();
    for (const MergeConflict& conflict : result.conflicts) {
        if (rows.size() == count_max) break;
        Json row;
        row["kind"] = merge_conflict_kind_name(conflict.kind);
        row["entity_id"] = shown.text(conflict.entity_id);
        row["message"] = shown.text(conflict.message);
        row["fork_version"] = conflict.fork_version.value;
        row["parent_version"] = conflict.parent_version.value;
        row["base_version"] = conflict.base_version.value;
        row["fork_events"] = side(conflict.fork_events, shown);
        row["parent_events"] = side(conflict.parent_events, shown);
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace chronos::mcp
