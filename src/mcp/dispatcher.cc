#include "mcp/dispatcher.h"

#include <algorithm>
#include <charconv>
#include <exception>

#include "mcp/protocol.h"
#include "wire/similar_words.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kPageSize = 100;
constexpr int kRoundsMax = 8;
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kFiveMinutesMs = 300'000;
constexpr std::int64_t kResourceListMs = 5'000;
constexpr std::int64_t kNsPerMs = 1'000'000;
/// Of what a client of the legacy era declares, which is kept as long as its session.
constexpr std::size_t kCapabilitiesBytesMax = std::size_t{16} << 10;

RpcError wrong_params(std::string message) { return {.code = kInvalidParams, .message = std::move(message)}; }

/// What a client must have declared before it is asked this; null: nothing.
Json capability_for(std::string_view method) {
    if (method == "elicitation/create") return {{"elicitation", Json::object()}};
    if (method == "sampling/createMessage") return {{"sampling", Json::object()}};
    if (method == "roots/list") return {{"roots", Json::object()}};
    return {};
}

std::optional<RpcError> check_capabilities(const Client& client, const InputRequired& question) {
    Json missing = Json::object();
    for (const auto& [name, request] : question.requests.items()) {
        const Json needed = capability_for(string_member(request, "method").value_or(""));
        for (const auto& [capability, detail] : needed.items()) {
            const bool is_there = capability == "elicitation" &&
                                          string_member(member(request, "params"), "mode").value_or("form") == "form"
                                      ? client.can_fill_forms()
                                      : client.has_capability(capability);
            if (!is_there) missing[capability] = detail;
        }
    }
    if (missing.empty()) return std::nullopt;
    return RpcError{.code = kMissingCapability,
                    .message = "this takes a capability that the client did not declare",
                    .data = {{"requiredCapabilities", std::move(missing)}}};
}

/// The part of the parameters that a token is bound to.
Json salient_of(const Message& request) {
    Json salient = Json::object();
    for (const char* name : {"name", "arguments", "uri"}) {
        const Json& value = member(request.params, name);
        // No arguments and an empty object of them are the same call.
        if (!value.is_null() && !(value.is_object() && value.empty())) salient[name] = value;
    }
    return salient;
}

/// `of` what the names are: "tool".
template <typename Offer>
RpcError no_such(std::string_view of, std::string_view name, const std::vector<Offer>& offers) {
    std::vector<std::string> names;
    for (const Offer& offer : offers) names.push_back(offer.listing["name"].template get<std::string>());
    const std::vector<std::string> similar = wire::similar_words(name, names, 1);
    std::string message = "there is no " + std::string(of) + " \"" + std::string(name.substr(0, 100)) + "\"";
    message += similar.empty() ? "; " + std::string(of) + "s/list says what there is"
                               : "; did you mean \"" + similar.front() + "\"?";
    return wrong_params(std::move(message));
}

}  // namespace

Dispatcher::Dispatcher(ServerInfo info, io::Environment world) : info_(std::move(info)), seal_(world) {
    common_ = {
        {"tools/list", &Dispatcher::list_tools},         {"tools/call", &Dispatcher::call_tool},
        {"prompts/list", &Dispatcher::list_prompts},     {"prompts/get", &Dispatcher::get_prompt},
        {"resources/list", &Dispatcher::list_resources}, {"resources/templates/list", &Dispatcher::list_templates},
        {"resources/read", &Dispatcher::read_resource},  {"completion/complete", &Dispatcher::complete}};
    modern_ = {{"server/discover", &Dispatcher::discover}};
    legacy_ = {{"ping", &Dispatcher::ping}};
}

Json Dispatcher::supported_versions() {
    Json versions = Json::array({kModernVersion});
    for (const std::string_view version : kLegacyVersions) versions.push_back(version);
    return versions;
}

