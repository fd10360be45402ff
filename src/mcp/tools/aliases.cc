#include "mcp/tools/aliases.h"

#include <array>
#include <span>

#include "chronos/types.h"
#include "io/posix/posix_environment.h"

namespace chronos::mcp {
namespace {

/// A member under a new name, if it is there.
void move_member(const Json& from, std::string_view name, Json& to, std::string_view new_name) {
    const auto member = from.find(name);
    if (member != from.end() && !member->is_null()) to[new_name] = *member;
}

void copy_members(const Json& from, std::initializer_list<std::string_view> names, Json& to) {
    for (const std::string_view name : names) move_member(from, name, to, name);
}

std::pair<std::string, Json> state(const Json& old) {
    Json now = Json::object();
    copy_members(old, {"entity_id", "as_of"}, now);
    return {"get_state", std::move(now)};
}

std::pair<std::string, Json> history(const Json& old) {
    Json now = Json::object();
    copy_members(old, {"entity_id", "as_of"}, now);
    return {"get_history", std::move(now)};
}

/// A time range of an entity's events; without one its history says more.
std::pair<std::string, Json> timeline(const Json& old) {
    if (!old.contains("since") && !old.contains("until")) return history(old);
    Json now = Json::object();
    copy_members(old, {"entity_id", "since", "until"}, now);
    return {"query_events", std::move(now)};
}

std::pair<std::string, Json> changes(const Json& old) {
    Json now = Json::object();
    copy_members(old, {"entity_id"}, now);
    now["from"] = Json::object();
    move_member(old, "from_time", now["from"], "as_of");
    if (old.contains("to_time") && !old["to_time"].is_null()) now["to"] = {{"as_of", old["to_time"]}};
    return {"compare", std::move(now)};
}

std::pair<std::string, Json> patterns(const Json& old) {
    Json now = Json::object();
    copy_members(old, {"entity_id", "event_type", "since"}, now);
    const auto kind = old.find("pattern_type");
    if (kind != old.end() && *kind == "sequence") {
        now["op"] = "sequence";
    } else {
        now["op"] = "count";
        now["by"] = kind != old.end() && *kind == "anomaly" ? "day" : "type";
    }
    return {"aggregate", std::move(now)};
}

std::pair<std::string, Json> entities(const Json& old) {
    Json now = Json::object();
    move_member(old, "entity_ids", now, "entity_id");
    const auto frame = old.find("timeframe");
    if (frame != old.end() && frame->is_object()) copy_members(*frame, {"since", "until"}, now);
    return {"query_events", std::move(now)};
}

/// It wrote to main, whatever was there, and did not know a repetition from a second event.
std::pair<std::string, Json> ingest(const Json& old) {
    Uuid key;
    io::posix_environment().random.fill(key.bytes);
    Json event = Json::object();
    copy_members(old, {"entity_id", "event_type", "payload", "metadata"}, event);
    event["expected_version"] = "any";
    Json now = Json::object();
    now["branch"] = "main";
    now["idempotency_key"] = "ingest_event-" + key.to_string();
    now["events"] = Json::array({std::move(event)});
    return {"append_events", std::move(now)};
}

std::pair<std::string, Json> stats(const Json& /*old*/) { return {"overview", Json::object()}; }

}  // namespace

std::vector<std::pair<std::string, std::function<std::pair<std::string, Json>(const Json&)>>> old_names() {
    // query_events, the eleventh, is still called so and takes the same arguments.
    return {{"reconstruct_state", state},   {"get_snapshot", state},      {"event_timeline", timeline},
            {"explain_entity", history},    {"analyze_changes", changes}, {"find_patterns", patterns},
            {"compare_entities", entities}, {"ingest_event", ingest},     {"get_stats", stats},
            {"get_cluster_status", stats}};
}

}  // namespace chronos::mcp
