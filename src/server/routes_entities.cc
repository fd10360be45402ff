// What entities are and were: lists, states, histories, changes.
#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "json/writer.h"
#include "server/api/parameters.h"
#include "server/http/problem.h"
#include "server/reading.h"
#include "server/route_groups.h"
#include "server/services.h"
#include "wire/changes_json.h"
#include "wire/nearest_ids.h"
#include "wire/parameters.h"
#include "wire/read_request.h"
#include "wire/state_json.h"
#include "wire/view_json.h"

namespace chronos::server {
namespace {

using access::Scope;
using wire::Parameters;

constexpr std::uint32_t kHistoryMax = 1'000;
constexpr std::uint32_t kEntitiesMax = 1'000;
/// Of the events in one answer.
constexpr std::size_t kHistoryBytesMax = std::size_t{8} << 20;
/// Of an entity whose history is shown.
constexpr std::uint64_t kHistoryEventsMax = 100'000;
/// Events looked at for one page of entities.
constexpr std::uint64_t kExaminedMax = 200'000;

struct EntityRequest {
    Timestamp now;  ///< What relative times count from.
    ViewOptions view;
    StateOptions fold;
    bool is_bare = false;  ///< The current state of main, merged: its ETag is the version.
};

Result<EntityRequest> take_entity_request(Parameters& parameters, const Call& call) {
    EntityRequest request{.now = call.services.now()};
    ASSIGN_OR_RETURN(request.view, wire::take_view(parameters, request.now));
    ASSIGN_OR_RETURN(request.fold, wire::take_fold(parameters, call.services.default_fold));
    request.is_bare = request.view.branch == "main" && !request.view.at && !request.view.known_at &&
                      !request.view.as_of && request.fold.fold == Fold::kMergePatch &&
                      request.fold.order == FoldOrder::kStream;
    return request;
}

/// Ids spelled nearly so, as a JSON list; empty: there are none.
Result<std::string> near_ids(const View& view, const std::string& id) {
    constexpr std::size_t kNearMax = 5;
    const auto list = [&view](std::string_view prefix, std::uint32_t limit) {
        return view.entities(prefix, "", limit);
    };
    ASSIGN_OR_RETURN(const std::vector<std::string> ids, wire::nearest_ids(list, id, kNearMax));
    std::string out;
    for (const std::string& near : ids) {
        out += out.empty() ? '[' : ',';
        json::append_string(out, near);
    }
    return out.empty() ? out : out + "]";
}

Result<Response> entity_not_found(const State& state, const View& view) {
    const std::string detail =
        state.first_event_at
            ? "there is no event of this entity in the view yet; its first is of " + state.first_event_at->to_string()
            : std::string(
                  "no event of this entity was ever recorded here; /api/v1/entities lists "
                  "what there is");
    Response response = problem(404, "entity-not-found", detail);
    response.body.pop_back();
    std::string more;
    json::ObjectWriter writer(more);
    writer.field("entity_id", state.entity_id).field("exists_later", state.first_event_at.has_value());
    if (state.first_event_at) {
        writer.field("first_event_at", state.first_event_at->to_string());
    } else {
        ASSIGN_OR_RETURN(const std::string near, near_ids(view, state.entity_id));
        if (!near.empty()) writer.raw_field("did_you_mean", R"({"entity_id":)" + near + "}");
    }
    writer.raw_field("view", wire::view_as_json(view.info())).end();
    response.body += "," + more.substr(1);
    return response;
}

/// The last events that count, oldest first, as AllSource's clients read them: two members more of an object.
Status add_history(std::string& object, const View& view, const State& state) {
    Page page;
    RETURN_IF_ERROR(view.read_entity(
        state.entity_id, {.order = Order::kBackward, .limit = kHistoryMax, .bytes_max = kHistoryBytesMax}, page));
    // What is around a payload, and the payloads: grown once.
    constexpr std::size_t kAroundBytes = 192;
    std::size_t bytes = object.size() + 512;
    for (const EventView& event : page.events()) bytes += kAroundBytes + event.event_type.size() + event.payload.size();
    object.reserve(bytes);
    object.pop_back();
    object += ",\"history\":[";
    for (auto event = page.events().rbegin(); event != page.events().rend(); ++event) {
        if (event != page.events().rbegin()) object += ',';
        json::ObjectWriter(object)
            .field("event_id", event->id.to_string())
            .field("type", event->event_type)
            .field("timestamp", event->recorded_at.to_string())
            .raw_field("payload", event->payload_is_unvalidated ? std::string_view("null") : event->payload)
            .end();
    }
    const bool is_truncated = state.event_count > page.events().size();
    object += "],\"history_truncated\":";
    object += is_truncated ? "true}" : "false}";
    return {};
}

Result<Response> show_state(Call& call, Parameters parameters) {
    ASSIGN_OR_RETURN(EntityRequest request, take_entity_request(parameters, call));
    ASSIGN_OR_RETURN(const bool with_history, parameters.take_flag("history", true));
    ASSIGN_OR_RETURN(request.fold.with_origins, parameters.take_flag("origins", false));
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const View view, call.store.view(request.view));
    ASSIGN_OR_RETURN(const State state, view.state(call.id, request.fold));
    if (!state.exists) return entity_not_found(state, view);
    Response response;
    const std::string view_json = wire::view_as_json(view.info());
    response.body = wire::state_as_json(state, request.fold.fold, view_json);
    response.body.pop_back();
    std::string more;
    json::ObjectWriter writer(more);
    writer.raw_field("current_state", state.json);
    if (state.last_recorded_at) writer.field("last_updated", state.last_recorded_at->to_string());
    if (view.info().as_of)
        writer.field("as_of", view.info().as_of->to_string());
    else
        writer.raw_field("as_of", "null");
    writer.end();
    more.front() = ',';
    response.body += more;
    if (with_history) RETURN_IF_ERROR(add_history(response.body, view, state));
    const std::string version = "v" + std::to_string(state.version.value);
    // The fold that was meant when none was asked for is one of the server's settings, which may change.
    const std::string depends_on =
        call.request.query + "\n" + std::string(fold_name(request.fold.fold)) + "\n" + view_json;
    set_etag(response, call.request, request.is_bare ? "\"" + version + "\"" : pinned_etag(version, depends_on));
    describe_view(response, call.request, view.info());
    return response;
}

Result<Response> show_snapshot(Call& call, Parameters parameters) {
    ASSIGN_OR_RETURN(const EntityRequest request, take_entity_request(parameters, call));
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const View view, call.store.view(request.view));
    ASSIGN_OR_RETURN(const State state, view.state(call.id, request.fold));
    if (!state.exists) return entity_not_found(state, view);
    Response response;
    json::ObjectWriter(response.body)
        .field("entity_id", state.entity_id)
        .raw_field("snapshot", state.json)
        .field("from_projection", "entity_snapshots")
        .field("version", state.version.value)
        .field("event_count", state.event_count)
        .raw_field("view", wire::view_as_json(view.info()))
        .end();
    describe_view(response, call.request, view.info());
    return response;
}

