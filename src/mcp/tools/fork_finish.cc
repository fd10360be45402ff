// The tool fork_finish: merge a fork into its parent, or throw it away. Both ask for confirmation first.
#include <algorithm>
#include <utility>

#include "base/result.h"
#include "client/endpoint.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/fork_rows.h"
#include "mcp/tools/request.h"
#include "mcp/tools/schema.h"
#include "mcp/tools/tool_list.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kConflictsMax = 10;

struct Request {
    std::string fork;
    bool is_merge = false;
    MergeOptions merge;
};

Result<Request> take_request(const Json& arguments, const CallContext& context) {
    Request request;
    ASSIGN_OR_RETURN(wire::Parameters parameters, parameters_of(arguments));
    ASSIGN_OR_RETURN(request.fork, take_required(parameters, "fork"));
    ASSIGN_OR_RETURN(const std::string action, take_required(parameters, "action"));
    if (action != "merge" && action != "discard")
        return base::fail(ErrorCode::kInvalidArgument, "action is merge or discard");
    request.is_merge = action == "merge";
    for (const std::string& id : parameters.take_all("skip"))
        request.merge.entities.push_back({.entity_id = id, .resolution = MergeResolution::kSkip});
    for (const std::string& id : parameters.take_all("force"))
        request.merge.entities.push_back({.entity_id = id, .resolution = MergeResolution::kForce});
    ASSIGN_OR_RETURN(request.merge.append_if_moved, parameters.take_flag("append_if_moved", false));
    RETURN_IF_ERROR(parameters.check_all_taken());
    request.merge.actor = context.principal.name;
    return request;
}

std::string place(const std::optional<Position>& position) {
    return position ? std::to_string(position->value) : "none";
}

/// Both heads, and everything that says what is to be done: a plan holds for exactly this.
Result<std::string> binding_of(const client::Endpoint& endpoint, const Request& request, const ForkInfo& fork) {
    std::string parent_head = "gone";
    if (const auto parent = endpoint.view({.branch = fork.parent}); parent.ok())
        parent_head = place((*parent)->info().at);
    else if (request.is_merge)
        return parent.error();
    std::string binding = fork.id + (request.is_merge ? " merge" : " discard") + " head " + place(fork.head) + " own " +
                          std::to_string(fork.own_event_count) + " parent " + fork.parent + " head " + parent_head;
    if (!request.is_merge) return binding;
    binding += request.merge.append_if_moved ? " append_if_moved" : "";
    std::vector<MergeOptions::Entity> entities = request.merge.entities;
    std::sort(entities.begin(), entities.end(), [](const auto& a, const auto& b) { return a.entity_id < b.entity_id; });
    for (const MergeOptions::Entity& entity : entities) {
        binding += entity.resolution == MergeResolution::kSkip ? " skip " : " force ";
        binding += Json(entity.entity_id).dump(-1, ' ', true, Json::error_handler_t::replace);
    }
    return binding;
}

ToolAnswer in_the_way(const MergeResult& result) {
    ToolAnswer answer =
        failed("merge_conflict", counted(result.conflict_count, "conflict") + " in the way of the merge",
               "for each entity under untrusted.conflicts: leave it out with skip, or append despite it with force; "
               "append_if_moved passes entities whose events carried no condition; or append to the fork what settles "
               "it");
    answer.structured["branch_changed"] = nullptr;
    answer.structured["merge"] = merge_json(result);
    answer.structured["untrusted"]["conflicts"] = conflicts_json(result, kConflictsMax);
    return answer;
}

Result<ToolAnswer> plan(client::Endpoint& endpoint, const Request& request, const ForkInfo& fork, std::string binding) {
    Confirmation confirmation{.binding = std::move(binding)};
    confirmation.plan["action"] = request.is_merge ? "merge" : "discard";
    confirmation.plan["fork"] = fork_json(fork);
    confirmation.message = "Throw fork " + fork.id + " away, with " + counted(fork.own_event_count, "event") +
                           " of its own. That cannot be undone.";
    if (request.is_merge) {
        MergeOptions dry = request.merge;
        dry.dry_run = true;
        ASSIGN_OR_RETURN(const MergeResult result, endpoint.merge_fork(fork.id, dry));
        if (result.conflict_count > 0) return in_the_way(result);
        confirmation.plan["merge"] = merge_json(result);
        confirmation.message = "Append " + counted(result.event_count, "event") + " of fork " + fork.id + " to " +
                               fork.parent + ", " + std::to_string(result.skipped_count) + " left out, " +
                               std::to_string(result.forced_count) + " despite a conflict. That cannot be undone.";
    }
    ToolAnswer answer;
    answer.structured = confirmation.plan;
    answer.confirm = std::move(confirmation);
    return answer;
}

