// Messages of clients over WebSockets, in both dialects: refused, or understood as another parser does.
//
//     input: the text of a message
#include <nlohmann/json.hpp>

#include "fuzz/fuzz.h"
#include "server/live/socket_message.h"

namespace chronos::fuzz {
namespace {

using Value = nlohmann::json;

constexpr Timestamp kNow{1'767'225'600'000'000'000};

Value parse(std::string_view text) {
    Value value = Value::parse(text, nullptr, false);
    FUZZ_CHECK(value.is_object(), "another parser finds no object in it: " + std::string(text));
    return value;
}

/// A member as text, which a number may be too.
std::string text_of(const Value& value, const char* name) {
    if (!value.contains(name) || value[name].is_null()) return {};
    if (value[name].is_array() && value[name].empty()) return {};
    const Value& member = value[name].is_array() ? value[name].at(0) : value[name];
    return member.is_string() ? member.get<std::string>() : member.dump();
}

void check_id(const Value& value, const std::string& id) {
    FUZZ_CHECK(!id.empty() && id.size() <= 64, "an id of another size");
    // A number may be written in several ways.
    if (value["id"].is_string()) FUZZ_CHECK(id == value["id"].get<std::string>(), "another id");
}

void check_message(const server::SocketMessage& message, const Value& value) {
    if (const auto* const subscribe = std::get_if<server::SubscribeMessage>(&message)) {
        FUZZ_CHECK(text_of(value, "type") == "subscribe", "another type");
        check_id(value, subscribe->id);
        FUZZ_CHECK(subscribe->credits <= server::kCreditsMax, "more credits than there may be");
        FUZZ_CHECK(!subscribe->place.is_head || text_of(value, "after") == "head", "another place");
        FUZZ_CHECK(!subscribe->place.is_head || !subscribe->place.after, "two places");
        FUZZ_CHECK(!subscribe->source.branch.empty(), "no branch");
    } else if (const auto* const credit = std::get_if<server::CreditMessage>(&message)) {
        FUZZ_CHECK(text_of(value, "type") == "credit", "another type");
        check_id(value, credit->id);
        FUZZ_CHECK(credit->credits >= 1 && credit->credits <= server::kCreditsMax, "no or too many credits");
    } else {
        FUZZ_CHECK(text_of(value, "type") == "unsubscribe", "another type");
        check_id(value, std::get<server::UnsubscribeMessage>(message).id);
    }
}

void check_plain(const server::PlainMessage& message, const Value& value) {
    if (const auto* const patterns = std::get_if<server::PatternFilterMessage>(&message)) {
        FUZZ_CHECK(text_of(value, "type") == "subscribe", "another type");
        for (const std::string& pattern : patterns->patterns.texts()) {
            if (!pattern.ends_with(".*"))
                FUZZ_CHECK(patterns->patterns.matches(pattern), "a type that does not match itself");
        }
        return;
    }
    const auto& fields = std::get<server::FieldFilterMessage>(message);
    const auto check = [&value](const std::optional<std::string>& field, const char* name) {
        if (value.contains(name) && value[name].is_string())
            FUZZ_CHECK(field == value[name].get<std::string>(), "another field");
    };
    check(fields.entity_id, "entity_id");
    check(fields.event_type, "event_type");
}

}  // namespace

Seeds seeds() {
    return {
        {"subscribe", R"({"type":"subscribe","id":"s1","after":"head","credits":10,"event_type":["a","b"]})"},
        {"subscribe_full",
         R"({"type":"subscribe","id":"s","fork":"f","after":7,"event_type_filters":["o.*"],"where":"/n >= 3",)"
         R"("since":"2026-01-01","payload_filter":{"a":1},"items":[{"types":["t"],"tags":["x:1"]}]})"},
        {"credit", R"({"type":"credit","id":"s","credits":1000000})"},
        {"unsubscribe", R"({"type":"unsubscribe","id":"\u0073"})"},
        {"fields", R"({"entity_id":"order:1","event_type":null})"},
        {"patterns", R"({"type":"subscribe","filters":["order.*","cart.filled"]})"},
    };
}

}  // namespace chronos::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto message = chronos::server::parse_socket_message(text, chronos::fuzz::kNow);
    if (message.ok()) chronos::fuzz::check_message(*message, chronos::fuzz::parse(text));
    const auto plain = chronos::server::parse_plain_message(text);
    if (plain.ok()) chronos::fuzz::check_plain(*plain, chronos::fuzz::parse(text));
    FUZZ_CHECK(chronos::server::socket_message_id(text).size() <= 64, "a longer id");
    return 0;
}
