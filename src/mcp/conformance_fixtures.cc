#include "mcp/conformance_fixtures.h"

#include <chrono>
#include <thread>

#include "mcp/conformance_questions.h"

namespace chronos::mcp {
namespace {

constexpr auto kPause = std::chrono::milliseconds(50);

/// A red pixel.
constexpr std::string_view kPng =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/// No sample at all.
constexpr std::string_view kWav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

Json content(Json item) { return {{"content", Json::array({std::move(item)})}}; }
Json said(std::string_view text) { return {{"content", text_content(text)}}; }
Json image() { return {{"type", "image"}, {"data", kPng}, {"mimeType", "image/png"}}; }
Json embedded(std::string_view uri, std::string_view mime_type, std::string_view text) {
    return {{"type", "resource"}, {"resource", {{"uri", uri}, {"mimeType", mime_type}, {"text", text}}}};
}

void add_content_tools(Offers& offers) {
    add_fixture(offers, "test_simple_text",
                [](Exchange&, const Json&) -> Reply { return said("This is a simple text response for testing."); });
    add_fixture(offers, "test_image_content", [](Exchange&, const Json&) -> Reply { return content(image()); });
    add_fixture(offers, "test_audio_content", [](Exchange&, const Json&) -> Reply {
        return content({{"type", "audio"}, {"data", kWav}, {"mimeType", "audio/wav"}});
    });
    add_fixture(offers, "test_embedded_resource", [](Exchange&, const Json&) -> Reply {
        return content(embedded("test://embedded-resource", "text/plain", "This is an embedded resource content."));
    });
    add_fixture(offers, "test_multiple_content_types", [](Exchange&, const Json&) -> Reply {
        Json result = said("Multiple content types test:");
        result["content"].push_back(image());
        result["content"].push_back(
            embedded("test://mixed-content-resource", "application/json", R"({"test":"data","value":123})"));
        return result;
    });
    add_fixture(offers, "test_error_handling", [](Exchange&, const Json&) -> Reply {
        Json result = said("This tool intentionally returns an error for testing");
        result["isError"] = true;
        return result;
    });
}

void add_telling_tools(Offers& offers, Subscriptions& subscriptions) {
    add_fixture(offers, "test_tool_with_progress", [](Exchange& exchange, const Json&) -> Reply {
        for (const double done : {0.0, 50.0, 100.0}) {
            exchange.report_progress(done, 100, "");
            std::this_thread::sleep_for(kPause);
        }
        return said("progress was reported");
    });
    add_fixture(offers, "test_tool_with_logging", [](Exchange& exchange, const Json&) -> Reply {
        for (const char* text : {"Tool execution started", "Tool processing data", "Tool execution completed"}) {
            exchange.log("info", "fixtures", text);
            std::this_thread::sleep_for(kPause);
        }
        return said("messages were sent");
    });
    add_fixture(offers, "test_logging_tool", [](Exchange& exchange, const Json&) -> Reply {
        exchange.log("info", "fixtures", "as it was asked for");
        return said("a message was sent, if it was asked for");
    });
    add_fixture(offers, "test_reconnection", [](Exchange& exchange, const Json&) -> Reply {
        exchange.pause();
        std::this_thread::sleep_for(2 * kPause);
        return said("the stream was closed and taken up again");
    });
    add_fixture(offers, "test_trigger_tool_change", [&subscriptions](Exchange&, const Json&) -> Reply {
        subscriptions.tools_changed();
        return said("the list of tools has changed");
    });
    add_fixture(offers, "test_trigger_prompt_change", [&subscriptions](Exchange&, const Json&) -> Reply {
        subscriptions.prompts_changed();
        return said("the list of prompts has changed");
    });
}

void add_schema_tools(Offers& offers) {
    const auto answer = [](Exchange&, const Json& arguments) -> Reply { return said(text_of(arguments)); };
    add_fixture(offers, "json_schema_2020_12_tool", answer, Json::parse(R"json({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "$defs": {"address": {"$anchor": "addressDef", "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
        "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"}, "email": {"type": "string"}},
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]}, "else": {"required": ["email"]}, "additionalProperties": false})json"));
    add_fixture(offers, "test_mirrored_argument", answer, Json::parse(R"json({
        "type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}})json"));
}

Json message(Json item) { return {{"role", "user"}, {"content", std::move(item)}}; }
Json text_item(std::string_view text) { return {{"type", "text"}, {"text", text}}; }