std::variant<Client, RpcError> Dispatcher::modern_client(const Message& message,
                                                         const access::Principal& principal) const {
    const Json& meta = member(message.params, "_meta");
    const std::optional<std::string> version = string_member(meta, kMetaVersion);
    if (!version)
        return wrong_params("params._meta must name the revision under \"" + std::string(kMetaVersion) +
                            "\", as 2026-07-28; clients of older revisions begin with \"initialize\"");
    if (*version != kModernVersion)
        return RpcError{.code = kUnsupportedVersion,
                        .message = "this revision of the protocol is not spoken here",
                        .data = {{"supported", supported_versions()}, {"requested", *version}}};
    const Json& capabilities = member(meta, kMetaCapabilities);
    if (!capabilities.is_object())
        return wrong_params("params._meta must say what the client can do under \"" + std::string(kMetaCapabilities) +
                            "\"; {} if nothing");
    const std::string level = string_member(meta, kMetaLogLevel).value_or("");
    if (!level.empty() && std::find(kLogLevels.begin(), kLogLevels.end(), level) == kLogLevels.end())
        return wrong_params("there is no level \"" + level.substr(0, 100) + "\" of messages");
    return Client{.era = Era::kModern,
                  .version = *version,
                  .capabilities = capabilities,
                  .principal = principal,
                  .log_level = level};
}

Client Dispatcher::legacy_client(const Message& initialize, const access::Principal& principal) {
    const std::string asked = string_member(initialize.params, "protocolVersion").value_or("");
    const Json& capabilities = member(initialize.params, "capabilities");
    const bool is_kept = capabilities.is_object() && text_of(capabilities).size() <= kCapabilitiesBytesMax;
    return {.era = Era::kLegacy,
            .version = is_legacy_version(asked) ? asked : std::string(kLegacyVersions.front()),
            .capabilities = is_kept ? capabilities : Json::object(),
            .principal = principal,
            .log_level = "info"};
}

Json Dispatcher::capabilities(Era era) const {
    Json all = {{"tools", Json::object()},
                {"resources", {{"subscribe", true}}},
                {"completions", Json::object()},
                {"logging", Json::object()}};
    if (!offers_.prompts.empty()) all["prompts"] = Json::object();
    if (offers_.are_lists_changing) {
        all["tools"]["listChanged"] = true;
        all["prompts"]["listChanged"] = true;
    }
    // Only who asks is told; looking for changes of the list opens the store.
    if (era == Era::kModern) all["resources"]["listChanged"] = true;
    return all;
}

Json Dispatcher::initialize_result(const Client& client) const {
    Json result = {{"protocolVersion", client.version},
                   {"capabilities", capabilities(Era::kLegacy)},
                   {"serverInfo", {{"name", info_.name}, {"title", info_.title}, {"version", info_.version}}}};
    if (!offers_.instructions.empty()) result["instructions"] = offers_.instructions;
    return result;
}

Json Dispatcher::finished(Json result) const {
    if (!result.contains("resultType")) result["resultType"] = "complete";
    result["_meta"][std::string(kMetaServerInfo)] = {
        {"name", info_.name}, {"title", info_.title}, {"version", info_.version}};
    return result;
}

bool Dispatcher::is_known(std::string_view method, Era era) const {
    if (method.starts_with("prompts/") && offers_.prompts.empty()) return false;
    return common_.contains(method) || (era == Era::kModern ? modern_ : legacy_).contains(method);
}

std::optional<RpcError> Dispatcher::refuse_to_watch(const std::vector<std::string>& uris) const {
    constexpr std::string_view kBehindScheme = "://";
    for (const std::string& uri : uris) {
        const std::string scheme = uri.substr(0, uri.find(kBehindScheme)) + std::string(kBehindScheme);
        const bool is_ours =
            uri.starts_with(scheme) &&
            std::any_of(offers_.templates.begin(), offers_.templates.end(), [&scheme](const Json& one) {
                return string_member(one, "uriTemplate").value_or("").starts_with(scheme);
            });
        if (!is_ours)
            return RpcError{
                .code = kInvalidParams,
                .message = "there can be no such resource here; resources/templates/list says how URIs look",
                .data = {{"uri", uri}}};
    }
    return std::nullopt;
}

Json Dispatcher::answer(Exchange& exchange) {
    const Json& id = exchange.request().id;
    try {
        Reply reply = run(exchange);
        if (auto* question = std::get_if<InputRequired>(&reply)) reply = sealed(exchange, std::move(*question));
        if (const auto* error = std::get_if<RpcError>(&reply)) return error_message(id, *error);
        Json& result = std::get<Json>(reply);
        return result_message(id, exchange.is_modern() ? finished(std::move(result)) : std::move(result));
    } catch (const std::exception& thrown) {
        return error_message(id, {.code = kInternalError,
                                  .message = std::string("the server failed at this request: ") + thrown.what()});
    }
}

