#include "server/http/gate.h"

#include <algorithm>

#include "server/http/problem.h"
#include "server/key_ring.h"
#include "server/services.h"
#include "wire/parameters.h"
#include "wire/read_request.h"

namespace chronos::server {
namespace {

/// The name of "name:port", "[::1]:3900".
std::string_view host_name(std::string_view host) {
    if (host.starts_with('[')) return host.substr(0, std::min(host.find(']'), host.size() - 1) + 1);
    return host.substr(0, host.find(':'));
}

/// Addresses only: a name like 127.example.com is somebody else's, and may point here.
bool is_loopback_name(std::string_view name) {
    const bool is_address =
        std::all_of(name.begin(), name.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
    return name == "localhost" || name == "[::1]" || (is_address && name.starts_with("127."));
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// What curl and the like send when nobody said what the body is.
constexpr std::string_view kUnsaidType = "application/x-www-form-urlencoded";

bool contains_type(const Route& route, std::string_view type) {
    return std::find(route.request_types.begin(), route.request_types.end(), type) != route.request_types.end();
}

/// The body's type must be one that the route reads, and text must be UTF-8.
std::optional<Response> check_content_type(const Route& route, const Request& request) {
    const std::string value = lower(request.header("content-type"));
    if (route.request_types.empty() || value.empty()) return std::nullopt;
    const std::string_view type = trimmed(std::string_view(value).substr(0, value.find(';')));
    const std::size_t charset = value.find("charset=");
    std::string_view encoding = charset == std::string::npos ? "utf-8" : std::string_view(value).substr(charset + 8);
    encoding = trimmed(encoding.substr(0, encoding.find(';')));
    if (encoding != "utf-8" && encoding != "\"utf-8\"" && encoding != "us-ascii")
        return problem(415, "unsupported-media-type", "text comes in UTF-8; say charset=utf-8 or leave it out");
    // A CloudEvent in binary mode has its data as it is.
    if (type == kUnsaidType || contains_type(route, type) ||
        (contains_type(route, "application/cloudevents+json") && request.has_header("ce-specversion")))
        return std::nullopt;
    std::string known;
    for (const std::string_view name : route.request_types) known += (known.empty() ? "" : ", ") + std::string(name);
    return problem(415, "unsupported-media-type", "Content-Type is one of " + known);
}

/// Only parameters that the route has, and the caller's own tenant; that one is taken out of the query.
std::optional<Response> check_parameters(const Route& route, const Request& request, Gate::Pass& pass) {
    if (!route.parameters || request.query.empty()) return std::nullopt;
    Result<wire::Parameters> parameters = wire::Parameters::from_query(request.query);
    if (!parameters.ok()) return problem_of(parameters.error());
    for (const std::string_view name : *route.parameters) (void)parameters->take_all(name);
    const std::vector<std::string> tenants = parameters->take_all("tenant_id");
    if (const Status known = parameters->check_all_taken(); !known.ok()) return problem_of(known.error());
    for (const std::string& tenant : tenants) {
        if (tenant != pass.principal.tenant)
            return problem(404, "not-found", "there is no such tenant; leave tenant_id out");
    }
    if (!tenants.empty()) pass.query = wire::without_parameter(request.query, "tenant_id");
    return std::nullopt;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// The credential of a request: Authorization: Bearer, or X-API-Key.
std::string_view credential_of(const Request& request) {
    std::string_view value = request.header("authorization");
    constexpr std::string_view kBearer = "bearer ";
    const bool is_bearer = value.size() > kBearer.size() &&
                           std::equal(kBearer.begin(), kBearer.end(), value.begin(), [](char want, char got) {
                               return want == (got >= 'A' && got <= 'Z' ? got + 32 : got);
                           });
    if (is_bearer) return value.substr(kBearer.size());
    return request.header("x-api-key");
}

Response unauthorized(std::string_view detail, const std::string& metadata_url) {
    Response response = problem(401, "unauthorized", detail);
    response.add_header(
        "WWW-Authenticate",
        "Bearer realm=\"chronos\"" + (metadata_url.empty() ? "" : ", resource_metadata=\"" + metadata_url + "\""));
    return response;
}

}  // namespace

/// Against pages that reach for a server on the reader's own machine (DNS rebinding, cross-site requests).
std::optional<Response> Gate::check_addressee(const Request& request) const {
    const std::string name = lower(host_name(request.header("host")));
    // HTTP/1.0 needs no Host, and no page can send a request without.
    const bool is_named = request.has_header("host");
    if (is_named && !is_loopback_name(name) && !contains(options_.hosts, name) && !contains(options_.hosts, "*")) {
        return problem(421, "misdirected-request",
                       "this server is not known by the name in the Host header; add it to server.hosts");
    }
    const std::string_view origin = request.header("origin");
    if (origin.empty()) return std::nullopt;
    const std::string own = (options_.is_tls ? "https://" : "http://") + lower(request.header("host"));
    if (lower(origin) == own || contains(options_.origins, origin)) return std::nullopt;
    return problem(403, "origin-not-allowed",
                   "pages of this origin may not call the server; add it to server.origins if they should");
}

std::string Gate::cross_origin(const Request& request) const {
    const std::string_view origin = request.header("origin");
    return contains(options_.origins, origin) ? std::string(origin) : std::string();
}

/// The answer to OPTIONS, which asks before a page of another origin may call.
Response Gate::options_of(const Request& request, const std::string& allowed) const {
    Response response{.status = 204};
    response.add_header("Allow", allowed);
    if (cross_origin(request).empty()) return response;
    response.add_header("Access-Control-Allow-Methods", allowed);
    response.add_header("Access-Control-Allow-Headers",
                        "Authorization, X-API-Key, Content-Type, Content-Encoding, Accept, If-Match, If-None-Match, "
                        "Idempotency-Key, Prefer, traceparent, Last-Event-ID, MCP-Protocol-Version, Mcp-Method, "
                        "Mcp-Name, Mcp-Session-Id");
    response.add_header("Access-Control-Max-Age", "600");
    return response;
}

Gate::Gate(const Routes& routes, Services& services, GateOptions options)
    : routes_(routes),
      services_(services),
      options_(std::move(options)),
      rate_(std::make_unique<RequestRate>(services.limits.requests_per_second_per_key)) {}

Gate::Decision Gate::decide(const Request& request) const {
    Routes::Match match = routes_.find(request.method, request.path);
    const Route* route = match.route;
    Decision decision = decide(request, std::move(match));
    // Also of what is refused: problems of appends say more.
    decision.pass.route = route;
    return decision;
}

Gate::Decision Gate::decide(const Request& request, Routes::Match match) const {
    if (auto refusal = check_addressee(request)) return {.refusal = std::move(refusal)};
    if (request.method == "OPTIONS" && match.route == nullptr && !match.allowed.empty())
        return {.refusal = options_of(request, match.allowed)};
    if (match.route == nullptr && match.allowed.empty())
        return {.refusal =
                    problem(404, "no-such-route", "there is nothing at this path; /openapi.json lists what there is")};
    if (match.route == nullptr) {
        Response refusal = problem(405, "method-not-allowed", "this path takes " + match.allowed);
        refusal.add_header("Allow", match.allowed);
        return {.refusal = std::move(refusal)};
    }
    Pass pass{.route = match.route};
    if (match.route->scope) {
        Result<access::Principal> principal = services_.keys.authenticate(credential_of(request), request.peer);
        if (!principal.ok() && principal.error().code == ErrorCode::kLimitExceeded) {
            Response refusal = problem(429, "too-many-failed-attempts", principal.error().message);
            refusal.add_header("Retry-After", "60");
            return {.refusal = std::move(refusal)};
        }
        const std::string_view metadata = match.route->resource_metadata;
        const std::string origin = (options_.is_tls ? "https://" : "http://") + std::string(request.header("host"));
        if (!principal.ok())
            return {.refusal = unauthorized(principal.error().message,
                                            metadata.empty() ? "" : origin + std::string(metadata))};
        pass.principal = std::move(*principal);
        const std::string& key = pass.principal.key_id;
        if (!key.empty() && !rate_->admit(key, services_.world.clock.monotonic_ns())) {
            const std::string limit = std::to_string(services_.limits.requests_per_second_per_key);
            Response refusal = problem(429, "too-many-requests", "this key may make " + limit + " requests a second");
            refusal.add_header("Retry-After", "1");
            refusal.add_header("RateLimit-Policy", "\"key\";q=" + limit + ";w=1");
            refusal.add_header("RateLimit", "\"key\";r=0;t=1");
            return {.refusal = std::move(refusal)};
        }
        if (!pass.principal.scopes.allows(*match.route->scope)) {
            return {.refusal =
                        problem(403, "scope-missing",
                                "this key may not " + match.route->action + " " + match.route->resource +
                                    "; it takes the scope " + std::string(access::scope_name(*match.route->scope)) +
                                    (match.route->appends_to_branch ? " to append to forks, or write for main" : ""))};
        }
    }
    if (match.route->appends_to_branch && !pass.principal.scopes.allows(access::Scope::kWrite)) {
        Result<wire::Parameters> parameters = wire::Parameters::from_query(request.query);
        if (!parameters.ok()) return {.refusal = problem_of(parameters.error())};
        const Result<std::string> branch = wire::take_branch(*parameters);
        if (!branch.ok()) return {.refusal = problem_of(branch.error())};
        if (*branch == "main")
            return {.refusal = problem(
                        403, "scope-missing",
                        "this key may append to forks only; name one with fork=, or take a key with the scope write")};
    }
    if (auto refusal = check_parameters(*match.route, request, pass)) return {.refusal = std::move(refusal)};
    if (auto refusal = check_content_type(*match.route, request)) return {.refusal = std::move(refusal)};
    pass.store = services_.store_of(pass.principal);
    Result<std::string> id = wire::percent_decoded(match.id, false);
    if (!id.ok()) return {.refusal = problem_of(id.error())};
    pass.id = std::move(*id);
    return {.refusal = std::nullopt, .pass = std::move(pass)};
}

}  // namespace chronos::server