/// All that stands before a part of a history is folded for it.
Status check_history_size(const View& view, const std::string& id) {
    Page last;
    RETURN_IF_ERROR(view.read_entity(id, {.order = Order::kBackward, .limit = 1}, last));
    if (last.events().empty() || last.events().front().version.value <= kHistoryEventsMax) return {};
    return base::fail(ErrorCode::kLimitExceeded,
                      "the entity has more than 100,000 events, too many for a history with changes; read them with "
                      "/api/v1/events/query?entity_id=, or an earlier history with at or known_at");
}

Result<Response> show_history(Call& call, Parameters parameters) {
    ASSIGN_OR_RETURN(const EntityRequest request, take_entity_request(parameters, call));
    ASSIGN_OR_RETURN(const std::uint32_t limit, wire::take_limit(parameters, kHistoryMax, 10'000));
    ASSIGN_OR_RETURN(const auto after_version, parameters.take_number("after_version"));
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const View view, call.store.view(request.view));
    RETURN_IF_ERROR(check_history_size(view, call.id));
    HistoryPart part{.limit = limit, .bytes_max = kHistoryBytesMax};
    if (after_version && *after_version > 0) part.after = Version{*after_version};
    ASSIGN_OR_RETURN(const HistoryPage page, view.history_page(call.id, request.fold, part));
    if (page.event_count == 0) {
        ASSIGN_OR_RETURN(const State state, view.state(call.id, request.fold));
        return entity_not_found(state, view);
    }
    Response response;
    std::string& body = response.body;
    body = "{\"history\":[";
    for (const HistoryEntry& entry : page.entries) {
        if (body.back() != '[') body += ',';
        body += wire::history_entry_as_json(entry);
    }
    body += "],";
    std::string more;
    json::ObjectWriter writer(more);
    writer.field("entity_id", call.id)
        .field("count", page.entries.size())
        .field("event_count", page.event_count)
        .field("has_more", page.has_more);
    if (page.has_more) writer.field("next_after_version", page.entries.back().event.version.value);
    writer.field("fold", fold_name(request.fold.fold)).raw_field("view", wire::view_as_json(view.info())).end();
    body += std::string_view(more).substr(1);
    // In the view of this page: an event that comes late would move what is in order of occurrence.
    if (page.has_more && view.info().at)
        add_next_link(response, call.request, {"after_version", "at"},
                      "at=" + std::to_string(view.info().at->value) +
                          "&after_version=" + std::to_string(page.entries.back().event.version.value),
                      request.now);
    describe_view(response, call.request, view.info());
    return response;
}

/// The view to compare with: the same names with "from_" in front.
Result<ViewOptions> take_earlier_view(Parameters& parameters, const ViewOptions& later, Timestamp now) {
    ViewOptions view;
    ASSIGN_OR_RETURN(const std::string fork, parameters.take_text("from_fork"));
    view.branch = fork.empty() ? later.branch : fork;
    ASSIGN_OR_RETURN(view.at, wire::take_position(parameters, "from_at"));
    ASSIGN_OR_RETURN(view.known_at, wire::take_time(parameters, "from_known_at", now));
    ASSIGN_OR_RETURN(view.as_of, wire::take_time(parameters, "from_as_of", now));
    if (fork.empty() && !view.at && !view.known_at && !view.as_of)
        return base::fail(ErrorCode::kInvalidArgument,
                          "say what to compare with: from_at (a position), from_known_at, from_as_of (times) or "
                          "from_fork");
    return view;
}

Result<Response> show_changes(Call& call, Parameters parameters, const std::string& entity_id) {
    ASSIGN_OR_RETURN(const EntityRequest request, take_entity_request(parameters, call));
    ASSIGN_OR_RETURN(const ViewOptions earlier, take_earlier_view(parameters, request.view, request.now));
    ChangesOptions options{.fold = request.fold.fold, .order = request.fold.order};
    if (entity_id.empty()) {
        options.entity_ids = parameters.take_all("entity_id");
        ASSIGN_OR_RETURN(options.entity_id_prefix, parameters.take_text("entity_id_prefix"));
        ASSIGN_OR_RETURN(options.after, parameters.take_text("after"));
    } else {
        options.entity_ids = {entity_id};
    }
    ASSIGN_OR_RETURN(options.limit, wire::take_limit(parameters, 100, 1'000));
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const View before, call.store.view(earlier));
    ASSIGN_OR_RETURN(const View after, call.store.view(request.view));
    ASSIGN_OR_RETURN(const Changes changes, after.changes(before, options));
    Response response;
    response.body = wire::changes_as_json(changes);
    ViewInfo both = changes.after;
    both.settled = both.settled && changes.before.settled;
    describe_view(response, call.request, both);
    return response;
}

struct ListedEntity {
    std::string id;
    std::uint64_t event_count = 0;
    std::string last_event_type;
    std::string last_event_at;
};

struct EntityPage {
    std::vector<ListedEntity> entities;
    std::string next_after;
    bool has_more = false;
    std::optional<std::uint64_t> total;  ///< Where all were counted.
};

Result<std::optional<ListedEntity>> describe(const View& view, const std::string& id) {
    Page page;
    RETURN_IF_ERROR(view.read_entity(id, {.order = Order::kBackward, .limit = 1}, page));
    if (page.events().empty()) return std::optional<ListedEntity>();
    const EventView& last = page.events().front();
    return std::optional(ListedEntity{.id = id,
                                      .event_count = last.version.value,
                                      .last_event_type = std::string(last.event_type),
                                      .last_event_at = last.recorded_at.to_string()});
}

Result<EntityPage> entities_by_id(const View& view, const std::string& prefix, const std::string& after,
                                  std::uint32_t limit) {
    EntityPage found;
    ASSIGN_OR_RETURN(std::vector<std::string> ids, view.entities(prefix, after, limit + 1));
    found.has_more = ids.size() > limit;
    if (found.has_more) ids.resize(limit);
    for (const std::string& id : ids) {
        ASSIGN_OR_RETURN(auto entity, describe(view, id));
        if (entity) found.entities.push_back(std::move(*entity));
    }
    if (found.has_more) found.next_after = ids.back();
    return found;
}

/// Newest first: an entity stands where its last event does.
Result<EntityPage> entities_by_age(const View& view, const std::string& prefix, std::optional<Position> after,
                                   std::uint32_t limit, std::uint64_t offset) {
    EntityPage found;
    ReadOptions read{.order = Order::kBackward, .after = after, .limit = 1'000};
    read.filter.entity_id_prefix = prefix;
    Page page;
    std::set<std::string, std::less<>> seen;
    std::uint64_t examined = 0;
    std::uint64_t passed = 0;
    do {
        RETURN_IF_ERROR(view.read(read, page));
        examined += page.events().size();
        for (const EventView& event : page.events()) {
            if (event.entity_id.empty() || !seen.emplace(event.entity_id).second) continue;
            ASSIGN_OR_RETURN(auto entity, describe(view, std::string(event.entity_id)));
            if (!entity || entity->event_count != event.version.value || passed++ < offset) continue;
            if (found.entities.size() == limit) {
                found.has_more = true;
                return found;
            }
            found.next_after = std::to_string(event.position.value);
            found.entities.push_back(std::move(*entity));
        }
        read.cursor = page.next_cursor();
        read.after.reset();
    } while (page.has_more() && examined < kExaminedMax);
    found.has_more = page.has_more();
    if (found.has_more && !page.events().empty())
        found.next_after = std::to_string(page.events().back().position.value);
    return found;
}

/// Entities with events of such types, those with the newest of them first. All of those are looked at, so that they
/// can be counted.
Result<EntityPage> entities_by_type(const View& view, const Filter& filter, std::uint32_t limit, std::uint64_t offset) {
    EntityPage found;
    ReadOptions read{.filter = filter, .order = Order::kBackward, .limit = 1'000};
    Page page;
    std::set<std::string, std::less<>> seen;
    std::uint64_t examined = 0;
    do {
        RETURN_IF_ERROR(view.read(read, page));
        examined += page.events().size();
        for (const EventView& event : page.events()) {
            if (event.entity_id.empty() || !seen.emplace(event.entity_id).second) continue;
            if (seen.size() <= offset || found.entities.size() == limit) continue;
            ASSIGN_OR_RETURN(auto entity, describe(view, std::string(event.entity_id)));
            if (entity) found.entities.push_back(std::move(*entity));
        }
        read.cursor = page.next_cursor();
    } while (page.has_more() && examined < kExaminedMax);
    if (page.has_more())
        return base::fail(ErrorCode::kLimitExceeded,
                          "more than 200,000 events are of such types; name a longer event_type_prefix, or list "
                          "entities without it");
    found.total = seen.size();
    found.has_more = seen.size() > offset + found.entities.size() && found.entities.size() == limit;
    return found;
}

Result<Response> list_entities(Call& call, const char* list_name) {
    ASSIGN_OR_RETURN(Parameters parameters, Parameters::from_query(call.request.query));
    ASSIGN_OR_RETURN(const ViewOptions options, wire::take_view(parameters, call.services.now()));
    ASSIGN_OR_RETURN(std::string prefix, parameters.take_text("prefix"));
    ASSIGN_OR_RETURN(const std::string long_prefix, parameters.take_text("entity_id_prefix"));
    if (prefix.empty()) prefix = long_prefix;
    ASSIGN_OR_RETURN(const std::string type_prefix, parameters.take_text("event_type_prefix"));
    // "desc" is what clients of AllSource say.
    ASSIGN_OR_RETURN(const std::string order, parameters.take_word("order", {"newest", "desc", "id"}));
    ASSIGN_OR_RETURN(const std::uint32_t limit, wire::take_limit(parameters, kEntitiesMax, kEntitiesMax));
    ASSIGN_OR_RETURN(const auto offset, parameters.take_number("offset"));
    ASSIGN_OR_RETURN(const std::string after_id, parameters.take_text("after_id"));
    ASSIGN_OR_RETURN(const auto after, wire::take_position(parameters, "after"));
    if (order == "id" ? after.has_value() || offset.value_or(0) != 0 : !after_id.empty())
        return base::fail(ErrorCode::kInvalidArgument,
                          "after and offset go with order=newest, after_id goes with order=id");
    if (!type_prefix.empty() && (order == "id" || after))
        return base::fail(ErrorCode::kInvalidArgument, "event_type_prefix goes with order=newest and offset");
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const View view, call.store.view(options));
    ASSIGN_OR_RETURN(const Stats stats, view.stats());
    Filter filter;
    filter.entity_id_prefix = prefix;
    filter.event_type_prefix = type_prefix;
    Result<EntityPage> page = order == "id"         ? entities_by_id(view, prefix, after_id, limit)
                              : type_prefix.empty() ? entities_by_age(view, prefix, after, limit, offset.value_or(0))
                                                    : entities_by_type(view, filter, limit, offset.value_or(0));
    if (!page.ok()) return std::move(page).error();
    std::string list = "[";
    for (const ListedEntity& entity : page->entities) {
        if (list.size() > 1) list += ',';
        json::ObjectWriter(list)
            .field("entity_id", entity.id)
            .field("stream_id", entity.id)
            .field("event_count", entity.event_count)
            .field("last_event_type", entity.last_event_type)
            .field("last_event_at", entity.last_event_at)
            .end();
    }
    Response response;
    json::ObjectWriter writer(response.body);
    writer.raw_field(list_name, list + "]").field("count", page->entities.size());
    // With a prefix nobody has counted them.
    if (page->total)
        writer.field("total", *page->total);
    else if (prefix.empty())
        writer.field("total", stats.entity_count);
    writer.field("has_more", page->has_more);
    if (page->has_more && !page->next_after.empty())
        writer.field(order == "id" ? "next_after_id" : "next_after", page->next_after);
    writer.raw_field("view", wire::view_as_json(view.info())).end();
    describe_view(response, call.request, view.info());
    return response;
}

Result<Response> do_verb(Call& call, const std::string& verb, Parameters parameters) {
    if (call.id.empty()) return base::fail(ErrorCode::kInvalidArgument, "the entity's id is missing");
    if (verb == "state") return show_state(call, std::move(parameters));
    if (verb == "snapshot") return show_snapshot(call, std::move(parameters));
    if (verb == "history") return show_history(call, std::move(parameters));
    return show_changes(call, std::move(parameters), call.id);
}

/// The id as a parameter, for ids that paths are no place for.
Result<Response> by_parameter(Call& call) {
    ASSIGN_OR_RETURN(Parameters parameters, Parameters::from_query(call.request.query));
    ASSIGN_OR_RETURN(call.id, parameters.take_text("id"));
    ASSIGN_OR_RETURN(const std::string verb, parameters.take_word("do", {"state", "snapshot", "history", "changes"}));
    return do_verb(call, verb, std::move(parameters));
}

Result<Response> by_path(Call& call, const char* verb) {
    ASSIGN_OR_RETURN(Parameters parameters, Parameters::from_query(call.request.query));
    return do_verb(call, verb, std::move(parameters));
}

}  // namespace

void add_entity_routes(Routes& routes) {
    using Names = std::vector<std::string_view>;
    const auto add = [&routes](const char* pattern, const char* summary, Names parameters, std::string_view schema,
                               Handler handler) {
        routes.add({.method = "GET",
                    .pattern = pattern,
                    .action = "read",
                    .resource = "entities",
                    .scope = Scope::kRead,
                    .summary = summary,
                    .parameters = std::move(parameters),
                    .request_headers = {"If-None-Match"},
                    .answers = {{200, schema}, {304}},
                    .problems = {404, 410},
                    .worker = std::move(handler)});
    };
    const Names listing = {"prefix", "entity_id_prefix", "event_type_prefix", "order", "limit", "offset",
                           "after",  "after_id"};
    add("/api/v1/entities", "Entities, those with the newest events first", view_parameters(listing), "Entities",
        [](Call& call) { return answered(list_entities(call, "entities")); });
    add("/api/v1/streams", "The same entities as of /api/v1/entities, called streams", view_parameters(listing),
        "Streams", [](Call& call) { return answered(list_entities(call, "streams")); });
    const Names earlier = {"from_fork", "from_at", "from_known_at", "from_as_of", "limit", "fold", "fold_order"};
    Names by_id = {"id", "do", "history", "origins", "after_version"};
    by_id.insert(by_id.end(), earlier.begin(), earlier.end());
    add("/api/v1/entity", "State, snapshot, history or changes of the entity id, by do", view_parameters(by_id),
        "EntityAnswer", [](Call& call) { return answered(by_parameter(call)); });
    // Most states are one look-up, and the answer is faster than a way to another thread.
    routes.add({.method = "GET",
                .pattern = "/api/v1/entities/{id*}/state",
                .action = "read",
                .resource = "entities",
                .scope = Scope::kRead,
                .summary = "What the entity's events add up to",
                .parameters = view_parameters({"fold", "fold_order", "history", "origins"}),
                .request_headers = {"If-None-Match"},
                .answers = {{200, "State"}, {304}},
                .problems = {404, 410},
                .here = [](Call& call) { return answered(by_path(call, "state")); }});
    add("/api/v1/entities/{id*}/snapshot", "The state alone", view_parameters({"fold", "fold_order"}), "Snapshot",
        [](Call& call) { return answered(by_path(call, "snapshot")); });
    add("/api/v1/entities/{id*}/history", "Each event with the fields it changed",
        view_parameters({"fold", "fold_order", "limit", "after_version"}), "History",
        [](Call& call) { return answered(by_path(call, "history")); });
    add("/api/v1/entities/{id*}/changes", "What changed since the view that from_ parameters name",
        view_parameters(earlier), "Changes", [](Call& call) { return answered(by_path(call, "changes")); });
    Names of_all = earlier;
    for (const std::string_view name : {"entity_id", "entity_id_prefix", "after"}) of_all.push_back(name);
    add("/api/v1/changes", "What changed between two views, entity by entity", view_parameters(of_all), "Changes",
        [](Call& call) {
            Result<Parameters> parameters = Parameters::from_query(call.request.query);
            if (!parameters.ok()) return problem_of(parameters.error());
            return answered(show_changes(call, std::move(*parameters), ""));
        });
}

}  // namespace chronos::server
