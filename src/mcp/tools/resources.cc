#include "mcp/tools/resources.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "client/endpoint.h"
#include "mcp/json_rpc.h"
#include "mcp/tools/fork_rows.h"
#include "mcp/tools/request.h"
#include "mcp/tools/shown.h"
#include "mcp/tools/tool_list.h"
#include "wire/parameters.h"

namespace chronos::mcp {
namespace {

constexpr std::string_view kScheme = "chronos://";
constexpr std::string_view kJson = "application/json";
constexpr std::size_t kCompletionsMax = 100;

Error no_such(std::string_view uri) {
    return base::fail(ErrorCode::kNotFound,
                      "there is no resource " + base::shortened(uri, 100) +
                          "; there are chronos://event-types, chronos://entity/{id}, chronos://entity/{id}/state, "
                          "chronos://fork/{id}, chronos://{branch}/events/{position}");
}

/// What a tool answers, as the text of a resource. What is not there in this view, but later, is an answer too; what
/// never was is an error here.
Result<ResourceContent> content_of(const Tool& tool, const Json& arguments, std::string_view uri,
                                   CallContext& context) {
    const ToolAnswer answer = tool.run(arguments, std::nullopt, context);
    if (answer.is_error) {
        const std::string message = answer.structured["error"].value("message", "");
        const std::string code = answer.structured["error"].value("code", "");
        return base::fail(code == "gone"               ? ErrorCode::kGone
                          : code == "forbidden"        ? ErrorCode::kInvalidArgument
                          : code == "invalid_argument" ? ErrorCode::kInvalidArgument
                          : code == "not_found"        ? ErrorCode::kNotFound
                                                       : ErrorCode::kIo,
                          message);
    }
    // What is not there yet may come to be.
    const bool is_there = answer.structured.value("exists", true);
    const bool is_settled = is_there && member(member(answer.structured, "view"), "settled") == Json(true);
    const bool ever_was = answer.structured.value("exists", true) || answer.structured.value("exists_later", false);
    if (!ever_was) return no_such(uri);
    return ResourceContent{.uri = std::string(uri),
                           .mime_type = std::string(kJson),
                           .text = text_of(answer.structured),
                           .is_settled = is_settled};
}

/// The members of a query string as arguments.
Result<Json> arguments_of(std::string_view query) {
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_query(query));
    Json arguments = Json::object();
    for (const std::string_view name : {"as_of", "known_at", "at", "fork"}) {
        ASSIGN_OR_RETURN(const auto value, parameters.take(name));
        if (value) arguments[name] = *value;
    }
    RETURN_IF_ERROR(parameters.check_all_taken());
    return arguments;
}

Result<ResourceContent> read_entity(std::string_view path, std::string_view query, std::string_view uri,
                                    CallContext& context) {
    const bool is_state = path.ends_with("/state");
    if (is_state) path.remove_suffix(std::string_view("/state").size());
    ASSIGN_OR_RETURN(Json arguments, arguments_of(query));
    ASSIGN_OR_RETURN(arguments["entity_id"], wire::percent_decoded(path, false));
    return content_of(is_state ? get_state_tool() : get_history_tool(), arguments, uri, context);
}

Result<ResourceContent> read_fork(std::string_view path, std::string_view uri, CallContext& context) {
    ASSIGN_OR_RETURN(const std::string id, wire::percent_decoded(path, false));
    ASSIGN_OR_RETURN(const ForkInfo fork, context.endpoint.fork(id));
    Json content = fork_json(fork);
    Shown shown({.string_bytes = 256});
    content["untrusted"] = {{"name", shown.text(fork.name)}, {"creator", shown.text(fork.creator)}};
    if (fork.status == ForkStatus::kLive) {
        const ToolAnswer changes = compare_tool().run({{"to", {{"fork", fork.id}}}}, std::nullopt, context);
        if (!changes.is_error) content["changes"] = changes.structured;
    }
    return ResourceContent{.uri = std::string(uri), .mime_type = std::string(kJson), .text = text_of(content)};
}

/// {branch}/events/{position}
Result<ResourceContent> read_event(std::string_view path, std::string_view uri, CallContext& context) {
    const std::size_t events = path.find("/events/");
    if (events == std::string_view::npos) return no_such(uri);
    const std::string_view number = path.substr(events + std::string_view("/events/").size());
    std::uint64_t position = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), position);
    if (error != std::errc() || end != number.data() + number.size()) return no_such(uri);
    ASSIGN_OR_RETURN(const std::string branch, wire::percent_decoded(path.substr(0, events), false));
    Json arguments = {{"fork", branch}, {"at", position}, {"order", "backward"}, {"limit", 1}};
    Result<ResourceContent> content = content_of(query_events_tool(), arguments, uri, context);
    if (!content.ok()) return content;
    Json answer = Json::parse(content->text);
    const Json& events_found = answer["untrusted"]["events"];
    if (events_found.empty() || events_found[0]["position"] != position) return no_such(uri);
    const Json only = {{"view", answer["view"]}, {"untrusted", {{"event", events_found[0]}}}};
    content->text = text_of(only);
    return content;
}

