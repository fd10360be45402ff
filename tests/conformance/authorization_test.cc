// Who may do what, for every route that the server has: a route without a row here fails the test.
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "conformance/program_runner.h"
#include "conformance/server_process.h"

namespace chronos::conformance {
namespace {

using nlohmann::json;

/// What a caller must be allowed, smallest scope; empty: nothing. Kept by hand, beside the table of routes.
const std::map<std::string, std::string>& rows() {
    static const std::map<std::string, std::string> rows = {
        {"POST /api/v1/events", "write:forks"},
        {"POST /api/v1/events/batch", "write:forks"},
        {"POST /api/v1/events/bulk", "write:forks"},
        {"GET /api/v1/events/{event_id}", "read"},
        {"GET /api/v1/events/query", "read"},
        {"POST /api/v1/events/query", "read"},
        {"GET /api/v1/event-types", "read"},
        {"GET /api/v1/stats", "read"},
        {"GET /api/v1/entities", "read"},
        {"GET /api/v1/streams", "read"},
        {"GET /api/v1/entity", "read"},
        {"GET /api/v1/entities/{id}/state", "read"},
        {"GET /api/v1/entities/{id}/snapshot", "read"},
        {"GET /api/v1/entities/{id}/history", "read"},
        {"GET /api/v1/entities/{id}/changes", "read"},
        {"GET /api/v1/changes", "read"},
        {"GET /api/v1/events/stream", "read"},
        {"GET /api/v1/events/sse", "read"},
        {"POST /api/v1/consumers", "write"},
        {"GET /api/v1/consumers", "read"},
        {"GET /api/v1/consumers/{consumer}", "read"},
        {"DELETE /api/v1/consumers/{consumer}", "write"},
        {"GET /api/v1/consumers/{consumer}/events", "write"},
        {"POST /api/v1/consumers/{consumer}/ack", "write"},
        {"POST /api/v1/consumers/{consumer}/reset", "write"},
        {"POST /api/v1/forks", "write:forks"},
        {"GET /api/v1/forks", "read"},
        {"GET /api/v1/forks/{fork}", "read"},
        {"DELETE /api/v1/forks/{fork}", "write:forks"},
        {"POST /api/v1/forks/{fork}/discard", "write:forks"},
        {"POST /api/v1/forks/{fork}/extend", "write:forks"},
        {"GET /api/v1/forks/{fork}/diff", "read"},
        {"POST /api/v1/forks/{fork}/merge", "write"},
        {"POST /api/v1/keys", "admin"},
        {"POST /api/v1/backups", "admin"},
        {"GET /api/v1/keys", "admin"},
        {"DELETE /api/v1/keys/{key_id}", "admin"},
        {"GET /api/v1/auth/me", "read"},
        {"POST /mcp", "read"},
        {"GET /mcp", "read"},
        {"DELETE /mcp", "read"},
        {"GET /.well-known/oauth-protected-resource", ""},
        {"GET /.well-known/oauth-protected-resource/mcp", ""},
        {"GET /health", ""},
        {"GET /healthz", ""},
        {"GET /livez", ""},
        {"GET /readyz", ""},
        {"GET /version", ""},
        {"GET /metrics", ""},
        {"GET /openapi.json", ""},
        {"GET /docs", ""},
        {"GET /llms.txt", ""},
    };
    return rows;
}

int rank_of(const std::string& scope) {
    const std::vector<std::string> order = {"", "read", "write:forks", "write", "admin"};
    return static_cast<int>(std::find(order.begin(), order.end(), scope) - order.begin());
}

std::string upper(std::string text) {
    for (char& c : text) c = static_cast<char>(std::toupper(c));
    return text;
}

/// All that the server's own description has, "GET /path".
std::vector<std::string> routes_of(const ServerProcess& server) {
    const json description = json::parse(server.ask({.target = "/openapi.json"}).body, nullptr, false);
    std::vector<std::string> routes;
    for (const auto& [path, operations] : description["paths"].items()) {
        for (const auto& [method, operation] : operations.items()) routes.push_back(upper(method) + " " + path);
    }
    return routes;
}

HttpRequest request_for(const std::string& route) {
    HttpRequest request;
    request.method = route.substr(0, route.find(' '));
    request.target = route.substr(route.find(' ') + 1);
    if (const std::size_t open = request.target.find('{'); open != std::string::npos)
        request.target.replace(open, request.target.find('}') - open + 1, "nobody");
    // Appends on main take more than the route's scope, which another test is about.
    if (rows().contains(route) && route.starts_with("POST /api/v1/events") && rows().at(route) == "write:forks")
        request.target += "?fork=nobody";
    // Beyond the head, so that the answer comes to an end.
    if (route == "GET /api/v1/events/sse") request.target += "?after=1000000";
    if (request.method == "POST") request.body = "{}";
    return request;
}

class Authorization : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(server_.is_running()); }

