#include "mcp/offers.h"

#include <memory>

#include "mcp/argument_check.h"
#include "mcp/tools/answer.h"

namespace chronos::mcp {
namespace {

constexpr std::string_view kPlanToken = "plan_token";
/// An hour, for the content of a resource that changes only if something is erased.
constexpr std::int64_t kSettledMs = 3'600'000;
constexpr std::size_t kCompletionsMax = 100;

Json listing_of(const Tool& tool) {
    Json schema = tool.input_schema.is_object() ? tool.input_schema : Json{{"type", "object"}};
    if (tool.is_destructive && !member(schema, "properties").contains(kPlanToken)) {
        schema["properties"][std::string(kPlanToken)] = {
            {"type", "string"}, {"description", "confirms the plan that an earlier call answered with"}};
    }
    Json listing = {{"name", tool.name}};
    if (!tool.title.empty()) listing["title"] = tool.title;
    listing["description"] = tool.description;
    listing["inputSchema"] = std::move(schema);
    if (tool.output_schema.is_object()) listing["outputSchema"] = tool.output_schema;
    listing["annotations"] = {{"readOnlyHint", tool.scope == access::Scope::kRead},
                              {"destructiveHint", tool.is_destructive},
                              {"idempotentHint", tool.is_idempotent},
                              {"openWorldHint", false}};
    return listing;
}

/// Errors are text alone, which is JSON: clients hold what is structured to the tool's output schema, errors too.
Json result_of(ToolAnswer answer) {
    const bool is_structured = !answer.structured.is_null();
    const std::string structured = is_structured ? text_of(answer.structured) : std::string();
    Json content = text_content(answer.text.empty() ? structured : answer.text);
    for (const auto& [name, uri] : answer.links)
        content.push_back({{"type", "resource_link"}, {"uri", uri}, {"name", name}});
    constexpr std::size_t kMembersMax = 8;  // With those that every result has.
    Json result = object_with_room(kMembersMax);
    result["content"] = std::move(content);
    if (answer.is_error)
        result["isError"] = true;
    else if (is_structured)
        result["structuredContent"] = raw_json(structured);
    return result;
}

/// What a call was refused for before the tool itself saw it, in the form in which tools say so.
Json refused(std::string_view code, const std::string& message, std::string_view try_next) {
    return result_of(failed(code, message, std::string(try_next)));
}

CallContext context_of(Exchange& exchange, client::Endpoint& endpoint) {
    return {.principal = exchange.client().principal,
            .endpoint = endpoint,
            .progress = [&exchange](double done, double total,
                                    std::string_view message) { exchange.report_progress(done, total, message); },
            .is_cancelled = [&exchange] { return exchange.is_cancelled(); }};
}

/// The question whether a plan is to be carried out, as a form with one box.
Json form_of(const Confirmation& plan) {
    return {
        {"mode", "form"},
        {"message", plan.message},
        {"requestedSchema",
         {{"type", "object"},
          {"properties",
           {{"confirm", {{"type", "boolean"}, {"title", "Do it"}, {"description", plan.message}, {"default", false}}}}},
          {"required", {"confirm"}}}}};
}

bool is_agreed(const Json& response) {
    return string_member(response, "action") == "accept" &&
           member(member(response, "content"), "confirm") == Json(true);
}

/// One call of a tool of the catalog, with the confirmation that it may ask for.
class ToolCall {
public:
    ToolCall(const Tool& tool, const Json& schema, Seal& seal, Exchange& exchange, Json arguments)
        : tool_(tool), schema_(schema), seal_(seal), exchange_(exchange), arguments_(std::move(arguments)) {}

