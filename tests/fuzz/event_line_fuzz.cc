// Events as clients write them in JSON: refused, or understood as another parser does and stored so
// that what is shown of them reads back as the same.
//
//     input: the text of one event, of an array of them, or of a request with conditions
#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "embedded/append_request.h"
#include "embedded/engine.h"
#include "embedded/event_line.h"
#include "fuzz/fuzz.h"
#include "io/sim/sim_environment.h"
#include "json/validate.h"

namespace chronos::fuzz {
namespace {

using Value = nlohmann::json;
using Texts = std::vector<std::string>;

Value parse(std::string_view text) {
    Value value = Value::parse(text, nullptr, false);
    FUZZ_CHECK(!value.is_discarded(), "another parser refuses it: " + std::string(text));
    return value;
}

/// A field of text by any of its names; nothing when it is absent or null.
std::optional<std::string> text_of(const Value& event, std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (event.contains(name) && !event[name].is_null()) return event[name].get<std::string>();
    return std::nullopt;
}

std::optional<std::string> owned(const std::optional<std::string_view>& text) {
    return text ? std::optional<std::string>(*text) : std::nullopt;
}

void check_understood(const embedded::ParsedEvent& event, const Value& value) {
    FUZZ_CHECK(owned(event.id) == text_of(value, {"id", "event_id"}), "another id");
    FUZZ_CHECK(owned(event.entity_id) == text_of(value, {"entity_id"}), "another entity");
    FUZZ_CHECK(owned(event.event_type) == text_of(value, {"event_type", "type"}), "another type");
    FUZZ_CHECK(owned(event.occurred_at) == text_of(value, {"occurred_at"}), "another time");
    for (const char* name : {"payload", "data"})
        if (value.contains(name)) FUZZ_CHECK(parse(event.payload) == value[name], "another payload");
    if (value.contains("metadata") && !value["metadata"].is_null())
        FUZZ_CHECK(parse(event.metadata) == value["metadata"], "other metadata");
    const Texts tags(event.tags.begin(), event.tags.end());
    if (value.contains("tags") && !value["tags"].is_null())
        FUZZ_CHECK(tags == value["tags"].get<Texts>(), "other tags");
}

void check_line(std::string_view text) {
    embedded::EventLineParser parser;
    const auto event = parser.parse(text);
    if (event.ok()) check_understood(*event, parse(text));
}

Texts tags_of(const EventView& event) {
    const auto tags = event.tags();
    return {tags.begin(), tags.end()};
}

/// An event as it is shown is an event that can be read again.
void check_shown(const EventView& event) {
    const std::string shown = to_json(event);
    embedded::EventLineParser parser;
    const auto line = parser.parse(shown);
    FUZZ_CHECK(line.ok(), line.error().message + ": " + shown);
    check_understood(*line, parse(shown));
    FUZZ_CHECK(Uuid::parse(line->id.value()).value() == event.id, "shown with another id");
    FUZZ_CHECK(line->entity_id == event.entity_id && line->event_type == event.event_type, "shown with another name");
    FUZZ_CHECK(line->payload == json::trimmed(event.payload), "shown with other bytes");
    FUZZ_CHECK(line->metadata == json::trimmed(event.metadata), "shown with other metadata");
    FUZZ_CHECK(Timestamp::parse(line->occurred_at.value()).value() == event.occurred_at, "shown with another time");
    FUZZ_CHECK(Texts(line->tags.begin(), line->tags.end()) == tags_of(event), "shown with other tags");
}

/// What was stored is what was sent.
void check_stored(const EventView& event, const embedded::ParsedEvent& sent) {
    FUZZ_CHECK(event.entity_id == sent.entity_id && event.event_type == sent.event_type, "stored under another name");
    FUZZ_CHECK(event.payload == (sent.payload.empty() ? "{}" : sent.payload), "stored with other bytes");
    FUZZ_CHECK(event.metadata == sent.metadata, "stored with other metadata");
    Texts tags(sent.tags.begin(), sent.tags.end());
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    FUZZ_CHECK(tags_of(event) == tags, "stored with other tags");
    if (sent.id) FUZZ_CHECK(event.id == Uuid::parse(*sent.id).value(), "stored with another id");
    if (sent.occurred_at) FUZZ_CHECK(event.occurred_at == Timestamp::parse(*sent.occurred_at).value(), "another time");
}

Store open_store(io::SimEnvironment& sim) {
    store::DatabaseOptions options;
    options.with_threads = false;
    auto impl = std::make_unique<Store::Impl>();
    impl->engine = std::make_shared<Engine>(store::Database::open_in_memory(sim.environment(), options).value());
    return Store(std::move(impl));
}

void check_request(std::string_view text) {
    if (!embedded::parse_append_request(text).ok()) return;
    io::SimEnvironment sim(1);
    Store store = open_store(sim);
    const auto answer = store.append_json(text);
    if (!answer.ok()) {
        FUZZ_CHECK(answer.error().outcome == Outcome::kNotAppended, answer.error().message);
        return;
    }
    const auto view = store.view();
    Page page;
    FUZZ_CHECK(view->read({.limit = 10'000}, page).ok(), "");
    FUZZ_CHECK(page.events().size() == answer->events.size(), "another number of events");
    for (const EventView& event : page.events()) {
        check_shown(event);
        (void)view->state(event.entity_id);
    }
    embedded::EventLineParser parser;
    const auto sent = parser.parse_batch(text);
    if (!sent.ok()) return;  // It has conditions, which only a request may have.
    FUZZ_CHECK(sent->size() == page.events().size(), "another number of events than was sent");
    for (std::size_t i = 0; i < sent->size(); ++i) check_stored(page.events()[i], (*sent)[i]);
}

}  // namespace

Seeds seeds() {
    return {
        {"event", R"({"entity_id":"order:1","event_type":"order.placed","payload":{"total":12.50}})"},
        {"full", R"({"id":"0190b8a0-0000-7000-8000-000000000001","entity_id":"o\u00e9","type":"t","data":[1,null],)"
                 R"("metadata":{"actor":"ada"},"tags":["b","a","b"],"occurred_at":"2024-05-01T12:00:00+02:00",)"
                 R"("expected_version":"none"})"},
        {"array", R"([{"entity_id":"a","event_type":"t","payload":"\ud83d\ude00"},{"entity_id":"a","event_type":"u",)"
                  R"("payload":1e2,"expected_version":1}])"},
        {"request",
         R"({"events":[{"entity_id":"a","event_type":"t"}],"conditions":[{"entity_id":"a",)"
         R"("expected_version":0},{"fail_if_events_match":{"items":[{"types":["t"],"tags":["x"]}]},"after":3}]})"},
        {"shown", R"({"id":"0190b8a0-0000-7000-8000-000000000001","entity_id":"a","event_type":"t","position":3,)"
                  R"("version":1,"timestamp":"2024-05-01T12:00:00Z","payload":{}})"},
    };
}

}  // namespace chronos::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    chronos::fuzz::check_line(text);
    chronos::fuzz::check_request(text);
    return 0;
}
