// The tool append_events: facts onto a branch that the caller names.
#include <algorithm>

#include "base/result.h"
#include "base/utf8.h"
#include "client/endpoint.h"
#include "embedded/append_request.h"
#include "mcp/json_rpc.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/request.h"
#include "mcp/tools/schema.h"
#include "mcp/tools/tool_list.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kEventsMax = 1'000;
constexpr std::size_t kKeyBytesMax = 255;

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

struct Request {
    std::string branch, idempotency_key;
    Json batch;  ///< events and conditions, as the library reads them
    std::size_t bytes_max = 0;
};

Status check_key(const std::string& key) {
    const bool is_plain = std::all_of(key.begin(), key.end(), [](char c) { return c >= '!' && c <= '~'; });
    if (key.size() <= kKeyBytesMax && is_plain) return {};
    return wrong("idempotency_key is 1 to 255 visible ASCII characters without spaces");
}

/// An append says what it expects to be there, be it anything.
Status check_event(const Json& event, std::size_t index) {
    const std::string name = "events[" + std::to_string(index) + "]";
    if (!event.is_object()) return wrong(name + " is an object with entity_id, event_type, expected_version, payload");
    if (!event.contains("expected_version"))
        return wrong(name +
                     ".expected_version is missing: the entity's version that get_state gave, \"none\" for a new "
                     "entity, or \"any\" if it does not matter");
    const Json& version = event["expected_version"];
    if (!version.is_string() && !version.is_number_unsigned())
        return wrong(name + ".expected_version is a whole number, \"none\", \"exists\" or \"any\"");
    if (event.contains("metadata") && !event["metadata"].is_object()) return wrong(name + ".metadata is an object");
    return {};
}

/// Who did it, unless the caller says it was for somebody else.
void put_actor(Json& event, const std::string& caller) {
    if (caller.empty() || (event.contains("metadata") && event["metadata"].contains("actor"))) return;
    event["metadata"]["actor"] = caller;
}

Result<Request> take_request(const Json& arguments, const CallContext& context) {
    Request request;
    if (!arguments.is_object()) return wrong("the arguments are a JSON object");
    Json simple = arguments;
    simple.erase("events");
    simple.erase("conditions");
    ASSIGN_OR_RETURN(wire::Parameters parameters, parameters_of(simple));
    ASSIGN_OR_RETURN(request.branch, parameters.take_text("branch"));
    if (request.branch.empty())
        return wrong("branch is missing: the id of a fork (fork_create makes one), or main, spelled out");
    ASSIGN_OR_RETURN(request.idempotency_key, parameters.take_text("idempotency_key"));
    if (request.idempotency_key.empty())
        return wrong("idempotency_key is missing: any name for this batch; repeating the call with it appends once");
    RETURN_IF_ERROR(check_key(request.idempotency_key));
    ASSIGN_OR_RETURN(request.bytes_max, take_budget(parameters));
    RETURN_IF_ERROR(parameters.check_all_taken());
    if (!arguments.contains("events") || !arguments["events"].is_array() || arguments["events"].empty())
        return wrong("events is a list of at least one event");
    if (arguments["events"].size() > kEventsMax)
        return base::fail(ErrorCode::kLimitExceeded, "at most 1000 events in one call");
    request.batch["events"] = arguments["events"];
    std::size_t index = 0;
    for (Json& event : request.batch["events"]) {
        RETURN_IF_ERROR(check_event(event, index++));
        put_actor(event, context.principal.name);
    }
    if (arguments.contains("conditions")) request.batch["conditions"] = arguments["conditions"];
    return request;
}

