// The tool fork_create: a branch to try something on.
#include "base/result.h"
#include "client/endpoint.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/fork_rows.h"
#include "mcp/tools/request.h"
#include "mcp/tools/schema.h"
#include "mcp/tools/tool_list.h"
#include "wire/read_request.h"

namespace chronos::mcp {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;

Result<ForkOptions> take_options(const Json& arguments, const CallContext& context) {
    ForkOptions options;
    ASSIGN_OR_RETURN(wire::Parameters parameters, parameters_of(arguments));
    ASSIGN_OR_RETURN(options.name, parameters.take_text("name"));
    ASSIGN_OR_RETURN(const std::string parent, parameters.take_text("parent"));
    if (!parent.empty()) options.parent = parent;
    ASSIGN_OR_RETURN(options.at, wire::take_position(parameters, "at"));
    ASSIGN_OR_RETURN(options.known_at, wire::take_time(parameters, "known_at", now()));
    if (options.at && options.known_at)
        return base::fail(ErrorCode::kInvalidArgument, "at and known_at exclude each other: say where, or when");
    ASSIGN_OR_RETURN(const auto ttl, parameters.take_number("ttl_seconds"));
    if (ttl && (*ttl == 0 || *ttl > static_cast<std::uint64_t>(kForkTtlMaxNs) / kSecondNs))
        return base::fail(ErrorCode::kInvalidArgument,
                          "ttl_seconds=" + std::to_string(*ttl) + ": 1 to 604800, 7 days, is possible");
    if (ttl) options.ttl_ns = static_cast<std::int64_t>(*ttl * kSecondNs);
    RETURN_IF_ERROR(parameters.check_all_taken());
    options.creator = context.principal.name;
    return options;
}

Result<ToolAnswer> fork_create(const Json& arguments, CallContext& context) {
    if (auto refused = forbidden(context, access::Scope::kWriteForks, "make forks")) return *refused;
    ASSIGN_OR_RETURN(const ForkOptions options, take_options(arguments, context));
    ASSIGN_OR_RETURN(const ForkInfo fork, context.endpoint.create_fork(options));
    Json answer = fork_json(fork);
    answer["branch_changed"] = fork.id;
    answer["next"] =
        "read with fork, append with branch, compare with to {\"fork\"}: each time this id; then fork_finish";
    ToolAnswer out = answered(std::move(answer));
    out.links.emplace_back("fork", "chronos://fork/" + fork.id);
    return out;
}

}  // namespace

Tool fork_create_tool() {
    Tool tool;
    tool.name = "fork_create";
    tool.title = "Create a fork";
    tool.description = "A branch of all up to now (or at, known_at), to try things on; expires (24 h).";
    tool.input_schema = input_schema(
        R"({"name":{"type":"string"},"parent":{"type":"string"},"at":{"type":"integer"},"known_at":{"type":"string"},
            "ttl_seconds":{"type":"integer"}})",
        {});
    tool.output_schema = output_schema(
        R"({"fork":{"type":"string"},"parent":{"type":"string"},"fork_position":{"type":["integer","null"]},
            "expires_at":{"type":"string"},"branch_changed":{"type":"string"}})",
        {"fork", "parent", "expires_at", "branch_changed"});
    tool.scope = access::Scope::kWriteForks;
    tool.run = answering(FallibleRun(fork_create));
    return tool;
}

}  // namespace chronos::mcp
