// The tool compare: what differs between two views of the store, each a time, a position or a fork.
#include <algorithm>
#include <utility>

#include "base/result.h"
#include "client/endpoint.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/request.h"
#include "mcp/tools/schema.h"
#include "mcp/tools/searched.h"
#include "mcp/tools/shown.h"
#include "mcp/tools/tool_list.h"
#include "wire/read_request.h"

namespace chronos::mcp {
namespace {

constexpr std::uint64_t kLimitDefault = 20;
constexpr std::uint64_t kLimitMax = 1'000;
constexpr std::uint32_t kEventsOfASide = 5;

struct Request {
    ViewOptions from, to;
    bool has_from = false;
    ChangesOptions changes;
    std::size_t bytes_max = 0;
};

struct Sides {
    const client::EndpointView& from;
    const client::EndpointView& to;
};

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

Result<ViewOptions> take_side(const Json& arguments, std::string_view name) {
    const auto side = arguments.find(name);
    if (side == arguments.end()) return ViewOptions();
    if (!side->is_object()) return wrong(std::string(name) + " is an object with as_of, known_at, at or fork");
    ASSIGN_OR_RETURN(wire::Parameters parameters, parameters_of(*side));
    Result<ViewOptions> view = take_view(parameters);
    if (!view.ok()) return base::with_context(std::move(view).error(), name);
    if (Status rest = parameters.check_all_taken(); !rest.ok())
        return base::with_context(std::move(rest).error(), name);
    return view;
}

bool is_main_now(const ViewOptions& view) { return view.branch == "main" && !view.at && !view.known_at && !view.as_of; }

Result<Request> take_request(const Json& arguments) {
    Request request;
    if (!arguments.is_object()) return wrong("the arguments are a JSON object");
    Json simple = arguments;
    simple.erase("from");
    simple.erase("to");
    ASSIGN_OR_RETURN(request.from, take_side(arguments, "from"));
    ASSIGN_OR_RETURN(request.to, take_side(arguments, "to"));
    request.has_from = arguments.contains("from");
    ASSIGN_OR_RETURN(wire::Parameters parameters, parameters_of(simple));
    request.changes.entity_ids = parameters.take_all("entity_id");
    ASSIGN_OR_RETURN(request.changes.entity_id_prefix, parameters.take_text("entity_id_prefix"));
    ASSIGN_OR_RETURN(const StateOptions fold, wire::take_fold(parameters, Fold::kMergePatch));
    request.changes.fold = fold.fold;
    request.changes.order = fold.order;
    ASSIGN_OR_RETURN(const std::string after, parameters.take_text("after"));
    ASSIGN_OR_RETURN(request.changes.after, entity_at(after));
    ASSIGN_OR_RETURN(const auto limit, parameters.take_number("limit"));
    if (limit && (*limit == 0 || *limit > kLimitMax)) return wrong("limit is 1 to 1000; go on with the cursor");
    request.changes.limit = static_cast<std::uint32_t>(limit.value_or(kLimitDefault));
    request.changes.events_max = kEventsOfASide;
    ASSIGN_OR_RETURN(request.bytes_max, take_budget(parameters));
    RETURN_IF_ERROR(parameters.check_all_taken());
    const bool is_fork_alone = !request.has_from && request.to.branch != "main";
    const bool is_nothing = is_main_now(request.from) && is_main_now(request.to);
    if (is_nothing || (!request.has_from && !is_fork_alone))
        return wrong("say what to compare with: from is {\"as_of\"}, {\"known_at\"}, {\"at\"} or {\"fork\"}");
    return request;
}

/// What a fork changed is seen beside its parent as it was where the fork begins.
Result<ViewOptions> beginning_of(const client::Endpoint& endpoint, const std::string& branch) {
    ASSIGN_OR_RETURN(const ForkInfo fork, endpoint.fork(branch));
    ViewOptions view{.branch = fork.parent, .at = fork.fork_position};
    // The parent was empty, and no position says that; nothing was recorded in 1970.
    if (!fork.fork_position) view.known_at = Timestamp{0};
    return view;
}

Json event_rows(const std::vector<ChangeEvent>& events, Shown& shown) {
    Json rows = Json::array();
    for (const ChangeEvent& event : events) {
        Json row;
        row["event_type"] = shown.text(event.event_type);
        row["version"] = event.version.value;
        row["position"] = event.position.value;
        row["occurred_at"] = event.occurred_at.to_string();
        if (!event.actor.empty()) row["actor"] = shown.text(event.actor);
        rows.push_back(std::move(row));
    }
    return rows;
}

const ChangeEvent* event_of(const EntityChange& change, const std::optional<Uuid>& id) {
    const auto found = std::find_if(change.added.begin(), change.added.end(),
                                    [&id](const ChangeEvent& event) { return id && event.id == *id; });
    return found == change.added.end() ? nullptr : &*found;
}

Json field_row(const EntityChange& change, const FieldDifference& field, Shown& shown) {
    Json row;
    row["field"] = shown.text(field.pointer);
    if (field.before) row["from"] = shown.json(*field.before);
    if (field.after) row["to"] = shown.json(*field.after);
    if (const ChangeEvent* event = event_of(change, field.event_id)) {
        row["set_by"] = shown.text(event->event_type);
        row["version"] = event->version.value;
    }
    return row;
}

/// The row, and how many of its fields did not fit into `bytes_max`.
std::pair<Json, std::size_t> entity_row(const EntityChange& change, std::uint64_t late_events, std::size_t bytes_max,
                                        Shown& shown) {
    Json row;
    row["entity_id"] = shown.text(change.entity_id);
    row["existed"] = change.existed;
    row["exists"] = change.exists;
    row["version_from"] = change.version_before.value;
    row["version_to"] = change.version_after.value;
    row["fields"] = Json::array();
    if (late_events > 0) row["late_events"] = late_events;
    row["added_count"] = change.added_count;
    if (!change.added.empty()) row["added"] = event_rows(change.added, shown);
    if (change.removed_count > 0) {
        row["removed_count"] = change.removed_count;
        row["removed"] = event_rows(change.removed, shown);
    }
    const std::size_t used = json_size(row) + std::string_view(",\"fields_left_out\":99999").size();
    Rows fields(bytes_max > used ? bytes_max - used : 0);
    for (const FieldDifference& field : change.fields) {
        if (!fields.add(field_row(change, field, shown))) break;
    }
    const std::size_t left_out = change.fields.size() - fields.size();
    row["fields"] = fields.take();
    if (left_out > 0) row["fields_left_out"] = left_out;
    return {std::move(row), left_out};
}

/// Of the entity's events in either view, whichever has more: the orders of the fold may differ.
Result<std::uint64_t> late_events_of(const EntityChange& change, const Sides& sides, const ChangesOptions& asked) {
    const StateOptions options{.fold = asked.fold, .order = asked.order};
    std::uint64_t late = 0;
    for (const auto& [is_there, view] : {std::pair(change.existed, &sides.from), std::pair(change.exists, &sides.to)}) {
        // One event alone is not late.
        if (!is_there || std::max(change.version_before.value, change.version_after.value) < 2) continue;
        ASSIGN_OR_RETURN(const State state, view->state(change.entity_id, options));
        late = std::max(late, state.late_events);
    }
    return late;
}

/// Entities as long as they fit; of the first one as many fields as do. Answers how many entities were given.
Result<std::size_t> put_entities(Json& answer, const Changes& changes, const Sides& sides, const ChangesOptions& asked,
                                 std::size_t bytes_max) {
    Shown shown({.string_bytes = std::clamp<std::size_t>(bytes_max / 20, 60, 1'000), .element_count = 50});
    const std::size_t left = bytes_left(answer, bytes_max);
    Json rows = Json::array();
    std::size_t used = 0;
    std::size_t fields_left_out = 0;
    std::uint64_t late_count = 0;
    for (const EntityChange& change : changes.entities) {
        ASSIGN_OR_RETURN(const std::uint64_t late, late_events_of(change, sides, asked));
        auto [row, left_out] = entity_row(change, late, left - std::min(left, used), shown);
        const std::size_t size = json_size(row) + 1;
        const bool fits = left_out == 0 && used + size <= left;
        // One that does not fit comes first on the next page.
        if (!rows.empty() && !fits) break;
        used += size;
        late_count += late;
        rows.push_back(std::move(row));
        fields_left_out += left_out;
        if (!fits) break;
    }
    if (fields_left_out > 0) {
        answer["fields_left_out"] = fields_left_out;
        mark_incomplete(answer, "for all fields of an entity: raise max_tokens, or get_state with fields on each side");
    }
    if (shown.cut_count() > 0) {
        answer["values_cut"] = shown.cut_count();
        mark_incomplete(answer, "long values were cut: raise max_tokens, or get_state with fields on each side");
    }
    if (late_count > 0) {
        answer["late_events"] = late_count;
        if (asked.order == FoldOrder::kStream)
            answer["note"] = "fold_order=occurred counts late events where they belong";
    }
    const std::size_t given = rows.size();
    answer["untrusted"]["entities"] = std::move(rows);
    return given;
}

/// A side as the view was resolved, so that it is the same on the next page.
Json side_json(const ViewOptions& asked, const ViewInfo& info) {
    Json side = Json::object();
    if (info.branch != "main") side["fork"] = info.branch;
    pin_view(side, info);
    // An empty view has no position to be pinned by.
    if (!info.at && asked.known_at) side["known_at"] = asked.known_at->to_string();
    return side;
}

/// Ids like those that were named and are in neither view.
Status explain_unknown(Json& answer, const client::EndpointView& from, const client::EndpointView& to,
                       const ChangesOptions& asked) {
    constexpr std::size_t kLookedAtMax = 20;
    Filter unknown;
    for (const std::string& id : asked.entity_ids) {
        ASSIGN_OR_RETURN(const bool was_there, has_entity(from, id));
        if (was_there) continue;
        ASSIGN_OR_RETURN(const bool is_there, has_entity(to, id));
        if (!is_there) unknown.entity_ids.push_back(id);
        if (unknown.entity_ids.size() == kLookedAtMax) break;
    }
    if (!asked.entity_id_prefix.empty()) {
        ASSIGN_OR_RETURN(const auto were_there, from.entities(asked.entity_id_prefix, "", 1));
        if (were_there.empty()) unknown.entity_id_prefix = asked.entity_id_prefix;
    }
    ASSIGN_OR_RETURN(Json meant, did_you_mean(to, unknown));
    if (meant.empty()) return {};
    answer["absence"] = "an entity that was named is in neither view: nothing of it was compared";
    answer["untrusted"]["did_you_mean"] = std::move(meant);
    return {};
}

Result<ToolAnswer> compare(const Json& arguments, CallContext& context) {
    ASSIGN_OR_RETURN(Request request, take_request(arguments));
    if (!request.has_from && request.to.branch != "main") {
        ASSIGN_OR_RETURN(request.from, beginning_of(context.endpoint, request.to.branch));
    }
    ASSIGN_OR_RETURN(const auto from, context.endpoint.view(request.from));
    ASSIGN_OR_RETURN(const auto to, context.endpoint.view(request.to));
    ASSIGN_OR_RETURN(const Changes changes, to->changes(*from, request.changes));
    Json answer = begun_answer();
    answer["differs"] = changes.added_count + changes.removed_count > 0;
    answer["entities"] = changes.entity_count;
    answer["events_added"] = changes.added_count;
    answer["events_removed"] = changes.removed_count;
    answer["from"] = view_json(from->info());
    answer["to"] = view_json(to->info());
    answer["fold_order"] = request.changes.order == FoldOrder::kOccurred ? "occurred" : "stream";
    if (changes.entities.empty()) {
        ASSIGN_OR_RETURN(answer["searched"], searched(*to, arguments));
    }
    const Json sides = {{"from", side_json(request.from, from->info())}, {"to", side_json(request.to, to->info())}};
    ASSIGN_OR_RETURN(const std::size_t given,
                     put_entities(answer, changes, {.from = *from, .to = *to}, request.changes,
                                  request.bytes_max - std::min(request.bytes_max, json_size(sides))));
    if (given > 0 && (given < changes.entities.size() || changes.has_more)) {
        answer["complete"] = false;
        answer["cursor"] = {{"after", place_of(changes.entities[given - 1].entity_id)}};
        answer["cursor"].update(sides);
    }
    if (request.changes.after.empty()) RETURN_IF_ERROR(explain_unknown(answer, *from, *to, request.changes));
    return answered(std::move(answer));
}

}  // namespace

Tool compare_tool() {
    Tool tool;
    tool.name = "compare";
    tool.title = "Compare";
    tool.description =
        "Differences between two views: entities, fields, events. Each side as_of, known_at, at or fork; without `to`: "
        "main now; only to {fork}: what it changed.";
    tool.input_schema = input_schema(
        R"({"from":{"type":"object"},"to":{"type":"object"},"entity_id":{"type":["string","array"]},
            "entity_id_prefix":{"type":"string"},"fold_order":{"enum":["stream","occurred"]},"limit":{"type":"integer"},"after":{"type":"string"}})",
        {Shared::kBudget});
    tool.output_schema = output_schema(
        R"({"complete":{"type":"boolean"},"cursor":{"type":["object","null"]},"differs":{"type":"boolean"},
            "entities":{"type":"integer"},"events_added":{"type":"integer"},"events_removed":{"type":"integer"},
            "from":{"type":"object"},"to":{"type":"object"},"untrusted":{"type":"object"}})",
        {"complete", "differs", "from", "to"});
    tool.is_idempotent = true;
    tool.run = answering(FallibleRun(compare));
    return tool;
}

}  // namespace chronos::mcp
