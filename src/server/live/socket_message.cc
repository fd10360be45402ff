#include "server/live/socket_message.h"

#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "json/scan.h"

namespace chronos::server {
namespace {

constexpr std::size_t kIdBytesMax = 64;
constexpr std::uint64_t kCreditsDefault = 0;

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

Result<std::string> take_id(wire::Parameters& fields) {
    ASSIGN_OR_RETURN(std::string id, fields.take_text("id"));
    if (id.empty() || id.size() > kIdBytesMax) return wrong("id names the subscription: 1 to 64 bytes, of your choice");
    return id;
}

Result<std::uint64_t> take_credits(wire::Parameters& fields, std::uint64_t least) {
    ASSIGN_OR_RETURN(const auto credits, fields.take_number("credits"));
    const std::uint64_t value = credits.value_or(kCreditsDefault);
    if (value < least || value > kCreditsMax)
        return wrong("credits is how many more events may be sent: " + std::to_string(least) + " to 1000000");
    return value;
}

Result<SocketMessage> parse_subscribe(wire::Parameters& fields, std::string id, Timestamp now) {
    SubscribeMessage message{.id = std::move(id)};
    ASSIGN_OR_RETURN(message.credits, take_credits(fields, 0));
    ASSIGN_OR_RETURN(message.place, take_after(fields));
    ASSIGN_OR_RETURN(message.source, take_source(fields, now));
    RETURN_IF_ERROR(fields.check_all_taken());
    return SocketMessage(std::move(message));
}

}  // namespace

Result<SocketMessage> parse_socket_message(std::string_view text, Timestamp now) {
    ASSIGN_OR_RETURN(wire::Parameters fields, wire::Parameters::from_json(text));
    ASSIGN_OR_RETURN(const std::string type, fields.take_text("type"));
    if (type != "subscribe" && type != "credit" && type != "unsubscribe")
        return wrong("'" + base::shortened(type) +
                     "' is no type of a message; there are subscribe, credit, unsubscribe");
    ASSIGN_OR_RETURN(std::string id, take_id(fields));
    if (type == "subscribe") return parse_subscribe(fields, std::move(id), now);
    if (type == "credit") {
        ASSIGN_OR_RETURN(const std::uint64_t credits, take_credits(fields, 1));
        RETURN_IF_ERROR(fields.check_all_taken());
        return SocketMessage(CreditMessage{.id = std::move(id), .credits = credits});
    }
    RETURN_IF_ERROR(fields.check_all_taken());
    return SocketMessage(UnsubscribeMessage{.id = std::move(id)});
}

std::string socket_message_id(std::string_view text) {
    Result<wire::Parameters> fields = wire::Parameters::from_json(text);
    if (!fields.ok()) return {};
    Result<std::string> id = take_id(*fields);
    return id.ok() ? std::move(*id) : std::string();
}

Result<PlainMessage> parse_plain_message(std::string_view text) {
    if (json::trimmed(text).empty()) return wrong("the message is empty");
    ASSIGN_OR_RETURN(wire::Parameters fields, wire::Parameters::from_json(without_empty_list(text, "filters")));
    ASSIGN_OR_RETURN(const auto type, fields.take("type"));
    if (type) {
        if (*type != "subscribe")
            return wrong("'" + base::shortened(*type) + "' is no type of a message; subscribe is, with filters");
        ASSIGN_OR_RETURN(TypePatterns patterns, TypePatterns::parse(fields.take_all("filters")));
        RETURN_IF_ERROR(fields.check_all_taken());
        return PlainMessage(PatternFilterMessage{.patterns = std::move(patterns)});
    }
    FieldFilterMessage message;
    ASSIGN_OR_RETURN(message.entity_id, fields.take("entity_id"));
    ASSIGN_OR_RETURN(message.event_type, fields.take("event_type"));
    RETURN_IF_ERROR(fields.check_all_taken());
    if ((message.entity_id && message.entity_id->empty()) || (message.event_type && message.event_type->empty()))
        return wrong("entity_id and event_type must not be empty; leave them out instead");
    return PlainMessage(std::move(message));
}

}  // namespace chronos::server
