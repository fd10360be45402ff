#include "mcp/tools/searched.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/nearest_entities.h"
#include "mcp/json_rpc.h"
#include "mcp/tools/shown.h"
#include "wire/similar_words.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kNearestMax = 5;
constexpr std::size_t kMeantMax = 20;  // For all names that were asked for.

Json shown_names(const std::vector<std::string>& names) {
    Shown shown({.string_bytes = 200});
    Json out = Json::array();
    for (const std::string& name : names) out.push_back(shown.text(name));
    return out;
}

/// Types that are spelled nearly so, or have a part in common: "paid" finds "order.paid".
std::vector<std::string> similar_types(const Stats& stats, std::string_view wanted) {
    std::vector<std::string> all;
    for (const EventTypeCount& type : stats.event_types) all.push_back(type.event_type);
    std::vector<std::string> near = wire::similar_words(wanted, all, kNearestMax);
    const std::size_t dot = wanted.find_last_of(".:_-");
    const std::string_view last = dot == std::string_view::npos ? wanted : wanted.substr(dot + 1);
    for (const std::string& type : all) {
        if (near.size() >= kNearestMax) break;
        const bool shares = last.size() >= 3 && type.find(last) != std::string::npos;
        if (shares && std::find(near.begin(), near.end(), type) == near.end()) near.push_back(type);
    }
    for (std::size_t i = 0; near.empty() && i < std::min(kNearestMax, all.size()); ++i) near.push_back(all[i]);
    return near;
}

bool has_type(const Stats& stats, std::string_view type) {
    return std::any_of(stats.event_types.begin(), stats.event_types.end(),
                       [type](const EventTypeCount& known) { return known.event_type == type; });
}

}  // namespace

Result<Json> searched(const client::EndpointView& view, const Json& arguments) {
    constexpr std::array<std::string_view, 6> kNoFilters{"max_tokens", "limit", "format",
                                                         "fields",     "order", "wait_seconds"};
    ASSIGN_OR_RETURN(const Stats stats, view.stats());
    Json out;
    out["events"] = stats.event_count;
    out["entities"] = stats.entity_count;
    if (stats.first_recorded_at) out["first_recorded_at"] = stats.first_recorded_at->to_string();
    if (stats.last_recorded_at) out["last_recorded_at"] = stats.last_recorded_at->to_string();
    out["filters"] = Json::object();
    Shown shown({.string_bytes = 200, .element_count = 20});
    for (const auto& [name, value] : arguments.items()) {
        if (std::find(kNoFilters.begin(), kNoFilters.end(), name) == kNoFilters.end())
            out["filters"][shown.text(name)] = shown.json(text_of(value));
    }
    return out;
}

Result<bool> has_entity(const client::EndpointView& view, const std::string& entity_id) {
    ASSIGN_OR_RETURN(const auto ids, view.entities(entity_id, "", 1));
    return !ids.empty() && ids.front() == entity_id;
}

Result<Json> similar_entities(const client::EndpointView& view, std::string_view entity_id) {
    ASSIGN_OR_RETURN(const auto names, client::nearest_entities(view, entity_id, kNearestMax));
    return shown_names(names);
}

Result<Json> did_you_mean(const client::EndpointView& view, const Filter& filter) {
    Json out = Json::object();
    ASSIGN_OR_RETURN(const Stats stats, view.stats());
    std::vector<std::string> types = filter.event_types;
    if (!filter.event_type_prefix.empty()) types.push_back(filter.event_type_prefix);
    const auto add = [&out](const char* name, const Json& meant) {
        Json& all = out[name];
        if (all.is_null()) all = Json::array();
        for (const Json& one : meant) {
            if (all.size() < kMeantMax && std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
        }
    };
    for (const std::string& type : types) {
        if (!has_type(stats, type)) add("event_type", shown_names(similar_types(stats, type)));
    }
    for (const std::string& id : filter.entity_ids) {
        ASSIGN_OR_RETURN(const bool is_there, has_entity(view, id));
        if (is_there) continue;
        ASSIGN_OR_RETURN(const Json similar, similar_entities(view, id));
        add("entity_id", similar);
    }
    if (filter.entity_id_prefix.empty()) return out;
    ASSIGN_OR_RETURN(const auto there, view.entities(filter.entity_id_prefix, "", 1));
    if (!there.empty()) return out;
    ASSIGN_OR_RETURN(const Json similar, similar_entities(view, filter.entity_id_prefix));
    add("entity_id", similar);
    return out;
}

}  // namespace chronos::mcp
