#include "mcp/tools/request.h"

#include "base/result.h"
#include "base/utf8.h"
#include "client/http_client.h"
#include "io/posix/posix_environment.h"
#include "json/pointer.h"
#include "mcp/json_rpc.h"
#include "wire/read_request.h"

namespace chronos::mcp {
namespace {

constexpr std::uint64_t kMaxTokensMin = 500;
constexpr std::uint64_t kMaxTokensMax = 60'000;
constexpr std::string_view kPlacePrefix = "id64:";
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

/// "order.*" where only "order.placed" can be.
Status check_no_pattern(const std::vector<std::string>& names, std::string_view parameter) {
    for (const std::string& name : names) {
        const std::size_t wildcard = name.find_first_of("*?");
        if (wildcard == std::string::npos) continue;
        return wrong(std::string(parameter) + " takes whole names, not patterns such as " + base::shortened(name) +
                     "; use " + std::string(parameter) + "_prefix: " + base::shortened(name.substr(0, wildcard)));
    }
    return {};
}

}  // namespace

Timestamp now() { return {io::posix_environment().clock.wall_ns()}; }

Timestamp this_second() {
    constexpr std::int64_t kSecondNs = 1'000'000'000;
    return {now().ns / kSecondNs * kSecondNs};
}

Result<wire::Parameters> parameters_of(const Json& arguments) {
    if (arguments.is_null()) return wire::Parameters();
    if (!arguments.is_object()) return wrong("the arguments are a JSON object");
    // Empty is not a way to say main: it may be an id that went missing.
    for (const std::string_view name : {"fork", "parent"}) {
        if (arguments.contains(name) && arguments[name] == "")
            return wrong(std::string(name) + " is empty: the id or name of a fork; without it: main");
    }
    return wire::Parameters::from_json(text_of(arguments));
}

std::string lone_entity(const Json& arguments, const std::vector<std::string_view>& others) {
    for (const auto& [name, value] : arguments.items()) {
        if (name != "entity_id" && std::find(others.begin(), others.end(), name) == others.end()) return {};
    }
    return string_member(arguments, "entity_id").value_or("");
}

Result<std::size_t> take_budget(wire::Parameters& parameters) { return take_budget(parameters, kMaxTokensDefault); }

Result<std::size_t> take_budget(wire::Parameters& parameters, std::uint64_t default_tokens) {
    ASSIGN_OR_RETURN(const auto tokens, parameters.take_number("max_tokens"));
    if (tokens && (*tokens < kMaxTokensMin || *tokens > kMaxTokensMax))
        return wrong("max_tokens=" + std::to_string(*tokens) + ": " + std::to_string(kMaxTokensMin) + " to " +
                     std::to_string(kMaxTokensMax) + " is possible");
    return static_cast<std::size_t>(tokens.value_or(default_tokens)) * kTokenBytes;
}

Status check_whole_types(const std::vector<std::string>& types, std::string_view parameter) {
    if (check_no_pattern(types, parameter).ok()) return {};
    return wrong(std::string(parameter) +
                 " takes whole names of event types, not patterns; query_events with event_type_prefix finds the "
                 "events of all types that begin alike");
}

Result<Filter> take_filter(wire::Parameters& parameters) {
    ASSIGN_OR_RETURN(Filter filter, wire::take_filter(parameters, now()));
    RETURN_IF_ERROR(check_no_pattern(filter.event_types, "event_type"));
    RETURN_IF_ERROR(check_no_pattern({filter.event_type_prefix}, "event_type_prefix"));
    return filter;
}

Result<ViewOptions> take_view(wire::Parameters& parameters) { return wire::take_view(parameters, now()); }

Result<std::string> take_required(wire::Parameters& parameters, std::string_view name) {
    ASSIGN_OR_RETURN(std::string text, parameters.take_text(name));
    if (text.empty()) return wrong(std::string(name) + " is missing");
    return text;
}

Result<std::vector<std::string>> take_pointers(wire::Parameters& parameters, std::string_view name) {
    std::vector<std::string> pointers = parameters.take_all(name);
    for (std::string& pointer : pointers) {
        if (!pointer.starts_with('/')) pointer.insert(0, "/");
        const auto segments = json::parse_pointer(pointer);
        if (!segments.ok()) return base::with_context(segments.error(), name);
    }
    return pointers;
}

std::string place_of(std::string_view entity_id) {
    std::string out(kPlacePrefix);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : entity_id) {
        bits = (bits << 8U) | static_cast<unsigned char>(c);
        for (count += 8; count >= 6; count -= 6) out += kAlphabet[(bits >> static_cast<unsigned>(count - 6)) & 63U];
    }
    if (count > 0) out += kAlphabet[(bits << static_cast<unsigned>(6 - count)) & 63U];
    return out;
}

Result<std::string> entity_at(std::string_view place) {
    if (!place.starts_with(kPlacePrefix)) return std::string(place);
    std::string out;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : place.substr(kPlacePrefix.size())) {
        const std::size_t value = kAlphabet.find(c);
        if (value == std::string_view::npos) return wrong("'" + base::shortened(place) + "' is no place to go on from");
        bits = (bits << 6U) | static_cast<std::uint32_t>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out += static_cast<char>((bits >> static_cast<unsigned>(count)) & 255U);
    }
    if (!base::is_utf8(out)) return wrong("'" + base::shortened(place) + "' is no place to go on from");
    return out;
}

std::string entity_uri(std::string_view entity_id, const ViewOptions& asked, const ViewInfo& info) {
    std::string uri = "chronos://entity/" + client::percent_encoded(entity_id);
    char before = '?';
    const auto add = [&](std::string_view name, const std::string& value) {
        uri += before;
        uri += name;
        uri += '=';
        uri += client::percent_encoded(value);
        before = '&';
    };
    // What was said relative to now is said as it was resolved.
    if (info.as_of) add("as_of", info.as_of->to_string());
    if (info.known_at) add("known_at", info.known_at->to_string());
    if (asked.at) add("at", std::to_string(asked.at->value));
    if (info.branch != "main") add("fork", info.branch);
    return uri;
}

std::string event_uri_template(std::string_view branch) {
    return "chronos://" + std::string(branch) + "/events/{position}";
}

}  // namespace chronos::mcp
