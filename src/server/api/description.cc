#include "server/api/description.h"

#include <algorithm>
#include <map>
#include <set>

#include "json/writer.h"
#include "server/api/parameters.h"
#include "server/api/schemas.h"
#include "server/version.h"

namespace chronos::server {
namespace {

constexpr std::string_view kProblemType = "application/problem+json";

/// As OpenAPI writes it: an id that may contain slashes is sent with %2F.
std::string path_of(const Route& route) {
    std::string path = route.pattern;
    path.erase(std::remove(path.begin(), path.end(), '*'), path.end());
    return path;
}

/// The name between braces; empty when there is none.
std::string path_parameter(const Route& route) {
    const std::string path = path_of(route);
    const std::size_t open = path.find('{');
    if (open == std::string::npos) return {};
    return path.substr(open + 1, path.find('}') - open - 1);
}

std::string operation_id(const Route& route) {
    std::string id;
    for (const char c : route.method) id += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    for (const char c : path_of(route)) {
        const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (is_word) id += c;
        if (!is_word && !id.ends_with('_') && c != '}') id += '_';
    }
    return id;
}

std::string reference(std::string_view schema) {
    return R"({"$ref":"#/components/schemas/)" + std::string(schema) + "\"}";
}

std::string parameter_json(const ApiParameter& parameter, std::string_view where) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("name", parameter.name).field("in", where).field("description", parameter.description);
    if (parameter.is_repeatable)
        writer.raw_field("schema", R"({"type":"array","items":)" + std::string(parameter.schema) + "}")
            .field("explode", true);
    else
        writer.raw_field("schema", parameter.schema);
    writer.end();
    return out;
}

std::string parameters_json(const Route& route) {
    std::string out = "[";
    const auto add = [&out](const std::string& parameter) { out += (out.size() > 1 ? "," : "") + parameter; };
    if (const std::string name = path_parameter(route); !name.empty()) {
        std::string entry;
        json::ObjectWriter(entry)
            .field("name", name)
            .field("in", "path")
            .field("required", true)
            .raw_field("schema", R"({"type":"string","minLength":1})")
            .end();
        add(entry);
    }
    std::vector<std::string_view> names = route.parameters.value_or(std::vector<std::string_view>());
    if (route.parameters && route.scope) names.push_back("tenant_id");
    for (const std::string_view name : names) {
        const ApiParameter* parameter = find_parameter(name, route.pattern);
        // Without a description, which tests look for.
        add(parameter_json(parameter == nullptr ? ApiParameter{.name = name, .schema = "{}"} : *parameter, "query"));
    }
    for (const std::string_view name : route.request_headers) {
        if (const ApiParameter* header = find_request_header(name)) add(parameter_json(*header, "header"));
    }
    return out + "]";
}

std::string content_json(const std::map<std::string, std::string>& by_type) {
    std::string out = "{";
    for (const auto& [type, schema] : by_type) {
        if (out.size() > 1) out += ',';
        json::append_string(out, type);
        out += schema.empty() ? ":{}" : ":{\"schema\":" + schema + "}";
    }
    return out + "}";
}

std::string request_json(const Route& route) {
    std::map<std::string, std::string> by_type;
    for (const std::string_view type : route.request_types) {
        std::string schema = R"({"type":"object"})";
        if (type == "application/json") schema = reference(route.request_schema);
        if (type == "application/cloudevents-batch+json") schema = R"({"type":"array"})";
        if (!type.ends_with("json")) schema = R"({"type":"string"})";
        by_type.emplace(type, schema);
    }
    return R"({"required":)" + std::string(route.request_schema.starts_with("New") ? "true" : "false") +
           ",\"content\":" + content_json(by_type) + "}";
}

/// Problems that have nothing to do with what the route does.
std::set<int> common_problems(const Route& route) {
    std::set<int> statuses = {400, 403, 408, 414, 421, 431, 500, 503};
    if (route.scope) statuses.insert({401, 404, 429});
    statuses.insert(413);
    if (!route.request_types.empty()) statuses.insert(415);
    return statuses;
}

std::string responses_json(const Route& route) {
    std::map<int, std::map<std::string, std::string>> by_status;
    for (const Answer& answer : route.answers) {
        auto& content = by_status[answer.status];
        if (answer.status != 304 && !answer.media_type.empty())
            content.emplace(answer.media_type, answer.schema.empty() ? std::string() : reference(answer.schema));
    }
    std::set<int> problems = common_problems(route);
    problems.insert(route.problems.begin(), route.problems.end());
    for (const int status : problems) by_status[status].emplace(kProblemType, reference("Problem"));
    std::string out = "{";
    for (const auto& [status, content] : by_status) {
        if (out.size() > 1) out += ',';
        out += "\"" + std::to_string(status) + "\":";
        json::ObjectWriter writer(out);
        writer.field("description", reason_phrase(status));
        if (!content.empty()) writer.raw_field("content", content_json(content));
        writer.end();
    }
    return out + "}";
}

std::string operation_json(const Route& route) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("operationId", operation_id(route))
        .field("summary", route.summary)
        .raw_field("tags", "[\"" + route.resource + "\"]");
    if (route.scope)
        writer.field("x-chronos-scope", access::scope_name(*route.scope));
    else
        writer.raw_field("security", "[]");
    if (const std::string parameters = parameters_json(route); parameters != "[]")
        writer.raw_field("parameters", parameters);
    if (!route.request_types.empty()) writer.raw_field("requestBody", request_json(route));
    writer.raw_field("responses", responses_json(route)).end();
    return out;
}

