// What clients say over a WebSocket, as values. Formats: docs/reference/live.md.
//
// Threads: free functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "server/live/event_source.h"

namespace chronos::server {

// --- subprotocol chronos.v1 ---

struct SubscribeMessage {
    std::string id;
    SourceOptions source;
    StreamStart place;
    std::uint64_t credits = 0;
};
struct CreditMessage {
    std::string id;
    std::uint64_t credits = 0;
};
struct UnsubscribeMessage {
    std::string id;
};
using SocketMessage = std::variant<SubscribeMessage, CreditMessage, UnsubscribeMessage>;

/// Events that may be granted and not yet sent, of one subscription.
inline constexpr std::uint64_t kCreditsMax = 1'000'000;

/// Relative times count from `now`. Errors: kInvalidArgument, kLimitExceeded.
Result<SocketMessage> parse_socket_message(std::string_view text, Timestamp now);
/// The id a message names, if it is good enough for that: so that an answer to a bad one says what it is about.
std::string socket_message_id(std::string_view text);

// --- no subprotocol: as AllSource's clients speak ---

/// {"entity_id": …, "event_type": …}: only these, from now on; absent or null: any.
struct FieldFilterMessage {
    std::optional<std::string> entity_id, event_type;
};
/// {"type": "subscribe", "filters": ["order.*", …]}: only these types, from now on.
struct PatternFilterMessage {
    TypePatterns patterns;
};
using PlainMessage = std::variant<FieldFilterMessage, PatternFilterMessage>;

/// Errors: kInvalidArgument, kLimitExceeded.
Result<PlainMessage> parse_plain_message(std::string_view text);

}  // namespace chronos::server