Reply Dispatcher::run(Exchange& exchange) {
    const std::string& method = exchange.request().method;
    if (!is_known(method, exchange.client().era))
        return RpcError{.code = kMethodNotFound, .message = "there is no method \"" + method.substr(0, 100) + "\""};
    const auto& special = exchange.is_modern() ? modern_ : legacy_;
    const auto found = common_.find(method);
    const Handler handler = found != common_.end() ? found->second : special.at(method);
    if (exchange.is_modern()) {
        if (auto error = open_state(exchange)) return *std::move(error);
        return (this->*handler)(exchange);
    }
    // A legacy client is asked on the spot, and what it answers goes into the next round.
    for (int round = 0;; ++round) {
        Reply reply = (this->*handler)(exchange);
        auto* question = std::get_if<InputRequired>(&reply);
        if (question == nullptr) return reply;
        if (auto error = check_capabilities(exchange.client(), *question)) return *std::move(error);
        if (!exchange.can_ask() || round >= kRoundsMax)
            return RpcError{.code = kInternalError, .message = "this asks the client more than can be asked here"};
        Json responses = Json::object();
        for (const auto& [name, request] : question->requests.items()) {
            Json params = member(request, "params");
            if (exchange.client().version != kLegacyVersions.front() && params.is_object()) params.erase("mode");
            Result<Json> response = exchange.ask(request["method"].get_ref<const std::string&>(),
                                                 params.is_null() ? Json::object() : params);
            if (!response.ok()) return RpcError{.code = kInternalError, .message = response.error().message};
            responses[name] = *std::move(response);
        }
        exchange.set_round(std::move(responses), std::move(question->state));
    }
}

std::optional<RpcError> Dispatcher::open_state(Exchange& exchange) {
    const Json& responses = member(exchange.params(), "inputResponses");
    if (!responses.is_null() && !responses.is_object()) return wrong_params("\"inputResponses\" is an object");
    const Json& token = member(exchange.params(), "requestState");
    if (!token.is_null() && !token.is_string()) return wrong_params("\"requestState\" is a string");
    Json state;
    if (token.is_string()) {
        const Seal::Binding binding =
            Seal::binding_of(exchange.client().principal, exchange.request().method, salient_of(exchange.request()));
        Result<Json> opened = seal_.open(token.get_ref<const std::string&>(), binding);
        if (!opened.ok()) return wrong_params("requestState: " + opened.error().message);
        state = *std::move(opened);
    }
    exchange.set_round(responses.is_object() ? responses : Json::object(), std::move(state));
    return std::nullopt;
}

Reply Dispatcher::sealed(Exchange& exchange, InputRequired question) {
    if (auto error = check_capabilities(exchange.client(), question)) return *std::move(error);
    Json result = {{"resultType", "input_required"}};
    if (!question.requests.empty()) result["inputRequests"] = std::move(question.requests);
    if (!question.state.is_null()) {
        const Seal::Binding binding =
            Seal::binding_of(exchange.client().principal, exchange.request().method, salient_of(exchange.request()));
        result["requestState"] = seal_.seal(binding, question.state);
    }
    return result;
}

Json Dispatcher::with_caching(Exchange& exchange, Json result, std::int64_t ttl_ms, bool is_private) const {
    if (!exchange.is_modern()) {
        result.erase("ttlMs");
        return result;
    }
    // What came of answers to questions is of no use to anybody else.
    if (!exchange.input_responses().empty()) ttl_ms = 0;
    if (!result.contains("ttlMs")) result["ttlMs"] = ttl_ms;
    result["cacheScope"] = is_private ? "private" : "public";
    return result;
}

Reply Dispatcher::page_of(Exchange& exchange, std::string_view name, const std::vector<Json>& all, std::int64_t ttl_ms,
                          bool is_private) const {
    const Json& cursor = member(exchange.params(), "cursor");
    std::size_t begin = 0;
    const std::string prefix = std::string(name) + ":";
    if (!cursor.is_null()) {
        const auto text = cursor.is_string() ? base64_decoded(cursor.get_ref<const std::string&>()) : std::nullopt;
        const bool is_ours = text && text->starts_with(prefix);
        const char* end = is_ours ? text->data() + text->size() : nullptr;
        if (!is_ours || std::from_chars(text->data() + prefix.size(), end, begin).ptr != end || begin > all.size())
            return wrong_params("this is no cursor of this list; begin again without it");
    }
    const std::size_t stop = std::min(all.size(), begin + kPageSize);
    Json items = Json::array();
    for (std::size_t i = begin; i < stop; ++i) items.push_back(all[i]);
    Json result = {{name, std::move(items)}};
    if (stop < all.size()) result["nextCursor"] = base64url(prefix + std::to_string(stop));
    return with_caching(exchange, std::move(result), ttl_ms, is_private);
}

