// API keys: made, listed, revoked.
#include <string>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "json/writer.h"
#include "server/http/problem.h"
#include "server/key_ring.h"
#include "server/reading.h"
#include "server/request_options.h"
#include "server/route_groups.h"
#include "server/services.h"
#include "wire/parameters.h"
#include "wire/read_request.h"

namespace chronos::server {
namespace {

using access::Scope;
using wire::Parameters;

void write_time(json::ObjectWriter& writer, const char* name, const std::optional<Timestamp>& time) {
    if (time)
        writer.field(name, time->to_string());
    else
        writer.raw_field(name, "null");
}

std::string key_as_json(const KeyInfo& key, const std::string& text = {}) {
    std::string scopes = "[";
    for (const Scope scope : key.scopes.granted()) {
        if (scopes.size() > 1) scopes += ',';
        json::append_string(scopes, access::scope_name(scope));
    }
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("id", key.id)
        .field("name", key.name)
        .field("tenant", key.tenant)
        .raw_field("scopes", scopes + "]")
        .field("created_at", key.created_at.to_string());
    write_time(writer, "expires_at", key.expires_at);
    write_time(writer, "revoked_at", key.revoked_at);
    if (key.is_void) writer.field("void", true);
    if (!text.empty()) writer.field("key", text);
    writer.end();
    return out;
}

Result<Response> create_key(Call& call) {
    ASSIGN_OR_RETURN(Parameters parameters, Parameters::from_json(call.request.body));
    RETURN_IF_ERROR(check_tenant(parameters, call.principal));
    NewKey key{.tenant = call.principal.tenant, .creator = call.principal.key_id};
    ASSIGN_OR_RETURN(key.name, parameters.take_text("name"));
    for (const std::string& name : parameters.take_all("scopes")) {
        const auto scope = access::parse_scope(name);
        if (!scope)
            return base::fail(ErrorCode::kInvalidArgument,
                              "'" + base::shortened(name) + "' is no scope; there are read, write:forks, write, admin");
        key.scopes.add(*scope);
    }
    ASSIGN_OR_RETURN(key.expires_at, wire::take_time(parameters, "expires_at", call.services.now()));
    ASSIGN_OR_RETURN(const auto days, parameters.take_number("expires_in_days"));
    constexpr std::uint64_t kDaysMax = 36'500;
    if (days && (*days == 0 || *days > kDaysMax || key.expires_at))
        return base::fail(ErrorCode::kInvalidArgument, "expires_in_days is 1 to 36500, and stands without expires_at");
    if (days)
        key.expires_at = Timestamp{call.services.now().ns + static_cast<std::int64_t>(*days) * 86'400'000'000'000};
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const KeyRing::Made made, call.services.keys.create(key));
    Response response{.status = 201};
    response.body = key_as_json(made.info, made.text);
    response.add_header("Cache-Control", "no-store");
    response.add_header("Location", "/api/v1/keys/" + made.info.id);
    return response;
}

Response list_keys(Call& call) {
    std::string list = "[";
    for (const KeyInfo& key : call.services.keys.list()) {
        if (key.tenant != call.principal.tenant) continue;
        if (list.size() > 1) list += ',';
        list += key_as_json(key);
    }
    Response response;
    json::ObjectWriter(response.body).raw_field("keys", list + "]").end();
    response.add_header("Cache-Control", "no-store");
    return response;
}

Result<Response> revoke_key(Call& call) {
    ASSIGN_OR_RETURN(const KeyInfo key, call.services.keys.revoke(call.id, call.principal));
    Response response;
    response.body = key_as_json(key);
    response.add_header("Cache-Control", "no-store");
    return response;
}

Response who_am_i(Call& call) {
    std::string scopes = "[";
    for (const Scope scope : call.principal.scopes.granted()) {
        if (scopes.size() > 1) scopes += ',';
        json::append_string(scopes, access::scope_name(scope));
    }
    Response response;
    json::ObjectWriter(response.body)
        .field("key_id", call.principal.key_id)
        .field("name", call.principal.name)
        .field("tenant", call.principal.tenant)
        .raw_field("scopes", scopes + "]")
        .end();
    response.add_header("Cache-Control", "no-store");
    return response;
}

}  // namespace

void add_key_routes(Routes& routes, const HttpLimits& limits) {
    using Names = std::vector<std::string_view>;
    routes.add({.method = "POST",
                .pattern = "/api/v1/keys",
                .action = "create",
                .resource = "keys",
                .scope = Scope::kAdmin,
                .summary = "Make an API key; its text is in this answer and nowhere else",
                .body_max = limits.body_max,
                .parameters = Names{},
                .request_types = {"application/json"},
                .request_schema = "NewKey",
                .answers = {{201, "MadeKey"}},
                .worker = [](Call& call) { return answered(create_key(call)); }});
    routes.add({.method = "GET",
                .pattern = "/api/v1/keys",
                .action = "read",
                .resource = "keys",
                .scope = Scope::kAdmin,
                .summary = "API keys without their texts",
                .parameters = Names{},
                .answers = {{200, "Keys"}},
                .here = list_keys});
    routes.add({.method = "DELETE",
                .pattern = "/api/v1/keys/{key_id}",
                .action = "revoke",
                .resource = "keys",
                .scope = Scope::kAdmin,
                .summary = "Revoke an API key; its open streams end within a second",
                .parameters = Names{},
                .answers = {{200, "Key"}},
                .problems = {404},
                .worker = [](Call& call) { return answered(revoke_key(call)); }});
    routes.add({.method = "GET",
                .pattern = "/api/v1/auth/me",
                .action = "read",
                .resource = "self",
                .scope = Scope::kRead,
                .summary = "What the credential of this request may do",
                .parameters = Names{},
                .answers = {{200, "Self"}},
                .here = who_am_i});
}

}  // namespace chronos::server