Result<ToolAnswer> merged(client::Endpoint& endpoint, const Request& request, const ForkInfo& fork) {
    ASSIGN_OR_RETURN(const MergeResult result, endpoint.merge_fork(fork.id, request.merge));
    if (!result.merged) return in_the_way(result);
    Json answer;
    answer["fork"] = fork.id;
    answer["status"] = "merged";
    answer["branch_changed"] = result.duplicate ? Json(nullptr) : Json(fork.parent);
    answer["duplicate"] = result.duplicate;
    answer["merge"] = merge_json(result);
    return answered(std::move(answer));
}

Result<ToolAnswer> discarded(client::Endpoint& endpoint, const ForkInfo& fork) {
    ASSIGN_OR_RETURN(const ForkInfo ended, endpoint.discard_fork(fork.id));
    Json answer;
    answer["fork"] = fork.id;
    answer["status"] = "discarded";
    answer["branch_changed"] = fork.id;
    answer["own_events"] = ended.own_event_count;
    if (ended.ended_at) answer["ended_at"] = ended.ended_at->to_string();
    return answered(std::move(answer));
}

Result<ToolAnswer> fork_finish(const Json& arguments, const std::optional<std::string>& confirmed,
                               CallContext& context) {
    if (auto refused = forbidden(context, access::Scope::kWriteForks, "finish forks")) return *refused;
    ASSIGN_OR_RETURN(const Request request, take_request(arguments, context));
    ASSIGN_OR_RETURN(const ForkInfo fork, context.endpoint.fork(request.fork));
    if (request.is_merge && fork.parent == "main") {
        if (auto refused = forbidden(context, access::Scope::kWrite, "merge into main")) {
            refused->structured["try"] =
                "the fork stays as it is: hand its id to somebody with the scope write, who looks at it and merges it";
            return *refused;
        }
    }
    // Said again, not done again.
    if (request.is_merge && fork.status == ForkStatus::kMerged) return merged(context.endpoint, request, fork);
    if (fork.status != ForkStatus::kLive)
        return base::fail(ErrorCode::kGone, "fork " + fork.id + " is " + std::string(fork_status_name(fork.status)) +
                                                " since " + fork.ended_at.value_or(fork.expires_at).to_string());
    ASSIGN_OR_RETURN(std::string binding, binding_of(context.endpoint, request, fork));
    if (!confirmed) return plan(context.endpoint, request, fork, std::move(binding));
    if (*confirmed != binding) {
        ToolAnswer moved =
            failed("plan_outdated", "the fork, its parent or the request changed since the plan was made",
                   "call fork_finish again without confirmation, and look at the new plan");
        moved.structured["branch_changed"] = nullptr;
        return moved;
    }
    return request.is_merge ? merged(context.endpoint, request, fork) : discarded(context.endpoint, fork);
}

}  // namespace

Tool fork_finish_tool() {
    Tool tool;
    tool.name = "fork_finish";
    tool.title = "Finish a fork";
    tool.description =
        "Merge a fork into its parent, or discard it. First call: a plan; confirm with its plan_token. "
        "Conflicts: skip or force entities.";
    tool.input_schema = input_schema(
        R"({"fork":{"type":"string"},"action":{"enum":["merge","discard"]},"skip":{"type":"array"},
            "force":{"type":"array"},"append_if_moved":{"type":"boolean"},"plan_token":{"type":"string"}})",
        {}, {"fork", "action"});
    tool.output_schema = output_schema(
        R"({"fork":{"type":"string"},"status":{"enum":["merged","discarded"]},
            "branch_changed":{"type":["string","null"]},"duplicate":{"type":"boolean"},"merge":{"type":"object"}})",
        {"fork", "status", "branch_changed"});
    tool.scope = access::Scope::kWriteForks;
    tool.is_destructive = true;
    tool.is_idempotent = true;
    tool.run = answering(ConfirmableRun(fork_finish));
    return tool;
}

}  // namespace chronos::mcp