Reply Dispatcher::discover(Exchange& exchange) {
    Json result = {{"supportedVersions", supported_versions()}, {"capabilities", capabilities(Era::kModern)}};
    if (!offers_.instructions.empty()) result["instructions"] = offers_.instructions;
    return with_caching(exchange, std::move(result), kHourMs, false);
}

Reply Dispatcher::ping(Exchange& exchange) {
    (void)exchange;
    return Json::object();
}

Reply Dispatcher::list_tools(Exchange& exchange) {
    std::vector<Json> tools;
    for (const ToolOffer& tool : offers_.tools) {
        if (exchange.client().principal.scopes.allows(tool.scope)) tools.push_back(tool.listing);
    }
    return page_of(exchange, "tools", tools, offers_.are_lists_changing ? 0 : kFiveMinutesMs, true);
}

const ToolOffer* Dispatcher::find_tool(std::string_view name) const {
    const auto found = std::find_if(offers_.tools.begin(), offers_.tools.end(),
                                    [&](const ToolOffer& tool) { return tool.listing["name"] == name; });
    return found == offers_.tools.end() ? nullptr : &*found;
}

const Json* Dispatcher::tool_listing(std::string_view name) const {
    const ToolOffer* tool = find_tool(name);
    return tool == nullptr ? nullptr : &tool->listing;
}

std::string Dispatcher::entity_of(const Message& message) const {
    if (message.method != "tools/call") return {};
    const ToolOffer* tool = find_tool(string_member(message.params, "name").value_or(""));
    const Json& arguments = member(message.params, "arguments");
    return tool != nullptr && tool->entity_of && arguments.is_object() ? tool->entity_of(arguments) : std::string();
}

bool Dispatcher::is_read(const Message& message) const {
    if (message.method != "tools/call") return true;
    const ToolOffer* tool = find_tool(string_member(message.params, "name").value_or(""));
    return tool != nullptr && tool->scope == access::Scope::kRead;
}

Reply Dispatcher::call_tool(Exchange& exchange) {
    std::optional<std::string> name = string_member(exchange.params(), "name");
    if (!name) return wrong_params("\"name\" says which tool");
    Json arguments = member(exchange.params(), "arguments");
    if (arguments.is_null()) arguments = Json::object();
    if (!arguments.is_object()) return wrong_params("\"arguments\" is an object");
    const auto alias = std::find_if(offers_.aliases.begin(), offers_.aliases.end(),
                                    [&](const auto& entry) { return entry.first == *name; });
    if (alias != offers_.aliases.end()) std::tie(*name, arguments) = alias->second(arguments);
    const ToolOffer* tool = find_tool(*name);
    if (tool == nullptr) return no_such("tool", *name, offers_.tools);
    if (!exchange.client().principal.scopes.allows(tool->scope)) {
        const std::string scope(access::scope_name(tool->scope));
        const RpcError refusal{.code = kScopeMissing,
                               .message = "the tool " + *name + " takes the scope " + scope +
                                          ", which this caller was not given; nothing was done",
                               .data = {{"requiredScope", scope}}};
        observe(exchange, *tool, arguments, refusal, 0);
        return refusal;
    }
    // Nothing is stored that is another number than was sent.
    if (tool->scope != access::Scope::kRead && exchange.request().has_inexact_number)
        return wrong_params("a number in the arguments has more digits than are kept; send it as a string");
    const std::int64_t began_ns = seal_.world().clock.monotonic_ns();
    Reply reply = tool->call(exchange, arguments);
    const std::int64_t ms = (seal_.world().clock.monotonic_ns() - began_ns) / kNsPerMs;
    exchange.log("debug", "tools", {{"tool", *name}, {"duration_ms", ms}});
    observe(exchange, *tool, arguments, reply, ms);
    auto* result = std::get_if<Json>(&reply);
    // Before 2026-07-28 it is an object or nothing.
    if (result != nullptr && !exchange.is_modern() && !text_of(member(*result, "structuredContent")).starts_with('{'))
        result->erase("structuredContent");
    return reply;
}