    /// From an address of its own each time, so that wrong keys do not become too many.
    int status_with(const std::string& key, const std::string& route) {
        HttpRequest request = request_for(route);
        if (!key.empty()) request.headers.emplace_back("Authorization", "Bearer " + key);
        ++asked_;
        const std::string address =
            "127.0." + std::to_string(1 + asked_ / 200) + "." + std::to_string(1 + asked_ % 200);
        return ask(server_.port(), request, address).status;
    }

    ServerProcess server_;
    int asked_ = 0;
};

TEST_F(Authorization, EveryRouteHasARowAndEveryRowARoute) {
    std::map<std::string, std::string> left = rows();
    for (const std::string& route : routes_of(server_))
        EXPECT_EQ(left.erase(route), 1U) << route << " has no row in this test: who may do it?";
    for (const auto& [route, scope] : left) ADD_FAILURE() << route << " is no route of the server";
}

TEST_F(Authorization, EachScopeDoesWhatItCoversAndNothingMore) {
    const std::map<std::string, std::string> keys = {
        {"read", server_.make_key(R"(["read"])")},
        {"write:forks", server_.make_key(R"(["write:forks"])")},
        {"write", server_.make_key(R"(["write"])")},
        {"admin", server_.make_key(R"(["admin"])")},
    };
    for (const std::string& route : routes_of(server_)) {
        const auto row = rows().find(route);
        if (row == rows().end()) continue;
        for (const auto& [scope, key] : keys) {
            ASSERT_FALSE(key.empty());
            const int status = status_with(key, route);
            const bool may = rank_of(scope) >= rank_of(row->second);
            EXPECT_NE(status, 0) << route << " as " << scope;
            EXPECT_NE(status, 401) << route << " as " << scope;
            EXPECT_EQ(status == 403, !may) << route << " as " << scope << ": " << status;
        }
    }
}

TEST_F(Authorization, WhoHasNoGoodKeyIsNobody) {
    const auto soon = std::chrono::system_clock::now() + std::chrono::seconds(2);
    const std::time_t seconds = std::chrono::system_clock::to_time_t(soon);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    (void)std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    const std::string expired =
        server_.make_key(R"(["admin"])", std::string(R"(,"expires_at":")") + text.data() + "\"");
    ASSERT_FALSE(expired.empty());
    const std::string revoked = server_.make_key(R"(["admin"])");
    const std::string id = revoked.substr(8, 10);
    ASSERT_EQ(server_.ask({.method = "DELETE", .target = "/api/v1/keys/" + id}).status, 200);
    std::string mistyped = server_.admin_key();
    mistyped.back() = mistyped.back() == 'a' ? 'b' : 'a';
    while (status_with(expired, "GET /api/v1/auth/me") == 200)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const std::map<std::string, std::string> keys = {
        {"anonymous", ""}, {"expired", expired}, {"revoked", revoked}, {"mistyped", mistyped}, {"foreign", "abc"}};
    for (const std::string& route : routes_of(server_)) {
        const auto row = rows().find(route);
        if (row == rows().end()) continue;
        for (const auto& [name, key] : keys) {
            const int status = status_with(key, route);
            if (row->second.empty())
                EXPECT_EQ(status, 200) << route << " as " << name;
            else
                EXPECT_EQ(status, 401) << route << " as " << name;
        }
    }
}

TEST_F(Authorization, AKeyForForksAppendsNowhereElse) {
    const std::string key = server_.make_key(R"(["write:forks"])");
    const std::string event = R"({"entity_id":"a","event_type":"t","payload":{}})";
    for (const std::string path : {"/api/v1/events", "/api/v1/events/batch", "/api/v1/events/bulk"}) {
        for (const std::string query : {"", "?fork=main", "?branch=main", "?fork=", "?fork=m%61in", "?branch=&fork="}) {
            const HttpAnswer answer = server_.ask_as(key, {.method = "POST", .target = path + query, .body = event});
            EXPECT_TRUE(answer.status == 403 || answer.status == 400) << path << query << ": " << answer.status;
        }
    }
    EXPECT_EQ(json::parse(server_.ask({.target = "/api/v1/stats"}).body)["events"], 0);
    ASSERT_EQ(server_.ask_as(key, {.method = "POST", .target = "/api/v1/forks", .body = R"({"name":"f"})"}).status,
              201);
    EXPECT_EQ(server_.ask_as(key, {.method = "POST", .target = "/api/v1/events?fork=f", .body = event}).status, 200);
}

