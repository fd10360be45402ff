// The tool advise: which tool and filters answer a question about this store, what that costs, and what to look out
// for.
#include <algorithm>
#include <utility>

#include "base/result.h"
#include "client/endpoint.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/call_plan.h"
#include "mcp/tools/guidance.h"
#include "mcp/tools/pitfalls.h"
#include "mcp/tools/request.h"
#include "mcp/tools/schema.h"
#include "mcp/tools/tool_list.h"

namespace chronos::mcp {
namespace {

constexpr std::uint32_t kSampleSize = 200;
constexpr std::size_t kGuidanceMax = 3;

struct Request {
    std::string question;
    ViewOptions view;
    std::size_t bytes_max = 0;
};

Result<Request> take_request(const Json& arguments) {
    Request request;
    ASSIGN_OR_RETURN(wire::Parameters parameters, parameters_of(arguments));
    ASSIGN_OR_RETURN(request.question, take_required(parameters, "question"));
    ASSIGN_OR_RETURN(request.view, take_view(parameters));
    ASSIGN_OR_RETURN(request.bytes_max, take_budget(parameters));
    RETURN_IF_ERROR(parameters.check_all_taken());
    return request;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

Json sizes_json(const Stats& stats, const TypeSample& sample) {
    Json out;
    out["events"] = stats.event_count;
    out["entities"] = stats.entity_count;
    out["event_types"] = stats.event_types.size();
    if (stats.entity_count > 0) out["events_per_entity"] = stats.event_count / stats.entity_count;
    if (sample.event_count > 0) out["tokens_per_event"] = tokens_per_event(sample);
    if (stats.last_recorded_at) out["last_event_age"] = duration_json(span_ns(*stats.last_recorded_at, now()))["text"];
    return out;
}

/// What holds for every store goes first, then pitfalls and what they name, then all steps but the first.
void leave_out_what_has_no_room(Json& answer, std::size_t bytes_max) {
    if (json_size(answer) <= bytes_max) return;
    mark_incomplete(answer, "for all advice: raise max_tokens, or ask a narrower question");
    const auto drop_last_of = [&](Json& list, std::size_t least) {
        if (list.size() <= least) return false;
        list.erase(std::prev(list.end()));
        return true;
    };
    Json& stored = answer["untrusted"];
    while (json_size(answer) > bytes_max) {
        if (drop_last_of(answer["guidance"], 0)) continue;
        if (drop_last_of(answer["pitfalls"], 1)) continue;
        const auto named = std::find_if(stored.items().begin(), stored.items().end(),
                                        [](const auto& member) { return member.key() != "calls"; });
        if (named != stored.items().end()) {
            stored.erase(std::string(named.key()));
            continue;
        }
        if (!drop_last_of(answer["steps"], 1)) return;
        drop_last_of(stored["calls"], 1);
    }
}

Result<ToolAnswer> advise(const Json& arguments, CallContext& context) {
    ASSIGN_OR_RETURN(const Request request, take_request(arguments));
    ASSIGN_OR_RETURN(const auto view, context.endpoint.view(request.view));
    ASSIGN_OR_RETURN(const Stats stats, view->stats());
    ASSIGN_OR_RETURN(const TypeSample sample, sample_type(*view, "", kSampleSize));
    const std::string question = lower(request.question);
    ASSIGN_OR_RETURN(
        CallPlan plan,
        plan_calls(*view,
                   {.question = request.question, .lower_question = question, .stats = stats, .sample = sample}));
    ASSIGN_OR_RETURN(Pitfalls pitfalls, find_pitfalls(context.endpoint, *view, stats, sample));
    Json answer;
    answer["complete"] = true;
    answer["steps"] = std::move(plan.steps);
    answer["pitfalls"] = std::move(plan.notes);
    for (Json& sentence : pitfalls.sentences) answer["pitfalls"].push_back(std::move(sentence));
    answer["guidance"] = guidance_for(question, kGuidanceMax);
    answer["store"] = sizes_json(stats, sample);
    answer["view"] = view_json(view->info());
    answer["untrusted"]["calls"] = std::move(plan.calls);
    if (!plan.event_types.empty()) answer["untrusted"]["matching_event_types"] = std::move(plan.event_types);
    if (!plan.entities.empty()) answer["untrusted"]["matching_entities"] = std::move(plan.entities);
    for (auto& [name, value] : pitfalls.names.items()) answer["untrusted"][name] = std::move(value);
    leave_out_what_has_no_room(answer, request.bytes_max);
    return answered(std::move(answer));
}

}  // namespace

Tool advise_tool() {
    Tool tool;
    tool.name = "advise";
    tool.title = "Advise";
    tool.description =
        "Which calls answer a question here, their cost, pitfalls; how to model, name and protect events.";
    tool.input_schema = input_schema(R"({"question":{"type":"string"}})", {Shared::kBudget}, {"question"});
    tool.output_schema = output_schema(
        R"({"complete":{"type":"boolean"},"steps":{"type":"array"},"pitfalls":{"type":"array"},
            "guidance":{"type":"array"},"store":{"type":"object"},"untrusted":{"type":"object"}})",
        {"steps", "pitfalls", "guidance", "untrusted"});
    tool.is_idempotent = true;
    tool.run = answering(FallibleRun(advise));
    return tool;
}

}  // namespace chronos::mcp