void Dispatcher::observe(const Exchange& exchange, const ToolOffer& tool, const Json& arguments, const Reply& reply,
                         std::int64_t ms) const {
    if (!observer_) return;
    const access::Principal& caller = exchange.client().principal;
    const auto* result = std::get_if<Json>(&reply);
    const bool is_error = result != nullptr && member(*result, "isError") == Json(true);
    observer_({.caller = caller,
               .tool = tool.listing["name"].get_ref<const std::string&>(),
               .scope = tool.scope,
               .arguments = arguments,
               .outcome = std::holds_alternative<RpcError>(reply) ? "refused"
                          : result == nullptr                     ? "asked"
                          : is_error                              ? "error"
                                                                  : "ok",
               .ms = ms});
}

Reply Dispatcher::list_prompts(Exchange& exchange) {
    std::vector<Json> prompts;
    for (const PromptOffer& prompt : offers_.prompts) prompts.push_back(prompt.listing);
    return page_of(exchange, "prompts", prompts, offers_.are_lists_changing ? 0 : kFiveMinutesMs, false);
}

Reply Dispatcher::get_prompt(Exchange& exchange) {
    const std::optional<std::string> name = string_member(exchange.params(), "name");
    if (!name) return wrong_params("\"name\" says which prompt");
    Json arguments = member(exchange.params(), "arguments");
    if (arguments.is_null()) arguments = Json::object();
    if (!arguments.is_object()) return wrong_params("\"arguments\" is an object of strings");
    const auto found = std::find_if(offers_.prompts.begin(), offers_.prompts.end(),
                                    [&](const PromptOffer& prompt) { return prompt.listing["name"] == *name; });
    if (found == offers_.prompts.end()) return no_such("prompt", *name, offers_.prompts);
    for (const auto& [argument, value] : arguments.items()) {
        if (!value.is_string()) return wrong_params("the argument \"" + argument.substr(0, 100) + "\" is not a string");
    }
    for (const Json& argument : member(found->listing, "arguments")) {
        const std::string wanted = argument["name"].get<std::string>();
        if (member(argument, "required") == Json(true) && !arguments.contains(wanted))
            return wrong_params("the argument \"" + wanted + "\" is missing");
    }
    return found->get(exchange, arguments);
}

Reply Dispatcher::list_resources(Exchange& exchange) {
    std::vector<Json> all;
    for (const auto& list : offers_.resource_lists) {
        Result<std::vector<Json>> some = list(exchange);
        if (!some.ok()) return RpcError{.code = kInternalError, .message = some.error().message};
        all.insert(all.end(), some->begin(), some->end());
    }
    return page_of(exchange, "resources", all, kResourceListMs, true);
}

Reply Dispatcher::list_templates(Exchange& exchange) {
    return page_of(exchange, "resourceTemplates", offers_.templates, kFiveMinutesMs, false);
}

Reply Dispatcher::read_resource(Exchange& exchange) {
    const std::optional<std::string> uri = string_member(exchange.params(), "uri");
    if (!uri) return wrong_params("\"uri\" says which resource");
    for (const auto& reader : offers_.readers) {
        std::optional<Reply> reply = reader(exchange, *uri);
        if (!reply) continue;
        if (auto* result = std::get_if<Json>(&*reply)) return with_caching(exchange, std::move(*result), 0, true);
        return *std::move(reply);
    }
    return RpcError{
        .code = exchange.is_modern() ? kInvalidParams : kResourceNotFoundOfOld,
        .message = "there is no such resource; resources/list and resources/templates/list say what there is",
        .data = {{"uri", *uri}}};
}

Reply Dispatcher::complete(Exchange& exchange) {
    const Json& reference = member(exchange.params(), "ref");
    const std::string type = string_member(reference, "type").value_or("");
    const std::optional<std::string> target = string_member(reference, type == "ref/prompt" ? "name" : "uri");
    const Json& argument = member(exchange.params(), "argument");
    const std::optional<std::string> name = string_member(argument, "name");
    const std::optional<std::string> prefix = string_member(argument, "value");
    if ((type != "ref/prompt" && type != "ref/resource") || !target)
        return wrong_params(
            "\"ref\" is {\"type\": \"ref/prompt\", \"name\": …} or {\"type\": \"ref/resource\", \"uri\": …}");
    if (!name || !prefix) return wrong_params("\"argument\" is {\"name\": …, \"value\": …}");
    Json values = Json::array();
    for (const auto& completer : offers_.completers) {
        for (const std::string& value : completer(exchange, *target, *name, *prefix)) values.push_back(value);
    }
    const std::size_t count = values.size();
    return Json{{"completion", {{"values", std::move(values)}, {"total", count}, {"hasMore", false}}}};
}

}  // namespace chronos::mcp