    Reply run() {
        const Result<client::Endpoint*> endpoint = exchange_.endpoint();
        if (!endpoint.ok()) return result_of(failed(endpoint.error()));
        std::string plan_token;
        if (tool_.is_destructive && member(arguments_, kPlanToken).is_string()) {
            plan_token = arguments_[std::string(kPlanToken)].get<std::string>();
            arguments_.erase(std::string(kPlanToken));
        }
        if (const auto mistake = mistake_in(arguments_, schema_))
            return refused("invalid_argument", *mistake, "call again as the message says");
        CallContext context = context_of(exchange_, **endpoint);
        if (exchange_.state().is_object()) return confirm_by_form(context);
        if (plan_token.empty()) return ask_if_needed(tool_.run(arguments_, std::nullopt, context));
        const Result<Json> binding = seal_.open(plan_token, bound());
        if (!binding.ok())
            return refused("invalid_argument", "plan_token: " + binding.error().message,
                           "call again without plan_token, and look at the new plan");
        return finish(binding->get<std::string>(), context);
    }

private:
    [[nodiscard]] Seal::Binding bound() const {
        return Seal::binding_of(exchange_.client().principal, "plan",
                                {{"name", tool_.name}, {"arguments", arguments_}});
    }

    Reply confirm_by_form(CallContext& context) {
        const Json& response = member(exchange_.input_responses(), "confirm");
        if (response.is_null()) return ask_if_needed(tool_.run(arguments_, std::nullopt, context));
        if (!is_agreed(response))
            return refused("not_confirmed", "Not done: it was not confirmed. Nothing was changed.",
                           "ask the person what they want instead; calling again asks again");
        return finish(string_member(exchange_.state(), "binding").value_or(""), context);
    }

    Reply ask_if_needed(ToolAnswer answer) {
        if (!answer.confirm) return result_of(std::move(answer));
        const Confirmation& plan = *answer.confirm;
        if (exchange_.client().can_fill_forms() && (exchange_.is_modern() || exchange_.can_ask()))
            return InputRequired{
                .requests = {{"confirm", {{"method", "elicitation/create"}, {"params", form_of(plan)}}}},
                .state = {{"binding", plan.binding}}};
        return hand_out(plan);
    }

    /// For clients that cannot ask anybody: the plan, and a token that confirms it when it comes back.
    Reply hand_out(const Confirmation& plan) {
        Json structured = {{"confirmation_required", true},
                           {"message", "Not done yet. " + plan.message},
                           {"try", "to do it, call again with the same arguments and this plan_token"},
                           {"plan", plan.plan},
                           {"plan_token", seal_.seal(bound(), plan.binding)},
                           {"expires_in_seconds", Seal::kLifetimeSeconds}};
        // An error, so that nobody takes it for done, and it need not match the tool's output schema.
        return result_of({.structured = std::move(structured), .is_error = true});
    }

    Reply finish(const std::string& binding, CallContext& context) {
        ToolAnswer answer = tool_.run(arguments_, binding, context);
        // What the plan held for is no longer so: there is a new one.
        if (answer.confirm) return hand_out(*answer.confirm);
        return result_of(std::move(answer));
    }