void add_prompts(Offers& offers) {
    add_prompt_fixture(offers, "test_simple_prompt", {}, [](Exchange&, const Json&) -> Reply {
        return Json{{"messages", Json::array({message(text_item("This is a simple prompt for testing."))})}};
    });
    add_prompt_fixture(
        offers, "test_prompt_with_arguments", {"arg1", "arg2"}, [](Exchange&, const Json& arguments) -> Reply {
            const std::string text = "Prompt with arguments: arg1='" + arguments["arg1"].get<std::string>() +
                                     "', arg2='" + arguments["arg2"].get<std::string>() + "'";
            return Json{{"messages", Json::array({message(text_item(text))})}};
        });
    add_prompt_fixture(
        offers, "test_prompt_with_embedded_resource", {"resourceUri"}, [](Exchange&, const Json& arguments) -> Reply {
            Json messages = Json::array();
            messages.push_back(message(embedded(arguments["resourceUri"].get<std::string>(), "text/plain",
                                                "Embedded resource content for testing.")));
            messages.push_back(message(text_item("Please process the embedded resource above.")));
            return Json{{"messages", std::move(messages)}};
        });
    add_prompt_fixture(offers, "test_prompt_with_image", {}, [](Exchange&, const Json&) -> Reply {
        Json messages = Json::array();
        messages.push_back(message(image()));
        messages.push_back(message(text_item("Please analyze the image above.")));
        return Json{{"messages", std::move(messages)}};
    });
    offers.completers.emplace_back([](Exchange&, std::string_view reference, std::string_view,
                                      std::string_view prefix) -> std::vector<std::string> {
        if (reference != "test_prompt_with_arguments") return {};
        return {std::string(prefix) + "1", std::string(prefix) + "2"};
    });
}

Json resource(std::string_view uri, std::string_view mime_type) {
    const std::string name(uri.substr(uri.find("//") + 2));
    return {{"uri", uri}, {"name", name}, {"description", "For testing"}, {"mimeType", mime_type}};
}

/// The contents of test://template/{id}/data; nothing when it is another URI.
std::optional<Json> template_contents(std::string_view uri) {
    constexpr std::string_view kBefore = "test://template/";
    constexpr std::string_view kAfter = "/data";
    if (!uri.starts_with(kBefore) || !uri.ends_with(kAfter) || uri.size() <= kBefore.size() + kAfter.size())
        return std::nullopt;
    const std::string id(uri.substr(kBefore.size(), uri.size() - kBefore.size() - kAfter.size()));
    const Json data = {{"id", id}, {"templateTest", true}, {"data", "Data for ID: " + id}};
    return Json{{"uri", uri}, {"mimeType", "application/json"}, {"text", text_of(data)}};
}

void add_resources(Offers& offers) {
    offers.resource_lists.emplace_back([](Exchange&) -> Result<std::vector<Json>> {
        return std::vector<Json>{
            resource("test://static-text", "text/plain"), resource("test://static-binary", "image/png"),
            resource("test://watched-resource", "text/plain"), resource("test://example-resource", "text/plain")};
    });
    offers.templates.push_back({{"uriTemplate", "test://template/{id}/data"},
                                {"name", "template"},
                                {"description", "For testing"},
                                {"mimeType", "application/json"}});
    const auto read = [](Exchange&, std::string_view uri) -> std::optional<Reply> {
        const auto contents = [](Json item) { return Reply(Json{{"contents", Json::array({std::move(item)})}}); };
        if (uri == "test://static-binary") return contents({{"uri", uri}, {"mimeType", "image/png"}, {"blob", kPng}});
        if (uri == "test://static-text")
            return contents({{"uri", uri},
                             {"mimeType", "text/plain"},
                             {"text", "This is the content of the static text resource."}});
        if (uri == "test://watched-resource" || uri == "test://example-resource")
            return contents({{"uri", uri}, {"mimeType", "text/plain"}, {"text", "For testing."}});
        if (auto item = template_contents(uri)) return contents(*std::move(item));
        return std::nullopt;
    };
    // Before the store's, which need not be asked for these.
    offers.readers.insert(offers.readers.begin(), read);
}

}  // namespace

void add_fixture(Offers& offers, std::string_view name, std::function<Reply(Exchange&, const Json&)> call,
                 Json input_schema) {
    Json listing = {{"name", name}, {"description", "For testing"}, {"inputSchema", std::move(input_schema)}};
    offers.tools.push_back({.listing = std::move(listing), .scope = access::Scope::kRead, .call = std::move(call)});
}

void add_prompt_fixture(Offers& offers, std::string_view name, const std::vector<std::string>& arguments,
                        std::function<Reply(Exchange&, const Json&)> get) {
    Json listing = {{"name", name}, {"description", "For testing"}};
    for (const std::string& argument : arguments)
        listing["arguments"].push_back({{"name", argument}, {"description", "For testing"}, {"required", true}});
    offers.prompts.push_back({.listing = std::move(listing), .get = std::move(get)});
}

void add_conformance_fixtures(Offers& offers, Subscriptions& subscriptions) {
    offers.are_lists_changing = true;
    add_content_tools(offers);
    add_telling_tools(offers, subscriptions);
    add_schema_tools(offers);
    add_question_tools(offers);
    add_prompts(offers);
    add_resources(offers);
}

}  // namespace chronos::mcp
