#include "mcp/tools/searched.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/nearest_entities.h"
#include "mcp/json_rpc.h"
#include "mcp/tools/event_rows.h"
#include "mcp/tools/shown.h"
#include "mcp/tools/type_sample.h"
#include "wire/similar_words.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kNearestMax = 5;
constexpr std::size_t kMeantMax = 20;  // For all names that were asked for.
constexpr std::size_t kKindsMax = 50;
constexpr std::uint32_t kLookedAtMax = 1'000;

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

void add_new(Json& all, const Json& more) {
    for (const Json& one : more) {
        if (all.size() < kMeantMax && std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
    }
}

/// What the last events have.
struct Names {
    std::set<std::string> actors, tags, fields;
};

/// Of these types, or if none of them is there of all.
Result<Names> names_of(const client::EndpointView& view, const std::vector<std::string>& event_types) {
    ReadOptions last{.order = Order::kBackward, .limit = kLookedAtMax};
    last.filter.event_types = event_types;
    client::EventPage page;
    RETURN_IF_ERROR(view.read(last, page));
    if (page.events().empty() && !event_types.empty()) return names_of(view, {});
    Names names;
    TypeSample sample;
    for (const EventView& event : page.events()) {
        sample.add(event);
        const std::string actor = text_member(event.metadata, "actor");
        if (!actor.empty()) names.actors.insert(actor);
        if (event.tag_count == 0) continue;
        for (const std::string_view tag : event.tags()) names.tags.emplace(tag);
    }
    for (const auto& [pointer, field] : sample.fields) {
        names.fields.insert(pointer);
        // What is inside of an object stands for the object too.
        for (std::size_t end = pointer.rfind('/'); end != 0 && end != std::string::npos;
             end = pointer.rfind('/', end - 1))
            names.fields.insert(pointer.substr(0, end));
    }
    return names;
}

/// Those that are spelled nearly so, else some of those that there are.
std::vector<std::string> near_or_some(std::string_view wanted, const std::set<std::string>& there) {
    const std::vector<std::string> all(there.begin(), there.end());
    std::vector<std::string> near = wire::similar_words(wanted, all, kNearestMax);
    if (near.empty())
        near.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(kNearestMax, all.size())));
    return near;
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

Result<bool> has_entity_like(const client::EndpointView& view, const std::string& prefix) {
    ASSIGN_OR_RETURN(const auto ids, view.entities(prefix, "", 1));
    return !ids.empty();
}

Result<std::vector<std::string>> entity_kinds(const client::EndpointView& view, std::size_t count_max) {
    constexpr std::string_view kBehindAll = "\U0010FFFF";
    std::vector<std::string> kinds;
    std::string after;
    while (kinds.size() < count_max) {
        ASSIGN_OR_RETURN(const auto next, view.entities("", after, 1));
        if (next.empty()) break;
        const std::size_t end = next.front().find_first_of(":/-_");
        kinds.push_back(end == std::string::npos ? next.front() : next.front().substr(0, end + 1));
        after = kinds.back() + std::string(kBehindAll);
    }
    return kinds;
}

Result<Json> similar_fields(const client::EndpointView& view, const std::vector<std::string>& event_types,
                            const std::string& pointer) {
    ASSIGN_OR_RETURN(const Names names, names_of(view, event_types));
    return names.fields.contains(pointer) ? Json::array() : shown_names(near_or_some(pointer, names.fields));
}

Result<Json> similar_types(const client::EndpointView& view, const std::vector<std::string>& event_types) {
    ASSIGN_OR_RETURN(const Stats stats, view.stats());
    Json out = Json::array();
    for (const std::string& type : event_types) {
        if (!has_type(stats, type)) add_new(out, shown_names(similar_types(stats, type)));
    }
    return out;
}

Result<Json> did_you_mean(const client::EndpointView& view, const Filter& filter) {
    Json out = Json::object();
    const auto add = [&out](const char* name, const Json& meant) {
        if (meant.empty()) return;
        Json& all = out[name];
        if (all.is_null()) all = Json::array();
        add_new(all, meant);
    };
    std::vector<std::string> types = filter.event_types;
    if (!filter.event_type_prefix.empty()) types.push_back(filter.event_type_prefix);
    ASSIGN_OR_RETURN(const Json meant_types, similar_types(view, types));
    add("event_type", meant_types);
    for (const std::string& id : filter.entity_ids) {
        ASSIGN_OR_RETURN(const bool is_there, has_entity(view, id));
        if (is_there) continue;
        ASSIGN_OR_RETURN(const Json similar, similar_entities(view, id));
        add("entity_id", similar);
    }
    if (!filter.entity_id_prefix.empty()) {
        ASSIGN_OR_RETURN(const bool is_there, has_entity_like(view, filter.entity_id_prefix));
        if (!is_there) {
            ASSIGN_OR_RETURN(const Json similar, similar_entities(view, filter.entity_id_prefix));
            add("entity_id", similar);
            ASSIGN_OR_RETURN(const auto kinds, entity_kinds(view, kKindsMax));
            add("entity_id_prefix", shown_names(near_or_some(filter.entity_id_prefix, {kinds.begin(), kinds.end()})));
        }
    }
    if (!filter.actor && filter.tags.empty() && filter.fields.empty()) return out;
    ASSIGN_OR_RETURN(const Names names, names_of(view, filter.event_types));
    if (filter.actor) {
        ASSIGN_OR_RETURN(const std::uint64_t count, view.count({.actor = filter.actor}));
        if (count == 0) add("actor", shown_names(near_or_some(*filter.actor, names.actors)));
    }
    for (const std::string& tag : filter.tags) {
        ASSIGN_OR_RETURN(const std::uint64_t count, view.count({.tags = {tag}}));
        if (count == 0) add("tag", shown_names(near_or_some(tag, names.tags)));
    }
    for (const FieldTest& test : filter.fields) {
        if (!names.fields.contains(test.pointer)) add("where", shown_names(near_or_some(test.pointer, names.fields)));
    }
    return out;
}

}  // namespace chronos::mcp
