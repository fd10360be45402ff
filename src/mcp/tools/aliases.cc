#include "mcp/tools/aliases.h"

#include <string_view>
#include <utility>

#include "chronos/types.h"
#include "io/posix/posix_environment.h"

namespace chronos::mcp {
namespace {

/// What was given. Whatever a translation does not know goes on as it is: the tool of today takes it, or says that it
/// does not.
Json given(const Json& old) {
    Json now = Json::object();
    if (!old.is_object()) return now;
    for (const auto& [name, value] : old.items()) {
        if (!value.is_null()) now[name] = value;
    }
    return now;
}

/// Takes a member out; null if it is not there.
Json taken(Json& from, std::string_view name) {
    const auto member = from.find(name);
    if (member == from.end()) return nullptr;
    Json value = std::move(*member);
    from.erase(member);
    return value;
}

std::pair<std::string, Json> state(const Json& old) { return {"get_state", given(old)}; }

std::pair<std::string, Json> history(const Json& old) { return {"get_history", given(old)}; }

/// A time range of an entity's events; without one its history says more.
std::pair<std::string, Json> timeline(const Json& old) {
    Json now = given(old);
    const bool has_range = now.contains("since") || now.contains("until");
    return {has_range ? "query_events" : "get_history", std::move(now)};
}

/// Without a beginning: from when nothing was recorded yet.
std::pair<std::string, Json> changes(const Json& old) {
    Json now = given(old);
    const Json from = taken(now, "from_time");
    const Json to = taken(now, "to_time");
    now["from"] = from.is_null() ? Json({{"known_at", "1970-01-01"}}) : Json({{"as_of", from}});
    if (!to.is_null()) now["to"] = {{"as_of", to}};
    return {"compare", std::move(now)};
}

std::pair<std::string, Json> patterns(const Json& old) {
    Json now = given(old);
    const Json kind = taken(now, "pattern_type");
    now["op"] = kind == "sequence" ? "sequence" : "count";
    if (kind != "sequence") now["by"] = kind == "anomaly" ? "day" : "type";
    return {"aggregate", std::move(now)};
}

/// Its timeframe is the time from which on events are wanted.
std::pair<std::string, Json> entities(const Json& old) {
    Json now = given(old);
    const Json ids = taken(now, "entity_ids");
    if (!ids.is_null()) now["entity_id"] = ids;
    const auto frame = now.find("timeframe");
    if (frame != now.end() && frame->is_string() && !now.contains("since")) now["since"] = taken(now, "timeframe");
    return {"query_events", std::move(now)};
}

/// It wrote to main, whatever was there, and did not know a repetition from a second event.
std::pair<std::string, Json> ingest(const Json& old) {
    Json now = given(old);
    Json event = Json::object();
    for (const std::string_view name :
         {"entity_id", "event_type", "payload", "metadata", "tags", "occurred_at", "id", "expected_version"}) {
        if (Json value = taken(now, name); !value.is_null()) event[name] = std::move(value);
    }
    if (!event.contains("expected_version")) event["expected_version"] = "any";
    if (!now.contains("branch")) now["branch"] = "main";
    if (!now.contains("idempotency_key")) {
        Uuid key;
        io::posix_environment().random.fill(key.bytes);
        now["idempotency_key"] = "ingest_event-" + key.to_string();
    }
    now["events"] = Json::array({std::move(event)});
    return {"append_events", std::move(now)};
}

std::pair<std::string, Json> stats(const Json& old) { return {"overview", given(old)}; }

}  // namespace

std::vector<std::pair<std::string, std::function<std::pair<std::string, Json>(const Json&)>>> old_names() {
    // query_events, the eleventh, is still called so and takes the same arguments.
    return {{"reconstruct_state", state},   {"get_snapshot", state},      {"event_timeline", timeline},
            {"explain_entity", history},    {"analyze_changes", changes}, {"find_patterns", patterns},
            {"compare_entities", entities}, {"ingest_event", ingest},     {"get_stats", stats},
            {"get_cluster_status", stats}};
}

}  // namespace chronos::mcp