/// As many as fit; the rest is said by where all of them are.
void put_rows(Json& answer, const AppendResult& result, const Request& request, const std::string& branch) {
    const Json& events = request.batch["events"];
    if (!result.events.empty()) {
        answer["first_position"] = result.events.front().position.value;
        answer["last_position"] = result.events.back().position.value;
    }
    Rows rows(bytes_left(answer, request.bytes_max));
    for (std::size_t i = 0; i < result.events.size(); ++i) {
        const AppendedEvent& event = result.events[i];
        Json row;
        if (i < events.size()) row["entity_id"] = shown_word(events[i].value("entity_id", ""));
        row["version"] = event.version.value;
        row["position"] = event.position.value;
        row["id"] = event.id.to_string();
        row["uri"] = "chronos://" + branch + "/events/" + std::to_string(event.position.value);
        if (!rows.add_if_it_fits(std::move(row))) break;
    }
    if (rows.size() < result.events.size()) {
        answer["events_left_out"] = result.events.size() - rows.size();
        mark_incomplete(answer, "all were appended; query_events from first_position on shows the others");
    }
    answer["events"] = rows.take();
}

Result<ToolAnswer> append_events(const Json& arguments, CallContext& context) {
    ASSIGN_OR_RETURN(const Request request, take_request(arguments, context));
    const bool is_main = request.branch == "main";
    const access::Scope needed = is_main ? access::Scope::kWrite : access::Scope::kWriteForks;
    if (auto refused = forbidden(context, needed, is_main ? "append to main" : "append to forks")) return *refused;
    std::optional<ForkInfo> fork;
    if (!is_main) {
        ASSIGN_OR_RETURN(fork, context.endpoint.fork(request.branch));
    }
    const std::string branch = fork ? fork->id : "main";
    ASSIGN_OR_RETURN(BatchBuilder batch, embedded::parse_append_request(text_of(request.batch)));
    ASSIGN_OR_RETURN(
        const AppendResult result,
        context.endpoint.append(std::move(batch), {.branch = branch, .idempotency_key = request.idempotency_key}));
    Json answer;
    answer["complete"] = true;
    answer["branch_changed"] = result.duplicate ? Json(nullptr) : Json(branch);
    answer["branch"] = branch;
    answer["duplicate"] = result.duplicate;
    answer["appended"] = result.duplicate ? 0 : result.events.size();
    answer["recorded_at"] = result.recorded_at.to_string();
    answer["durability"] = durability_name(result.durability);
    if (fork) answer["expires_at"] = fork->expires_at.to_string();
    if (result.duplicate) answer["note"] = "this key was used before with the same content; this is its first answer";
    put_rows(answer, result, request, branch);
    return answered(std::move(answer));
}

}  // namespace

Tool append_events_tool() {
    Tool tool;
    tool.name = "append_events";
    tool.title = "Append events";
    tool.description =
        "Append events, all or none, to a fork, or \"main\". expected_version: of the entity before, \"none\" if "
        "new, or \"any\". The same idempotency_key appends once.";
    tool.input_schema = input_schema(
        R"({"branch":{"type":"string"},"idempotency_key":{"type":"string"},
            "events":{"type":"array","items":{"type":"object","properties":{
                "entity_id":{"type":"string"},"event_type":{"type":"string"},"payload":{},
                "expected_version":{},"metadata":{"type":"object"},"tags":{"type":"array"},
                "occurred_at":{"type":"string"},"id":{"type":"string"}},
                "required":["entity_id","event_type","expected_version"],
                "additionalProperties":false}},
            "conditions":{"type":"array"}})",
        {Shared::kBudget}, {"branch", "idempotency_key", "events"});
    tool.output_schema = output_schema(
        R"({"branch_changed":{"type":["string","null"]},"branch":{"type":"string"},"duplicate":{"type":"boolean"},
            "appended":{"type":"integer"},"recorded_at":{"type":"string"},"events":{"type":"array"}})",
        {"branch_changed", "branch", "duplicate", "events"});
    tool.scope = access::Scope::kWriteForks;
    tool.is_idempotent = true;
    tool.run = answering(FallibleRun(append_events));
    return tool;
}

}  // namespace chronos::mcp
