#include "mcp/request_metadata.h"

#include <algorithm>
#include <charconv>

#include "mcp/protocol.h"
#include "mcp/seal.h"

namespace chronos::mcp {
namespace {

constexpr std::string_view kSentinelBegin = "=?base64?";
constexpr std::string_view kSentinelEnd = "?=";

RpcError mismatch(std::string message) { return {.code = kHeaderMismatch, .message = std::move(message)}; }

/// The value that a header stands for; nothing when it cannot be read.
std::optional<std::string> decoded(std::string_view value) {
    if (std::any_of(value.begin(), value.end(), [](char c) {
            return (static_cast<unsigned char>(c) < ' ' && c != '\t') || static_cast<unsigned char>(c) > '~';
        }))
        return std::nullopt;
    if (!value.starts_with(kSentinelBegin) || !value.ends_with(kSentinelEnd) ||
        value.size() < kSentinelBegin.size() + kSentinelEnd.size())
        return std::string(value);
    value.remove_prefix(kSentinelBegin.size());
    value.remove_suffix(kSentinelEnd.size());
    std::optional<std::string> text = base64_decoded(value);
    // Only the one spelling: what reads it another way must not see another value.
    if (!text || base64(*text) != value) return std::nullopt;
    return text;
}

/// Whether the header stands for the argument.
bool is_same(const std::string& header, const Json& value) {
    if (value.is_string()) return header == value.get_ref<const std::string&>();
    if (value.is_boolean()) return header == (value.get<bool>() ? "true" : "false");
    if (!value.is_number()) return false;
    double number = 0;
    const char* end = header.data() + header.size();
    const auto [stop, error] = std::from_chars(header.data(), end, number);
    return error == std::errc() && stop == end && number == value.get<double>();
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
}

/// Arguments that the schema marks, wherever its properties lead.
std::optional<RpcError> check_arguments(const server::Request& request, const Json& schema, const Json& arguments) {
    for (const auto& [name, property] : member(schema, "properties").items()) {
        const Json& value = member(arguments, name);
        if (const auto error = check_arguments(request, property, value)) return error;
        const std::optional<std::string> header = string_member(property, "x-mcp-header");
        if (!header) continue;
        const std::string field = "mcp-param-" + lower(*header);
        if (value.is_null()) {
            if (request.has_header(field)) return mismatch(field + " stands for an argument that is not there");
            continue;
        }
        if (!request.has_header(field)) return mismatch("the header " + field + " is missing; it repeats " + name);
        const std::optional<std::string> text = decoded(request.header(field));
        if (!text) return mismatch("the header " + field + " cannot be read");
        if (!is_same(*text, value)) return mismatch("the header " + field + " is not what the body says of " + name);
    }
    return std::nullopt;
}

}  // namespace

std::optional<RpcError> mismatch_of(const server::Request& request, const Message& message, const Json* tool) {
    const auto missing = [](std::string_view name) {
        return mismatch("the header " + std::string(name) + " is missing");
    };
    if (!request.has_header("mcp-protocol-version")) return missing("MCP-Protocol-Version");
    const std::string version = string_member(member(message.params, "_meta"), kMetaVersion).value_or("");
    if (request.header("mcp-protocol-version") != version)
        return mismatch("MCP-Protocol-Version is not the revision that the body names");
    if (!request.has_header("mcp-method")) return missing("Mcp-Method");
    if (request.header("mcp-method") != message.method) return mismatch("Mcp-Method is not the method of the body");
    const bool has_uri = message.method == "resources/read";
    if (!has_uri && message.method != "tools/call" && message.method != "prompts/get") return std::nullopt;
    if (!request.has_header("mcp-name")) return missing("Mcp-Name");
    const std::string name = string_member(message.params, has_uri ? "uri" : "name").value_or("");
    if (decoded(request.header("mcp-name")) != name)
        return mismatch("Mcp-Name is not the " + std::string(has_uri ? "URI" : "name") + " of the body");
    if (tool == nullptr) return std::nullopt;
    return check_arguments(request, (*tool)["inputSchema"], member(message.params, "arguments"));
}

}  // namespace chronos::mcp