/// Rows by path, in the order of the table.
std::vector<std::pair<std::string, std::vector<const Route*>>> by_path(const Routes& routes) {
    std::vector<std::pair<std::string, std::vector<const Route*>>> paths;
    for (const Route& route : routes.all()) {
        const std::string path = path_of(route);
        const auto found =
            std::find_if(paths.begin(), paths.end(), [&](const auto& entry) { return entry.first == path; });
        if (found != paths.end())
            found->second.push_back(&route);
        else
            paths.push_back({path, {&route}});
    }
    return paths;
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '&')
            out += "&amp;";
        else
            out += c;
    }
    return out;
}

std::string scope_text(const Route& route) {
    if (!route.scope) return "none";
    const std::string name(access::scope_name(*route.scope));
    return route.appends_to_branch ? "write, or " + name + " for forks" : name;
}

std::string route_section(const Route& route) {
    std::string out = "<section><h2><code>" + escaped(route.method + " " + route.pattern) + "</code></h2><p>" +
                      escaped(route.summary) + ". Scope: " + escaped(scope_text(route)) + ".</p>";
    std::string rows;
    const auto add = [&rows](const ApiParameter* parameter, std::string_view kind) {
        if (parameter == nullptr) return;
        rows += "<tr><td><code>" + escaped(parameter->name) + "</code></td><td>" + std::string(kind) + "</td><td>" +
                escaped(parameter->description) + "</td></tr>";
    };
    for (const std::string_view name : route.parameters.value_or(std::vector<std::string_view>()))
        add(find_parameter(name, route.pattern), "query");
    for (const std::string_view name : route.request_headers) add(find_request_header(name), "header");
    if (!rows.empty()) out += "<table>" + rows + "</table>";
    return out + "</section>";
}

}  // namespace

std::string openapi_json(const Routes& routes) {
    std::string paths = "{";
    for (const auto& [path, rows] : by_path(routes)) {
        if (paths.size() > 1) paths += ',';
        json::append_string(paths, path);
        paths += ":{";
        for (std::size_t i = 0; i < rows.size(); ++i) {
            std::string method = rows[i]->method;
            for (char& c : method) c = static_cast<char>(c + 32);
            paths += (i > 0 ? ",\"" : "\"") + method + "\":" + operation_json(*rows[i]);
        }
        paths += '}';
    }
    std::string out;
    json::ObjectWriter(out)
        .field("openapi", "3.1.0")
        .raw_field("info", R"({"title":"Chronos","version":")" + std::string(kVersion) +
                               R"(","description":"An event store with forks and time travel"})")
        .raw_field("security", R"([{"bearer":[]},{"api_key":[]}])")
        .raw_field("paths", paths + "}")
        .raw_field("components", R"({"securitySchemes":{"bearer":{"type":"http","scheme":"bearer"},)"
                                 R"("api_key":{"type":"apiKey","in":"header","name":"X-API-Key"}},"schemas":)" +
                                     std::string(schemas_json()) + "}")
        .end();
    return out;
}

std::string docs_page(const Routes& routes) {
    std::string out =
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Chronos: the HTTP interface</title>"
        "<meta name=\"viewport\" content=\"width=device-width\"><style>body{font:16px/1.5 sans-serif;max-width:60em;"
        "margin:2em auto;padding:0 1em}code{font-family:monospace}h2{font-size:1em;border-top:1px solid #bbb;"
        "padding-top:1em}td{vertical-align:top;padding:0 1em .2em 0}</style></head><body><h1>Chronos</h1>"
        "<p>The HTTP interface, from the server's table of routes; <a href=\"/openapi.json\">/openapi.json</a> is the "
        "same for programs. Send <code>Authorization: Bearer &lt;API key&gt;</code>. Errors are "
        "<code>application/problem+json</code>.</p>";
    for (const Route& route : routes.all()) out += route_section(route);
    return out + "</body></html>\n";
}

std::string llms_text(const Routes& routes) {
    std::string out =
        "# Chronos\n\n> An event store with forks and time travel. Events are appended and never change; entities are "
        "read as states, at any past moment, on main or on forks.\n\n"
        "Send `Authorization: Bearer <API key>`. Reads take `fork`, `at` (position), `known_at` (recorded by a time), "
        "`as_of` (happened by a time). Appends take `expected_version` and the header `Idempotency-Key`. A key with "
        "the "
        "scope write:forks appends to forks only, as /api/v1/events?fork=NAME; main takes the scope write: try things "
        "there, then let somebody merge. Errors are problem+json; "
        "`detail` says what to do. Details: /openapi.json\n\n## Routes\n\n";
    for (const Route& route : routes.all())
        out += "- " + route.method + " " + route.pattern + " (" + scope_text(route) + "): " + route.summary + "\n";
    return out;
}

}  // namespace chronos::server
