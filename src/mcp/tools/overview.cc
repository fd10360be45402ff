// The tool overview: what is in the store, for whoever begins.
#include <algorithm>
#include <array>

#include "base/result.h"
#include "client/endpoint.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/request.h"
#include "mcp/tools/schema.h"
#include "mcp/tools/searched.h"
#include "mcp/tools/shown.h"
#include "mcp/tools/tool_list.h"
#include "mcp/tools/type_sample.h"

namespace chronos::mcp {
namespace {

constexpr std::uint32_t kSampleSize = 20;
constexpr std::size_t kFieldsShownMax = 20;
constexpr std::size_t kKindsMax = 20;
constexpr std::uint32_t kKindCountMax = 1'000;
constexpr std::size_t kForksMax = 20;

struct Request {
    ViewOptions view;
    std::vector<std::string> event_types;
    std::size_t bytes_max = 0;
};

Result<Request> take_request(const Json& arguments) {
    Request request;
    ASSIGN_OR_RETURN(wire::Parameters parameters, parameters_of(arguments));
    ASSIGN_OR_RETURN(request.view, take_view(parameters));
    ASSIGN_OR_RETURN(const Filter filter, take_filter(parameters));
    request.event_types = filter.event_types;
    ASSIGN_OR_RETURN(request.bytes_max, take_budget(parameters));
    RETURN_IF_ERROR(parameters.check_all_taken());
    return request;
}

Result<Json> type_row(const client::EndpointView& view, const EventTypeCount& type, Shown& shown) {
    Json row;
    row["event_type"] = shown.text(type.event_type);
    row["count"] = type.count;
    row["first_recorded_at"] = type.first_recorded_at.to_string();
    row["last_recorded_at"] = type.last_recorded_at.to_string();
    ASSIGN_OR_RETURN(const TypeSample sample, sample_type(view, type.event_type, kSampleSize));
    row["fields"] = fields_json(sample, kFieldsShownMax);
    return row;
}

/// Puts the beginnings that entity ids have in common, as many as fit.
Status put_entity_kinds(Json& answer, const client::EndpointView& view, std::size_t bytes_max) {
    Shown shown({.string_bytes = 120});
    Rows kinds(bytes_max);
    ASSIGN_OR_RETURN(const auto prefixes, entity_kinds(view, kKindsMax + 1));
    for (const std::string& prefix : prefixes) {
        if (kinds.size() == kKindsMax) break;
        ASSIGN_OR_RETURN(const auto members, view.entities(prefix, "", kKindCountMax));
        Json kind;
        kind["prefix"] = shown.text(prefix);
        kind["entities"] = members.size();
        if (members.size() == kKindCountMax) kind["or_more"] = true;
        if (!members.empty()) kind["example"] = shown.text(members.front());
        if (!kinds.add(std::move(kind))) break;
    }
    const bool are_all = kinds.size() == prefixes.size();
    if (!are_all) mark_incomplete(answer, "for more kinds of entities: raise max_tokens, or find_entities");
    answer["untrusted"]["entity_kinds"] = kinds.take();
    return {};
}

Result<Json> fork_rows(const client::Endpoint& endpoint, std::size_t bytes_max, std::size_t& count) {
    ASSIGN_OR_RETURN(const auto forks, endpoint.forks());
    count = forks.size();
    Shown shown({.string_bytes = 128});
    Rows rows(bytes_max);
    for (const ForkInfo& fork : forks) {
        Json row;
        row["id"] = fork.id;
        if (!fork.name.empty()) row["name"] = shown.text(fork.name);
        row["parent"] = fork.parent;
        row["own_events"] = fork.own_event_count;
        row["expires_at"] = fork.expires_at.to_string();
        if (!fork.creator.empty()) row["creator"] = shown.text(fork.creator);
        if (rows.size() == kForksMax || !rows.add(std::move(row))) break;
    }
    return rows.take();
}

void put_freshness(Json& answer, const Stats& stats) {
    if (stats.first_recorded_at) answer["first_recorded_at"] = stats.first_recorded_at->to_string();
    if (!stats.last_recorded_at) return;
    answer["last_recorded_at"] = stats.last_recorded_at->to_string();
    answer["last_event_age"] = duration_json(span_ns(*stats.last_recorded_at, now()))["text"];
}

Result<ToolAnswer> overview(const Json& arguments, CallContext& context) {
    ASSIGN_OR_RETURN(const Request request, take_request(arguments));
    ASSIGN_OR_RETURN(const auto view, context.endpoint.view(request.view));
    ASSIGN_OR_RETURN(const Stats stats, view->stats());
    Json answer;
    answer["complete"] = true;
    answer["events"] = stats.event_count;
    answer["entities"] = stats.entity_count;
    answer["event_types"] = stats.event_types.size();
    put_freshness(answer, stats);
    std::size_t fork_count = 0;
    ASSIGN_OR_RETURN(Json forks, fork_rows(context.endpoint, request.bytes_max / 5, fork_count));
    answer["live_forks"] = fork_count;
    answer["now"] = now().to_string();
    answer["view"] = view_json(view->info());
    answer["untrusted"] = Json::object();
    if (!forks.empty()) answer["untrusted"]["forks"] = std::move(forks);
    RETURN_IF_ERROR(put_entity_kinds(answer, *view, request.bytes_max / 5));
    Shown shown({.string_bytes = 160});
    Rows rows(bytes_left(answer, request.bytes_max));
    std::size_t wanted = 0;
    bool fits = true;
    for (const EventTypeCount& type : stats.event_types) {
        const bool is_wanted = request.event_types.empty() ||
                               std::find(request.event_types.begin(), request.event_types.end(), type.event_type) !=
                                   request.event_types.end();
        if (!is_wanted) continue;
        ++wanted;
        if (!fits) continue;
        RETURN_IF_ERROR(check_not_cancelled(context));
        ASSIGN_OR_RETURN(Json row, type_row(*view, type, shown));
        fits = rows.add(std::move(row));
    }
    if (rows.size() < wanted) {
        answer["types_left_out"] = wanted - rows.size();
        mark_incomplete(answer, "name an event_type, or raise max_tokens; the most frequent types come first");
    }
    const std::size_t forks_shown = answer["untrusted"].value("forks", Json::array()).size();
    if (forks_shown < fork_count) {
        answer["forks_left_out"] = fork_count - forks_shown;
        mark_incomplete(answer, "for more forks: raise max_tokens, or resources/list, which has all live ones");
    }
    answer["untrusted"]["event_types"] = rows.take();
    ASSIGN_OR_RETURN(Json similar, similar_types(*view, request.event_types));
    if (!similar.empty()) {
        answer["absence"] = "the view has no event of some of the types that were named";
        answer["untrusted"]["did_you_mean"]["event_type"] = std::move(similar);
    }
    ToolAnswer out = answered(std::move(answer));
    out.links.emplace_back("event types", "chronos://event-types");
    return out;
}

}  // namespace

Tool overview_tool() {
    Tool tool;
    tool.name = "overview";
    tool.title = "Overview";
    tool.description = "Call first: sizes, times, event types with fields, entity kinds, forks.";
    tool.input_schema = input_schema(R"({"event_type":{"type":["string","array"]}})", {Shared::kView, Shared::kBudget});
    tool.output_schema = output_schema(
        R"({"complete":{"type":"boolean"},"events":{"type":"integer"},"entities":{"type":"integer"},
            "event_types":{"type":"integer"},"last_event_age":{"type":"string"},"live_forks":{"type":"integer"},
            "view":{"type":"object"},"untrusted":{"type":"object"}})",
        {"complete", "events", "entities", "view", "untrusted"});
    tool.is_idempotent = true;
    tool.run = answering(FallibleRun(overview));
    return tool;
}

}  // namespace chronos::mcp
