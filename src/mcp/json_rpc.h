// Messages of JSON-RPC 2.0, as MCP has them: one object each, ids that are strings or integers, no batches.
//
//     Parsed parsed = parse_message(line);
//     if (parsed.error) return send(error_message(parsed.message.id, *parsed.error));
//
// Threads: free functions and values.
// Source: JSON-RPC 2.0 specification; MCP 2026-07-28, "Overview", "Messages".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mcp/tool.h"

namespace chronos::mcp {

enum RpcCode : std::int32_t {
    kParseError = -32700,
    kInvalidRequest = -32600,
    kMethodNotFound = -32601,
    kInvalidParams = -32602,
    kInternalError = -32603,
    kResourceNotFoundOfOld = -32002,  ///< Until 2025-11-25; later kInvalidParams.
    kHeaderMismatch = -32020,
    kMissingCapability = -32021,
    kUnsupportedVersion = -32022,
    kScopeMissing = -31403,     ///< Our own: the credential may not do this.
    kTooManyRequests = -31429,  ///< Our own: too much is under way; ask again.
};

struct RpcError {
    std::int32_t code = kInternalError;
    std::string message;
    Json data;  ///< null: none
};

struct Message {
    enum class Kind : std::uint8_t { kRequest, kNotification, kResponse };

    Kind kind = Kind::kNotification;
    Json id;  ///< A string or an integer; null for notifications.
    std::string method;
    Json params = Json::object();
    bool has_inexact_number = false;  ///< One was rounded when it was read, so it is not what the client wrote.
    Json result;                      ///< Of a response that is one.
    std::optional<RpcError> error;    ///< Of a response that failed.
};

/// A message, or what is wrong with it; then `message.id` is set if it could be read.
struct Parsed {
    Message message;
    std::optional<RpcError> error;
};

inline constexpr std::size_t kMessageDepthMax = 64;

/// Strict: no key twice in an object, no lone surrogates, within bounds of depth and count.
Parsed parse_message(std::string_view text);

/// Whether all numbers are kept when the text is read as Json: a double holds about 16 digits.
///
/// Requires: `text` is valid JSON.
bool keeps_numbers(std::string_view text);

Json result_message(const Json& id, Json result);
/// Without an id where it is null: it could not be read.
Json error_message(const Json& id, const RpcError& error);
Json notification_message(std::string_view method, Json params);
Json request_message(const Json& id, std::string_view method, Json params);

/// One line of JSON. What is not UTF-8 is replaced, so that a message always gets out. In place of Json::dump, which
/// looks at each byte: a third of the time of a call whose answer has ten events.
std::string text_of(const Json& value);
void append_text(std::string& out, const Json& value);

/// A value that is JSON text already and is written as it is, however often: what is long is made as text once. As a
/// tree, the ten events of an answer took half the time of the call.
///
/// Requires: `json` is valid.
Json raw_json(std::string_view json);
bool is_raw_json(const Json& value);
/// Makes trees of all raw JSON in it.
void expand_raw_json(Json& value);

/// An empty object with room: one that outgrows its room copies all that it holds, with everything below, because names
/// are constants in it, and constants are not moved.
Json object_with_room(std::size_t members);

/// The member of an object, or null.
const Json& member(const Json& object, std::string_view name);
/// The member if it is a string, else nothing.
std::optional<std::string> string_member(const Json& object, std::string_view name);

}  // namespace chronos::mcp
