#include "server/http/gate.h"

#include <algorithm>

#include "server/http/problem.h"
#include "server/key_ring.h"
#include "server/request_options.h"
#include "server/services.h"
#include "wire/parameters.h"

namespace chronos::server {
namespace {

/// The name of "name:port", "[::1]:3900".
std::string_view host_name(std::string_view host) {
    if (host.starts_with('[')) return host.substr(0, std::min(host.find(']'), host.size() - 1) + 1);
    return host.substr(0, host.find(':'));
}

bool is_loopback_name(std::string_view name) {
    return name == "localhost" || name == "[::1]" || name.starts_with("127.");
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

Response unauthorized(std::string_view detail) {
    Response response = problem(401, "unauthorized", detail);
    response.add_header("WWW-Authenticate", "Bearer realm=\"chronos\"");
    return response;
}

}  // namespace

/// Against pages that reach for a server on the reader's own machine (DNS rebinding, cross-site requests).
std::optional<Response> Gate::check_addressee(const Request& request) const {
    const std::string_view name = host_name(request.header("host"));
    if (!is_loopback_name(name) && !contains(options_.hosts, name) && !contains(options_.hosts, "*")) {
        return problem(421, "misdirected-request",
                       "this server is not known by the name in the Host header; add it to server.hosts");
    }
    const std::string_view origin = request.header("origin");
    if (origin.empty()) return std::nullopt;
    const std::string own = (options_.is_tls ? "https://" : "http://") + std::string(request.header("host"));
    if (origin == own || contains(options_.origins, origin)) return std::nullopt;
    return problem(403, "origin-not-allowed",
                   "pages of this origin may not call the server; add it to server.origins if they should");
}

std::string Gate::cross_origin(const Request& request) const {
    const std::string_view origin = request.header("origin");
    return contains(options_.origins, origin) ? std::string(origin) : std::string();
}

Gate::Decision Gate::decide(const Request& request) const {
    if (auto refusal = check_addressee(request)) return {.refusal = std::move(refusal)};
    Routes::Match match = routes_.find(request.method, request.path);
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
        if (!principal.ok()) return {.refusal = unauthorized(principal.error().message)};
        pass.principal = std::move(*principal);
        if (!pass.principal.scopes.allows(*match.route->scope)) {
            return {.refusal =
                        problem(403, "scope-missing",
                                "this key may not " + match.route->action + " " + match.route->resource +
                                    "; it takes the scope " + std::string(access::scope_name(*match.route->scope)))};
        }
    }
    if (match.route->appends_to_branch && !pass.principal.scopes.allows(access::Scope::kWrite)) {
        Result<wire::Parameters> parameters = wire::Parameters::from_query(request.query);
        if (!parameters.ok()) return {.refusal = problem_of(parameters.error())};
        const Result<std::string> branch = take_branch(*parameters);
        if (!branch.ok()) return {.refusal = problem_of(branch.error())};
        if (*branch == "main")
            return {.refusal = problem(403, "scope-missing", "this key may append to forks only; name one with fork=")};
    }
    pass.store = services_.store_of(pass.principal);
    Result<std::string> id = wire::percent_decoded(match.id, false);
    if (!id.ok()) return {.refusal = problem_of(id.error())};
    pass.id = std::move(*id);
    return {.refusal = std::nullopt, .pass = std::move(pass)};
}

}  // namespace chronos::server
