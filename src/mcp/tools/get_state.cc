// The tool get_state: what an entity is, was, or was known to be.
#include <algorithm>

#include "base/result.h"
#include "client/endpoint.h"
#include "mcp/json_rpc.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/entity_absence.h"
#include "mcp/tools/refold.h"
#include "mcp/tools/request.h"
#include "mcp/tools/schema.h"
#include "mcp/tools/shown.h"
#include "mcp/tools/tool_list.h"
#include "mcp/tools/view_end.h"
#include "wire/read_request.h"

namespace chronos::mcp {
namespace {

constexpr std::string_view kHowToSeeMore = "name the fields that matter in `fields`, or raise max_tokens";

struct Request {
    std::string entity_id;
    ViewOptions view;
    StateOptions fold;
    std::vector<std::string> fields;
    std::size_t bytes_max = 0;
};

Result<Request> take_request(const Json& arguments) {
    Request request;
    ASSIGN_OR_RETURN(wire::Parameters parameters, parameters_of(arguments));
    ASSIGN_OR_RETURN(request.entity_id, take_required(parameters, "entity_id"));
    ASSIGN_OR_RETURN(request.view, take_view(parameters));
    ASSIGN_OR_RETURN(request.fold, wire::take_fold(parameters, Fold::kMergePatch));
    ASSIGN_OR_RETURN(request.fold.with_origins, parameters.take_flag("origins", false));
    ASSIGN_OR_RETURN(request.fields, take_pointers(parameters, "fields"));
    ASSIGN_OR_RETURN(request.bytes_max, take_budget(parameters));
    RETURN_IF_ERROR(parameters.check_all_taken());
    return request;
}

Json origin_row(const FieldOrigin& origin, Shown& shown) {
    Json row;
    row["field"] = shown.text(origin.pointer);
    row["value"] = shown.json(origin.value);
    row["event_type"] = shown.text(origin.event_type);
    row["version"] = origin.version.value;
    row["position"] = origin.position.value;
    row["occurred_at"] = origin.occurred_at.to_string();
    if (!origin.actor.empty()) row["actor"] = shown.text(origin.actor);
    return row;
}

/// The state, with less and less of its long values until it fits; then as many fields as do.
void put_state(Json& answer, const Request& request, const State& state) {
    const std::size_t left = bytes_left(answer, request.bytes_max);
    std::string text;
    std::uint64_t cut_count = 0;
    for (const std::size_t string_bytes : {std::size_t{4'000}, std::size_t{400}, std::size_t{80}}) {
        Shown shown({.string_bytes = string_bytes,
                     .element_count = string_bytes / 4,
                     .value_bytes = std::max<std::size_t>(left, 1)});
        text.clear();
        if (request.fields.empty())
            shown.append_json(text, state.json);
        else
            append_text(text, shown.fields(state.json, request.fields));
        cut_count = shown.cut_count();
        if (text.size() <= left) break;
    }
    const bool is_whole = request.fields.empty() && text.size() <= left;
    Json shown_state = is_whole ? raw_json(text) : Json::parse(text);
    for (const std::string& field : request.fields) {
        if (!shown_state.contains(field)) answer["fields_not_there"].push_back(shown_word(field));
    }
    std::size_t left_out = 0;
    while (json_size(shown_state) > left && shown_state.size() > 1) {
        // Halves, so that a wide state does not cost a look at all of it for each member.
        const std::size_t drop = std::max<std::size_t>(shown_state.size() / 2, 1);
        for (std::size_t i = 0; i < drop; ++i) shown_state.erase(std::prev(shown_state.end()));
        left_out += drop;
    }
    if (cut_count > 0 || left_out > 0) {
        answer["left_out"] = {{"values_cut", cut_count}, {"members", left_out}};
        mark_incomplete(answer, kHowToSeeMore);
    }
    answer["untrusted"]["state"] = std::move(shown_state);
}

void put_origins(Json& answer, const Request& request, const State& state) {
    Shown shown({.string_bytes = 200, .element_count = 20});
    Rows rows(bytes_left(answer, request.bytes_max));
    std::size_t left_out = 0;
    for (const FieldOrigin& origin : state.origins) {
        const bool is_wanted = request.fields.empty() ||
                               std::any_of(request.fields.begin(), request.fields.end(),
                                           [&](const std::string& field) { return is_inside(origin.pointer, field); });
        if (is_wanted && (left_out > 0 || !rows.add(origin_row(origin, shown)))) ++left_out;
    }
    if (left_out > 0) answer["origins_left_out"] = left_out;
    if (left_out > 0 || shown.cut_count() > 0) mark_incomplete(answer, kHowToSeeMore);
    answer["untrusted"]["origins"] = rows.take();
}

/// Since when the state is as it is: since the last event occurred, or where that one came late, since it was recorded.
Status put_unchanged(Json& answer, const client::EndpointView& view, const Request& request, const State& state) {
    if (!state.last_occurred_at) return {};
    Timestamp since = *state.last_occurred_at;
    if (state.late_events > 0 && request.fold.order == FoldOrder::kStream) {
        client::EventPage page;
        RETURN_IF_ERROR(view.read_entity(request.entity_id, {.order = Order::kBackward, .limit = 1}, page));
        const bool is_late = !page.events().empty() && page.events().front().occurred_at < since;
        if (is_late) {
            since = page.events().front().recorded_at;
            answer["unchanged_since"] = "recorded";
        }
    }
    ASSIGN_OR_RETURN(const Timestamp until, end_of(view, request.view, since));
    // By an end that is a time of occurrence it cannot be said how long something is recorded.
    if (answer.contains("unchanged_since") && until < since) {
        answer.erase("unchanged_since");
        return {};
    }
    // What is dated later than now has not begun to last.
    answer["unchanged_for"] = duration_json(std::max<std::int64_t>(span_ns(since, until), 0));
    return {};
}

Result<ToolAnswer> get_state(const Json& arguments, CallContext& context) {
    ASSIGN_OR_RETURN(const Request request, take_request(arguments));
    ASSIGN_OR_RETURN(const auto view, context.endpoint.view(request.view));
    ASSIGN_OR_RETURN(const State state, view->state(request.entity_id, request.fold));
    if (!state.exists) return entity_absent(context.endpoint, *view, request.view.branch, state);
    Json answer;
    answer["complete"] = true;
    answer["exists"] = true;
    answer["entity_id"] = request.entity_id;
    answer["version"] = state.version.value;
    answer["events_counted"] = state.event_count;
    if (state.current_version != state.version) answer["current_version"] = state.current_version.value;
    if (state.last_occurred_at) answer["last_occurred_at"] = state.last_occurred_at->to_string();
    if (state.last_recorded_at) answer["last_recorded_at"] = state.last_recorded_at->to_string();
    RETURN_IF_ERROR(put_unchanged(answer, *view, request, state));
    answer["fold_order"] = request.fold.order == FoldOrder::kOccurred ? "occurred" : "stream";
    if (state.late_events > 0) {
        answer["late_events"] = state.late_events;
        if (request.fold.order == FoldOrder::kStream)
            answer["note"] =
                "events were appended after others that occurred later; fold_order=occurred counts them in the order "
                "in which they happened";
    }
    answer["fold"] = fold_name(request.fold.fold);
    const std::string uri = entity_uri(request.entity_id, request.view, view->info());
    answer["uri"] = uri;
    answer["view"] = view_json(view->info());
    put_state(answer, request, state);
    if (request.fold.with_origins) put_origins(answer, request, state);
    ToolAnswer out = answered(std::move(answer));
    out.links.emplace_back("history", uri);
    return out;
}

}  // namespace

Tool get_state_tool() {
    Tool tool;
    tool.name = "get_state";
    tool.title = "Get state";
    tool.description =
        "What an entity is, was (as_of), or was known to be (known_at). `origins`: which event set each field.";
    tool.input_schema =
        input_schema(R"({"entity_id":{"type":"string"},"fields":{"type":"array"},"origins":{"type":"boolean"},
                         "fold_order":{"enum":["stream","occurred"]}})",
                     {Shared::kView, Shared::kBudget}, {"entity_id"});
    tool.output_schema = output_schema(
        R"({"complete":{"type":"boolean"},"exists":{"type":"boolean"},"entity_id":{"type":"string"},
            "version":{"type":"integer"},"events_counted":{"type":"integer"},"unchanged_for":{"type":"object"},
            "view":{"type":"object"},"untrusted":{"type":"object","properties":{"state":{"type":"object"}}}})",
        {"complete", "exists", "entity_id", "view"});
    tool.is_idempotent = true;
    tool.run = answering(FallibleRun(get_state));
    tool.entity_of = [](const Json& arguments) {
        return lone_entity(arguments, {"fields", "origins", "fold_order", "max_tokens"});
    };
    return tool;
}

}  // namespace chronos::mcp