TEST_F(Authorization, NoFormOfAnotherTenantIsAccepted) {
    const std::string event = R"({"tenant_id":"acme","entity_id":"a","event_type":"t","payload":{}})";
    EXPECT_EQ(server_.ask({.method = "POST", .target = "/api/v1/events", .body = event}).status, 404);
    EXPECT_EQ(server_.ask({.method = "POST", .target = "/api/v1/events/batch", .body = "[" + event + "]"}).status, 404);
    EXPECT_EQ(server_.ask({.method = "POST", .target = "/api/v1/events/bulk", .body = event}).status, 404);
    EXPECT_EQ(
        server_.ask({.method = "POST", .target = "/api/v1/events/query", .body = R"({"tenant_id":"acme"})"}).status,
        404);
    for (const std::string& route : routes_of(server_)) {
        const auto row = rows().find(route);
        if (row == rows().end() || row->second.empty()) continue;
        for (const char* query :
             {"tenant_id=acme", "tenant%5Fid=acme", "tenant_id=default&tenant_id=acme", "tenant_id="}) {
            HttpRequest request = request_for(route);
            request.target += (request.target.find('?') == std::string::npos ? "?" : "&") + std::string(query);
            const HttpAnswer answer = server_.ask(request);
            EXPECT_EQ(answer.status, 404) << route << " " << query << ": " << answer.body;
            EXPECT_NE(answer.body.find("no such tenant"), std::string::npos) << route << " " << query;
        }
    }
}

TEST(Browsers, OnlyPagesOfKnownOriginsMayCall) {
    ServerProcess server({"--origin", "https://app.example", "--host", "events.example"});
    ASSERT_TRUE(server.is_running());
    const std::string origin = "https://app.example";
    HttpRequest request{.method = "OPTIONS", .target = "/api/v1/forks", .headers = {{"Origin", origin}}};
    const HttpAnswer asked = ask(server.port(), request);
    EXPECT_EQ(asked.status, 204);
    EXPECT_EQ(asked.header("access-control-allow-origin"), origin);
    EXPECT_EQ(asked.header("access-control-allow-methods"), "GET, HEAD, OPTIONS, POST");
    EXPECT_NE(asked.header("access-control-allow-headers").find("Authorization"), std::string::npos);
    request.method = "GET";
    const HttpAnswer answer = server.ask(request);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("access-control-allow-origin"), origin);
    EXPECT_EQ(answer.header("vary"), "Origin");
    EXPECT_EQ(ask(server.port(), {.target = "/health", .headers = {{"Host", "EVENTS.example:443"}}}).status, 200);
    for (const char* other : {"https://app.example.evil", "http://app.example", "null", "https://evil.example"}) {
        const HttpAnswer refused = ask(server.port(), {.target = "/health", .headers = {{"Origin", other}}});
        EXPECT_EQ(refused.status, 403) << other;
        EXPECT_EQ(refused.header("access-control-allow-origin"), "") << other;
    }
    for (const char* host : {"127.evil.example", "evil.example", "localhost.evil.example", "", "1.2.3.4"})
        EXPECT_EQ(ask(server.port(), {.target = "/health", .headers = {{"Host", host}}}).status, 421) << host;
}

TEST_F(Authorization, ManyWrongKeysAreSlowedDownAndNoGoodOneIsLockedOut) {
    const HttpRequest wrong{.target = "/api/v1/auth/me", .headers = {{"X-API-Key", "chronos_wrong"}}};
    int status = 0;
    for (int i = 0; i < 25; ++i) status = ask(server_.port(), wrong, "127.0.0.77").status;
    EXPECT_EQ(status, 429);
    const HttpRequest good{.target = "/api/v1/auth/me", .headers = {{"X-API-Key", server_.admin_key()}}};
    EXPECT_EQ(ask(server_.port(), good, "127.0.0.77").status, 200);
    EXPECT_EQ(ask(server_.port(), wrong, "127.0.0.78").status, 401);
}

}  // namespace
}  // namespace chronos::conformance