void keep_matching(std::vector<std::string>& values, std::string value, std::string_view prefix) {
    const bool is_new = std::find(values.begin(), values.end(), value) == values.end();
    if (values.size() < kCompletionsMax && value.starts_with(prefix) && is_new) values.push_back(std::move(value));
}

Result<std::vector<std::string>> completions(std::string_view reference, std::string_view name, std::string_view prefix,
                                             CallContext& context) {
    std::vector<std::string> values;
    const bool is_fork = name == "fork" || name == "branch" || reference.starts_with("chronos://fork/");
    if (is_fork) {
        ASSIGN_OR_RETURN(const auto forks, context.endpoint.forks());
        if (name == "branch") keep_matching(values, "main", prefix);
        for (const ForkInfo& fork : forks) {
            keep_matching(values, fork.id, prefix);
            if (!fork.name.empty()) keep_matching(values, fork.name, prefix);
        }
        return values;
    }
    ASSIGN_OR_RETURN(const auto view, context.endpoint.view());
    if (name != "id" && name != "entity_id" && name != "entity") return values;
    return view->entities(prefix, "", kCompletionsMax);
}

}  // namespace

std::vector<ResourceTemplate> resource_templates() {
    const std::string json(kJson);
    return {{"chronos://entity/{id}{?as_of,known_at,at,fork}", "entity", "Entity",
             "Everything that happened to an entity", json},
            {"chronos://entity/{id}/state{?as_of,known_at,at,fork}", "state", "State",
             "What an entity is, was, or was known to be", json},
            {"chronos://fork/{id}", "fork", "Fork", "A fork and what it changed", json},
            {"chronos://{branch}/events/{position}", "event", "Event", "One event, as answers cite it", json}};
}

Result<std::vector<Resource>> list_resources(CallContext& context) {
    std::vector<Resource> resources{{"chronos://event-types", "event-types", "Event types",
                                     "All event types with counts and fields", std::string(kJson)}};
    ASSIGN_OR_RETURN(const auto forks, context.endpoint.forks());
    for (const ForkInfo& fork : forks)
        resources.push_back({"chronos://fork/" + fork.id, fork.id, "Fork " + fork.id,
                             "A live fork of " + fork.parent + " and what it changed", std::string(kJson)});
    return resources;
}

Result<ResourceContent> read_resource(std::string_view uri, CallContext& context) {
    if (!uri.starts_with(kScheme)) return no_such(uri);
    std::string_view path = uri.substr(kScheme.size());
    const std::size_t question = std::min(path.find('?'), path.size());
    const std::string_view query = question < path.size() ? path.substr(question + 1) : std::string_view();
    path = path.substr(0, question);
    if (path == "event-types") return content_of(overview_tool(), {{"max_tokens", 20'000}}, uri, context);
    if (path.starts_with("entity/")) return read_entity(path.substr(7), query, uri, context);
    if (path.starts_with("fork/")) return read_fork(path.substr(5), uri, context);
    return read_event(path, uri, context);
}

std::vector<std::string> complete_value(std::string_view reference, std::string_view name, std::string_view prefix,
                                        CallContext& context) {
    Result<std::vector<std::string>> values = completions(reference, name, prefix, context);
    return values.ok() ? std::move(values).value() : std::vector<std::string>();
}

}  // namespace chronos::mcp