    const Tool& tool_;
    const Json& schema_;
    Seal& seal_;
    Exchange& exchange_;
    Json arguments_;
};

Reply failure_of(const Error& error) {
    const bool is_callers = error.code == ErrorCode::kNotFound || error.code == ErrorCode::kInvalidArgument ||
                            error.code == ErrorCode::kGone;
    return RpcError{.code = is_callers ? kInvalidParams : kInternalError, .message = error.message};
}

PromptOffer offer_of(const std::shared_ptr<const Prompt>& prompt) {
    Json arguments = Json::array();
    for (const PromptArgument& argument : prompt->arguments)
        arguments.push_back(
            {{"name", argument.name}, {"description", argument.description}, {"required", argument.is_required}});
    Json listing = {{"name", prompt->name}};
    if (!prompt->title.empty()) listing["title"] = prompt->title;
    listing["description"] = prompt->description;
    if (!arguments.empty()) listing["arguments"] = std::move(arguments);
    const auto get = [prompt](Exchange& exchange, const Json& given) -> Reply {
        const Result<client::Endpoint*> endpoint = exchange.endpoint();
        if (!endpoint.ok()) return failure_of(endpoint.error());
        CallContext context = context_of(exchange, **endpoint);
        const Result<std::string> text = prompt->text(given, context);
        if (!text.ok()) return failure_of(text.error());
        Json messages = Json::array();
        messages.push_back({{"role", "user"}, {"content", {{"type", "text"}, {"text", *text}}}});
        return Json{{"description", prompt->description}, {"messages", std::move(messages)}};
    };
    return {.listing = std::move(listing), .get = get};
}

ToolOffer offer_of(const std::shared_ptr<const Tool>& tool, Seal& seal) {
    ToolOffer offer{.listing = listing_of(*tool), .scope = tool->scope, .call = {}, .entity_of = tool->entity_of};
    offer.call = [tool, schema = tool->input_schema, &seal](Exchange& exchange, Json arguments) {
        return ToolCall(*tool, schema, seal, exchange, std::move(arguments)).run();
    };
    return offer;
}

Json json_of(const Resource& resource) {
    Json json = {{"uri", resource.uri}, {"name", resource.name}};
    if (!resource.title.empty()) json["title"] = resource.title;
    json["description"] = resource.description;
    if (!resource.mime_type.empty()) json["mimeType"] = resource.mime_type;
    return json;
}

Json json_of(const ResourceTemplate& resource) {
    Json json = {{"uriTemplate", resource.uri_template}, {"name", resource.name}};
    if (!resource.title.empty()) json["title"] = resource.title;
    json["description"] = resource.description;
    if (!resource.mime_type.empty()) json["mimeType"] = resource.mime_type;
    return json;
}

void add_resources(Offers& offers, const std::shared_ptr<const Catalog>& catalog) {
    if (catalog->list_resources) {
        offers.resource_lists.emplace_back([catalog](Exchange& exchange) -> Result<std::vector<Json>> {
            const Result<client::Endpoint*> endpoint = exchange.endpoint();
            if (!endpoint.ok()) return endpoint.error();
            CallContext context = context_of(exchange, **endpoint);
            const Result<std::vector<Resource>> resources = catalog->list_resources(context);
            if (!resources.ok()) return resources.error();
            std::vector<Json> list;
            for (const Resource& resource : *resources) list.push_back(json_of(resource));
            return list;
        });
    }
    if (!catalog->read_resource) return;
    offers.readers.emplace_back([catalog](Exchange& exchange, std::string_view uri) -> std::optional<Reply> {
        const Result<client::Endpoint*> endpoint = exchange.endpoint();
        if (!endpoint.ok()) return failure_of(endpoint.error());
        CallContext context = context_of(exchange, **endpoint);
        const Result<ResourceContent> content = catalog->read_resource(uri, context);
        if (!content.ok() && content.error().code == ErrorCode::kNotFound) return std::nullopt;
        if (!content.ok()) return failure_of(content.error());
        Json item = {{"uri", content->uri.empty() ? std::string(uri) : content->uri}};
        if (!content->mime_type.empty()) item["mimeType"] = content->mime_type;
        item["text"] = content->text;
        Json result = {{"contents", Json::array({std::move(item)})}};
        if (content->is_settled) result["ttlMs"] = kSettledMs;
        return result;
    });
}

}  // namespace

Json text_content(std::string_view text) { return Json::array({Json{{"type", "text"}, {"text", text}}}); }

Offers offers_of(Catalog given, Seal& seal) {
    const auto catalog = std::make_shared<const Catalog>(std::move(given));
    Offers offers;
    offers.instructions = catalog->instructions;
    offers.aliases = catalog->aliases;
    // Each shares the catalog that it is a part of.
    for (const Tool& tool : catalog->tools)
        offers.tools.push_back(offer_of(std::shared_ptr<const Tool>(catalog, &tool), seal));
    for (const Prompt& prompt : catalog->prompts)
        offers.prompts.push_back(offer_of(std::shared_ptr<const Prompt>(catalog, &prompt)));
    for (const ResourceTemplate& one : catalog->templates) offers.templates.push_back(json_of(one));
    add_resources(offers, catalog);
    if (catalog->complete) {
        offers.completers.emplace_back([catalog](Exchange& exchange, std::string_view reference, std::string_view name,
                                                 std::string_view prefix) -> std::vector<std::string> {
            const Result<client::Endpoint*> endpoint = exchange.endpoint();
            if (!endpoint.ok()) return {};
            CallContext context = context_of(exchange, **endpoint);
            std::vector<std::string> values = catalog->complete(reference, name, prefix, context);
            if (values.size() > kCompletionsMax) values.resize(kCompletionsMax);
            return values;
        });
    }
    return offers;
}

}  // namespace chronos::mcp
