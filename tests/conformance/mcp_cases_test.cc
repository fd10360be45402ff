// The cases of tests/conformance/*.test, asked through MCP as well where a tool covers them: the tool has to find the
// same events and the same state, and to refuse what the route refuses.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "conformance/http_case.h"
#include "conformance/program_runner.h"
#include "conformance/server_process.h"

namespace chronos::conformance {
namespace {

using nlohmann::json;

/// Nothing where the encoding itself is wrong, which a tool has no part in.
std::optional<std::string> decoded(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        const bool is_escape =
            text[i] == '%' && i + 2 < text.size() &&
            std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3;
        if (text[i] == '%' && (!is_escape || value == 0 || value >= 0x80)) return std::nullopt;
        out += is_escape ? static_cast<char>(value) : text[i] == '+' ? ' ' : text[i];
        if (is_escape) i += 2;
    }
    return out;
}

/// A call that asks what a request asks.
struct Counterpart {
    std::string tool;
    json arguments = json::object();
};

bool is_number(const std::string& text) {
    return !text.empty() && text.size() < 15 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// What a tool is given for a parameter of a route; false: it has no such argument, or no second one.
bool take_parameter(const std::string& name, const std::string& value, json& arguments) {
    static const std::set<std::string> kNumbers{"limit", "after", "at"};
    static const std::set<std::string> kTexts{"event_type_prefix",
                                              "entity_id_prefix",
                                              "since",
                                              "until",
                                              "occurred_since",
                                              "occurred_until",
                                              "actor",
                                              "correlation_id",
                                              "fork",
                                              "as_of",
                                              "known_at"};
    static const std::set<std::string> kLists{"event_type", "entity_id", "tag", "where"};
    if (name == "order") {
        const bool is_backward = value == "desc" || value == "backward";
        if (!is_backward && value != "asc" && value != "forward") return false;
        arguments["order"] = is_backward ? "backward" : "forward";
        return true;
    }
    if (!kLists.contains(name) && arguments.contains(name)) return false;
    if (kNumbers.contains(name) && is_number(value)) {
        arguments[name] = std::stoull(value);
        return true;
    }
    if (kTexts.contains(name)) arguments[name] = value;
    if (kLists.contains(name)) arguments[name].push_back(value);
    return kTexts.contains(name) || kLists.contains(name);
}

/// Nothing where no tool covers the request.
std::optional<Counterpart> counterpart_of(const HttpCase& one, const HttpRequest& request) {
    if (request.method != "GET" || one.form != "json") return std::nullopt;
    // Headers are about access, forms and caches.
    if (!one.request.headers.empty()) return std::nullopt;
    const std::size_t query = std::min(request.target.find('?'), request.target.size());
    const std::string path = request.target.substr(0, query);
    Counterpart call;
    constexpr std::string_view kEntities = "/api/v1/entities/";
    constexpr std::string_view kState = "/state";
    if (path == "/api/v1/events/query") {
        call.tool = "query_events";
        call.arguments = {{"max_tokens", 60'000}};
    } else if (path.starts_with(kEntities) && path.ends_with(kState)) {
        call.tool = "get_state";
        const auto entity = decoded(path.substr(kEntities.size(), path.size() - kEntities.size() - kState.size()));
        if (!entity) return std::nullopt;
        call.arguments = {{"entity_id", *entity}};
    } else {
        return std::nullopt;
    }
    for (std::size_t at = query + 1; at < request.target.size();) {
        const std::size_t end = std::min(request.target.find('&', at), request.target.size());
        const std::string pair = request.target.substr(at, end - at);
        const std::size_t equals = std::min(pair.find('='), pair.size());
        const auto name = decoded(pair.substr(0, equals));
        const auto value = decoded(equals < pair.size() ? pair.substr(equals + 1) : "");
        if (!name || !value || !take_parameter(*name, *value, call.arguments)) return std::nullopt;
        at = end + 1;
    }
    // Where the request leaves it to the front end.
    if (call.tool == "query_events" && !call.arguments.contains("limit")) call.arguments["limit"] = 100;
    return call;
}

HttpRequest request_of(const Counterpart& call, const std::string& key) {
    constexpr const char* kMeta = "io.modelcontextprotocol/";
    const json message = {{"jsonrpc", "2.0"},
                          {"id", 1},
                          {"method", "tools/call"},
                          {"params",
                           {{"name", call.tool},
                            {"arguments", call.arguments},
                            {"_meta",
                             {{std::string(kMeta) + "protocolVersion", "2026-07-28"},
                              {std::string(kMeta) + "clientCapabilities", json::object()}}}}}};
    return {.method = "POST",
            .target = "/mcp",
            .headers = {{"Authorization", "Bearer " + key},
                        {"Content-Type", "application/json"},
                        {"Accept", "application/json, text/event-stream"},
                        {"MCP-Protocol-Version", "2026-07-28"},
                        {"Mcp-Method", "tools/call"},
                        {"Mcp-Name", call.tool}},
            .body = message.dump()};
}

/// Position, id and payload of each.
json facts_of(const json& events) {
    json facts = json::array();
    for (const json& event : events) {
        const char* id = event.contains("id") ? "id" : "event_id";
        facts.push_back({event["position"], event[id], event["event_type"], event["version"], event["payload"]});
    }
    return facts;
}

/// What the tool says otherwise than the route; empty: nothing.
std::string difference(const Counterpart& call, const HttpAnswer& route, const json& result) {
    const bool is_refused = result.value("isError", false);
    const json content = result.value("structuredContent", json::object());
    const json body = json::parse(route.body, nullptr, false);
    if (call.tool == "get_state" && route.status == 404) {
        return !is_refused && !content.value("exists", true) ? "" : "the route says it is not there";
    }
    if (route.status >= 400) return is_refused ? "" : "the route refuses it";
    if (is_refused) return "the tool refuses it";
    if (call.tool == "get_state") {
        const json state = body.contains("current_state") ? body["current_state"] : body["state"];
        return content["untrusted"]["state"] == state && content["version"] == body["version"] ? "" : "another state";
    }
    if (content["count"] != body["total_count"]) return "another count";
    return facts_of(content["untrusted"]["events"]) == facts_of(body["events"]) ? "" : "other events";
}

/// Runs a file of cases, and gives how many a tool was asked as well.
int run_beside_tools(const std::string& name) {
    std::string problem;
    const std::vector<HttpCase> cases = read_cases(name, problem);
    EXPECT_EQ(problem, "");
    ServerProcess server;
    EXPECT_TRUE(server.is_running());
    Saved saved = server.make_keys();
    int asked = 0;
    for (const HttpCase& one : cases) {
        const HttpRequest request = filled_in(one, saved);
        const HttpAnswer answer = ask(server.port(), request);
        (void)compare(one, answer, saved);  // For what it saves.
        const auto call = counterpart_of(one, request);
        if (!call) continue;
        const HttpAnswer told = ask(server.port(), request_of(*call, saved["read"]));
        const json message = json::parse(told.body, nullptr, false);
        if (!message.is_object() || !message.contains("result")) {
            ADD_FAILURE() << name << ".test:" << one.line << ": " << told.status << " " << told.body;
            continue;
        }
        EXPECT_EQ(difference(*call, answer, message["result"]), "")
            << name << ".test:" << one.line << ": " << one.title << "\n"
            << call->tool << " " << call->arguments.dump() << "\n"
            << message["result"].value("structuredContent", json()).dump() << "\n"
            << answer.status << " " << answer.body.substr(0, 2'000);
        ++asked;
    }
    EXPECT_EQ(server.stop(), 0);
    return asked;
}

TEST(McpCases, ToolsFindTheEventsThatRoutesFind) { EXPECT_GE(run_beside_tools("query"), 15); }
TEST(McpCases, ToolsGiveTheStatesThatRoutesGive) { EXPECT_GE(run_beside_tools("entities"), 5); }
TEST(McpCases, ToolsSeeForksAsRoutesDo) { EXPECT_GE(run_beside_tools("forks"), 1); }
TEST(McpCases, ToolsSeeWhatWasAppended) { EXPECT_GE(run_beside_tools("append"), 1); }

}  // namespace
}  // namespace chronos::conformance
