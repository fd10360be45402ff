#include "mcp/conformance_questions.h"

namespace chronos::mcp {
namespace {

Json said(std::string_view text) { return {{"content", text_content(text)}}; }

Json form(std::string_view message, Json schema) {
    return {{"method", "elicitation/create"},
            {"params", {{"mode", "form"}, {"message", message}, {"requestedSchema", std::move(schema)}}}};
}

/// A form with one field, which must be filled in.
Json field(std::string_view message, std::string_view name, std::string_view type) {
    Json schema = {{"type", "object"}};
    schema["properties"][std::string(name)]["type"] = type;
    schema["required"] = Json::array({name});
    return form(message, std::move(schema));
}

Json sampling(std::string_view text, int tokens_max) {
    Json messages = Json::array();
    messages.push_back({{"role", "user"}, {"content", {{"type", "text"}, {"text", text}}}});
    return {{"method", "sampling/createMessage"},
            {"params", {{"messages", std::move(messages)}, {"maxTokens", tokens_max}}}};
}

Json roots() { return {{"method", "roots/list"}, {"params", Json::object()}}; }

/// The answer to a question, if there is one and it is at least an object.
const Json& answer_to(const Exchange& exchange, std::string_view name) {
    static const Json kNone;
    const Json& answer = member(exchange.input_responses(), name);
    return answer.is_object() ? answer : kNone;
}

/// What was filled into a field of a form that was accepted.
std::string filled_in(const Json& answer, std::string_view name) {
    return string_member(answer, "action") == "accept" ? text_of(member(member(answer, "content"), name)) : "";
}

Reply question(std::string_view name, Json request, Json state = {}) {
    InputRequired question{.state = std::move(state)};
    question.requests[std::string(name)] = std::move(request);
    return question;
}

/// A tool that asks one thing and repeats what it was answered.
void add_simple(Offers& offers, std::string_view tool, std::string_view name, const Json& request,
                const Json& state = {}) {
    add_fixture(offers, tool, [name = std::string(name), request, state](Exchange& exchange, const Json&) -> Reply {
        const Json& answer = answer_to(exchange, name);
        if (answer.is_null() || exchange.state() != state) return question(name, request, state);
        return said((state.is_null() ? "answered: " : "state-ok: ") + text_of(answer));
    });
}

void add_one_round(Offers& offers) {
    add_simple(offers, "test_input_required_result_elicitation", "user_name",
               field("What is your name?", "name", "string"));
    add_simple(offers, "test_input_required_result_sampling", "capital_question",
               sampling("What is the capital of France?", 100));
    add_simple(offers, "test_input_required_result_list_roots", "client_roots", roots());
    add_simple(offers, "test_streaming_elicitation", "user_name", field("What is your name?", "name", "string"));
    add_simple(offers, "test_missing_capability", "reply", sampling("Say something", 10));
    const Json state = {{"round", 1}};
    add_simple(offers, "test_input_required_result_request_state", "confirm", field("Please confirm", "ok", "boolean"),
               state);
    add_simple(offers, "test_input_required_result_tampered_state", "confirm", field("Please confirm", "ok", "boolean"),
               state);
}

void add_many(Offers& offers) {
    add_fixture(offers, "test_input_required_result_multiple_inputs", [](Exchange& exchange, const Json&) -> Reply {
        InputRequired all{.state = {{"round", 1}}};
        all.requests = {{"user_name", field("What is your name?", "name", "string")},
                        {"greeting", sampling("Generate a greeting", 50)},
                        {"client_roots", roots()}};
        for (const auto& [name, request] : all.requests.items()) {
            if (answer_to(exchange, name).is_null()) return all;
        }
        return said("all of it was answered");
    });
    add_fixture(offers, "test_input_required_result_multi_round", [](Exchange& exchange, const Json&) -> Reply {
        const Json& round = member(exchange.state(), "round");
        const Json& first = answer_to(exchange, "step1");
        if (round == Json(2) && !answer_to(exchange, "step2").is_null())
            return said(exchange.state()["name"].get<std::string>() + " likes " +
                        filled_in(answer_to(exchange, "step2"), "color"));
        if (round == Json(1) && !first.is_null())
            return question("step2", field("Step 2: What is your favorite color?", "color", "string"),
                            {{"round", 2}, {"name", filled_in(first, "name")}});
        return question("step1", field("Step 1: What is your name?", "name", "string"), {{"round", 1}});
    });
    add_fixture(offers, "test_input_required_result_capabilities", [](Exchange& exchange, const Json&) -> Reply {
        InputRequired able;
        if (exchange.client().can_fill_forms()) able.requests["name"] = field("What is your name?", "name", "string");
        if (exchange.client().has_capability("sampling")) able.requests["reply"] = sampling("Say something", 10);
        if (able.requests.empty() || !exchange.input_responses().empty()) return said("nothing more to ask");
        return able;
    });
    add_prompt_fixture(offers, "test_input_required_result_prompt", {}, [](Exchange& exchange, const Json&) -> Reply {
        const Json& answer = answer_to(exchange, "user_context");
        if (answer.is_null())
            return question("user_context", field("What context should the prompt use?", "context", "string"));
        Json messages = Json::array();
        messages.push_back({{"role", "user"}, {"content", {{"type", "text"}, {"text", filled_in(answer, "context")}}}});
        return Json{{"messages", std::move(messages)}};
    });
}

/// Those of the legacy era, which ask while they run.
void add_legacy(Offers& offers) {
    const auto completed = [](const Json& answer) {
        return said("Elicitation completed: action=" + string_member(answer, "action").value_or("") +
                    ", content=" + text_of(member(answer, "content")));
    };
    const Json prompt =
        Json::parse(R"({"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]})");
    const Json message =
        Json::parse(R"({"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]})");
    add_fixture(
        offers, "test_sampling",
        [](Exchange& exchange, const Json& arguments) -> Reply {
            const Json& answer = answer_to(exchange, "reply");
            if (answer.is_null())
                return question("reply", sampling(string_member(arguments, "prompt").value_or(""), 100));
            return said("LLM response: " + string_member(member(answer, "content"), "text").value_or(""));
        },
        prompt);
    add_fixture(
        offers, "test_elicitation",
        [](Exchange& exchange, const Json& arguments) -> Reply {
            const Json& answer = answer_to(exchange, "user");
            if (answer.is_null())
                return question("user", form(string_member(arguments, "message").value_or(""), Json::parse(R"json({
                    "type": "object", "required": ["username", "email"], "properties": {
                        "username": {"type": "string", "description": "User's response"},
                        "email": {"type": "string", "description": "User's email address"}}})json")));
            return said("User response: action: " + string_member(answer, "action").value_or("") +
                        ", content: " + text_of(member(answer, "content")));
        },
        message);
    const auto add_form = [&](std::string_view name, const char* schema) {
        add_fixture(offers, name, [completed, schema = Json::parse(schema)](Exchange& exchange, const Json&) -> Reply {
            const Json& answer = answer_to(exchange, "form");
            if (answer.is_null()) return question("form", form("Please review and update the form", schema));
            return completed(answer);
        });
    };
    add_form("test_elicitation_sep1034_defaults", R"json({"type": "object", "required": [], "properties": {
        "name": {"type": "string", "default": "John Doe"}, "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": true}}})json");
    add_form("test_elicitation_sep1330_enums", R"json({"type": "object", "required": [], "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {"type": "string", "oneOf": [{"const": "value1", "title": "First Option"},
            {"const": "value2", "title": "Second Option"}, {"const": "value3", "title": "Third Option"}]},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
        "titledMulti": {"type": "array", "items": {"anyOf": [{"const": "value1", "title": "First Choice"},
            {"const": "value2", "title": "Second Choice"}, {"const": "value3", "title": "Third Choice"}]}}}})json");
}

}  // namespace

void add_question_tools(Offers& offers) {
    add_one_round(offers);
    add_many(offers);
    add_legacy(offers);
}

}  // namespace chronos::mcp
