#include "embedded/event_line.h"

#include <array>
#include <charconv>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "json/scan.h"

namespace chronos::embedded {
namespace {

/// A buffer that one huge batch made this large is given back at the next call.
constexpr std::size_t kKeptTextMax = 16 << 20;

enum class FieldName : std::uint8_t {
    kId,
    kEntityId,
    kEventType,
    kPayload,
    kMetadata,
    kTags,
    kOccurredAt,
    kExpectedVersion,
    kTenantId,
    kTimestamp,
    kPosition,
    kVersion,
    kUnknown,
};

constexpr std::array<std::pair<std::string_view, FieldName>, 15> kFields = {{
    {"id", FieldName::kId},
    {"event_id", FieldName::kId},
    {"entity_id", FieldName::kEntityId},
    {"event_type", FieldName::kEventType},
    {"type", FieldName::kEventType},
    {"payload", FieldName::kPayload},
    {"data", FieldName::kPayload},
    {"metadata", FieldName::kMetadata},
    {"tags", FieldName::kTags},
    {"occurred_at", FieldName::kOccurredAt},
    {"expected_version", FieldName::kExpectedVersion},
    {"tenant_id", FieldName::kTenantId},
    {"timestamp", FieldName::kTimestamp},
    {"position", FieldName::kPosition},
    {"version", FieldName::kVersion},
}};

FieldName find_field(std::string_view key) {
    for (const auto& [name, field] : kFields) {
        if (name == key) return field;
    }
    return FieldName::kUnknown;
}

Error unknown_field(std::string_view key) {
    std::string known;
    for (const auto& [name, field] : kFields) known += (known.empty() ? "" : ", ") + std::string(name);
    return base::fail(ErrorCode::kInvalidArgument,
                      "unknown field '" + base::shortened(key) + "' in an event; known are " + known);
}

Error wrong_type(std::string_view field, std::string_view expected) {
    return base::fail(ErrorCode::kInvalidArgument,
                      "field '" + std::string(field) + "' must be " + std::string(expected));
}

}  // namespace

std::optional<ExpectedVersion> parse_expected_version(std::string_view text) {
    if (text == "any") return ExpectedVersion::any();
    if (text == "none") return ExpectedVersion::none();
    if (text == "exists") return ExpectedVersion::exists();
    std::uint64_t version = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, version);
    if (error != std::errc() || stop != end) return std::nullopt;
    return ExpectedVersion::exactly(version);
}

std::optional<ExpectedVersion> parse_expected_version_json(std::string_view value) {
    const bool is_word = value.starts_with('"');
    const std::optional<ExpectedVersion> expected = parse_expected_version(is_word ? json::string_body(value) : value);
    const char first = is_word && value.size() > 1 ? value[1] : value.empty() ? ' ' : value[0];
    const bool is_number = first >= '0' && first <= '9';
    return is_number == is_word ? std::nullopt : expected;
}

Result<BatchBuilder::EventRef> event_of(const ParsedEvent& parsed) {
    if (!parsed.entity_id) return base::fail(ErrorCode::kInvalidArgument, "entity_id is missing");
    if (!parsed.event_type) return base::fail(ErrorCode::kInvalidArgument, "event_type is missing");
    BatchBuilder::EventRef event = {.entity_id = *parsed.entity_id,
                                    .event_type = *parsed.event_type,
                                    .metadata = parsed.metadata,
                                    .tags = parsed.tags};
    if (!parsed.payload.empty()) event.payload = parsed.payload;
    if (parsed.id) {
        Result<Uuid> id = Uuid::parse(*parsed.id);
        if (!id.ok()) return base::with_context(std::move(id).error(), "id");
        event.id = *id;
    }
    if (parsed.occurred_at) {
        Result<Timestamp> time = Timestamp::parse(*parsed.occurred_at);
        if (!time.ok()) return base::with_context(std::move(time).error(), "occurred_at");
        event.occurred_at = *time;
    }
    if (parsed.expected_version) event.expected_version = *parsed.expected_version;
    return event;
}

Result<ParsedEvent> EventLineParser::parse(std::string_view line) {
    keep_copy(line);
    RETURN_IF_ERROR(validator_.validate(text_, event_limits()));
    return make_event(json::trimmed(text_));
}

Result<std::vector<ParsedEvent>> EventLineParser::parse_batch(std::string_view text) {
    keep_copy(text);
    const char* end = text_.data() + text_.size();
    const auto offset_of = [this](const char* at) { return static_cast<std::size_t>(at - text_.data()); };
    const char* at = json::skip_space(text_.data(), end);

    // {"events": is the only field of the envelope, so it comes first.
    bool has_envelope = false;
    if (at != end && *at == '{') {
        constexpr std::string_view kKey = "\"events\"";
        const char* key = json::skip_space(at + 1, end);
        has_envelope = std::string_view(key, static_cast<std::size_t>(end - key)).starts_with(kKey);
        if (has_envelope) {
            at = json::skip_space(key + kKey.size(), end);
            if (at == end || *at != ':') return wrong_type("events", "followed by ':'");
            at = json::skip_space(at + 1, end);
            if (at == end || *at != '[') return wrong_type("events", "an array of events");
        }
    }

    std::vector<ParsedEvent> events;
    if (at == end || *at != '[') {
        RETURN_IF_ERROR(validator_.validate(text_, event_limits()));
        ASSIGN_OR_RETURN(ParsedEvent event, make_event(json::trimmed(text_)));
        events.push_back(std::move(event));
        return events;
    }
    ASSIGN_OR_RETURN(const std::size_t array_end, parse_array(offset_of(at), events));
    at = json::skip_space(text_.data() + array_end, end);
    if (has_envelope) {
        if (at == end || *at != '}') {
            return base::fail(ErrorCode::kInvalidArgument, "expected '}' at byte " + std::to_string(offset_of(at)) +
                                                               ": an object with \"events\" has no other field");
        }
        at = json::skip_space(at + 1, end);
    }
    if (at != end) {
        return base::fail(ErrorCode::kInvalidArgument, "not valid JSON at byte " + std::to_string(offset_of(at)) +
                                                           ": nothing may follow the events");
    }
    return events;
}

void EventLineParser::keep_copy(std::string_view text) {
    if (text_.capacity() > kKeptTextMax && text.size() <= kKeptTextMax) text_ = std::string();
    text_.assign(text);
}

json::Limits EventLineParser::event_limits() const {
    json::Limits limits = options_.limits;  // for the payload; the rest of the event comes on top
    limits.depth_max += 1;
    limits.envelope_depth += 1;
    limits.tokens_max += 4 * kFields.size() + options_.tags_max;
    return limits;
}

/// Parses the events of the array at `offset`, each as it is checked; answers the offset behind it.
Result<std::size_t> EventLineParser::parse_array(std::size_t offset, std::vector<ParsedEvent>& events) {
    const char* end = text_.data() + text_.size();
    const char* at = json::skip_space(text_.data() + offset + 1, end);
    const auto offset_of = [this](const char* place) { return static_cast<std::size_t>(place - text_.data()); };
    if (at != end && *at == ']') return offset_of(at + 1);
    for (;;) {
        const auto in_event = [&events](Error error) {
            return base::with_context(std::move(error), "event " + std::to_string(events.size()));
        };
        if (events.size() == options_.batch_events_max) {
            return base::fail(ErrorCode::kLimitExceeded,
                              "a batch has at most " + std::to_string(options_.batch_events_max) + " events");
        }
        at = json::skip_space(at, end);
        Result<std::size_t> value_end = validator_.validate_value(text_, offset_of(at), event_limits());
        if (!value_end.ok()) return in_event(std::move(value_end).error());
        Result<ParsedEvent> event =
            make_event(std::string_view(text_).substr(offset_of(at), *value_end - offset_of(at)));
        if (!event.ok()) return in_event(std::move(event).error());
        events.push_back(std::move(event).value());
        at = json::skip_space(text_.data() + *value_end, end);
        if (at != end && *at == ']') return offset_of(at + 1);
        if (at == end || *at != ',') {
            return base::fail(ErrorCode::kInvalidArgument, "not valid JSON at byte " + std::to_string(offset_of(at)) +
                                                               ": expected ',' or ']' after an event");
        }
        ++at;
    }
}

/// Makes an event of `value`, which validator_ checked last.
Result<ParsedEvent> EventLineParser::make_event(std::string_view value) {
    if (!value.starts_with('{')) {
        return base::fail(ErrorCode::kInvalidArgument, "an event must be a JSON object");
    }
    Result<ParsedEvent> event = ParsedEvent();
    std::uint32_t seen_fields = 0;
    for (const json::RawField& field : validator_.outer_fields()) {
        const std::string_view key = json::unescaped(field.raw_key, scratch_);
        RETURN_IF_ERROR(set_field(*event, key, field.value, seen_fields));
    }
    return event;
}

Status EventLineParser::set_field(ParsedEvent& event, std::string_view key, std::string_view value,
                                  std::uint32_t& seen_fields) {
    const FieldName field = find_field(key);
    if (field == FieldName::kUnknown) return unknown_field(key);
    const std::uint32_t bit = std::uint32_t{1} << static_cast<unsigned>(field);
    if ((seen_fields & bit) != 0) {
        return base::fail(ErrorCode::kInvalidArgument,
                          "field '" + std::string(key) + "' repeats another one of the same meaning");
    }
    seen_fields |= bit;
    if (field == FieldName::kPayload) {
        event.payload = value;
        return {};
    }
    if (value == "null") return {};

    const auto set_text = [&](std::optional<std::string_view>& text) -> Status {
        ASSIGN_OR_RETURN(text, read_text(value, key));
        return {};
    };
    const auto set_store_field = [&](std::optional<std::string_view>& raw) -> Status {
        event.has_store_fields = true;
        raw = value;
        return {};
    };
    switch (field) {
        case FieldName::kId: return set_text(event.id);
        case FieldName::kEntityId: return set_text(event.entity_id);
        case FieldName::kEventType: return set_text(event.event_type);
        case FieldName::kOccurredAt: return set_text(event.occurred_at);
        case FieldName::kTenantId: return set_text(event.tenant_id);
        case FieldName::kMetadata: event.metadata = value; return {};
        case FieldName::kTags: return read_tags(value, event.tags);
        case FieldName::kTimestamp: return set_store_field(event.timestamp);
        case FieldName::kPosition: return set_store_field(event.position);
        case FieldName::kVersion: return set_store_field(event.version);
        case FieldName::kExpectedVersion: {
            event.expected_version = parse_expected_version_json(value);
            if (event.expected_version) return {};
            return wrong_type(key, R"(an integer from 0 on, "any", "none" or "exists")");
        }
        case FieldName::kPayload:
        case FieldName::kUnknown: break;  // answered above
    }
    return {};
}

Result<std::string_view> EventLineParser::read_text(std::string_view value, std::string_view field) {
    if (!value.starts_with('"')) return wrong_type(field, "a string");
    return unescape_in_place(json::string_body(value));
}

Status EventLineParser::read_tags(std::string_view value, std::vector<std::string_view>& tags) {
    if (!value.starts_with('[')) return wrong_type("tags", "an array of strings");
    for (json::ArrayScanner elements(value); elements.next();) {
        if (!elements.value().starts_with('"')) return wrong_type("tags", "an array of strings");
        if (tags.size() == options_.tags_max) {
            return base::fail(ErrorCode::kLimitExceeded,
                              "an event has at most " + std::to_string(options_.tags_max) + " tags");
        }
        tags.push_back(unescape_in_place(json::string_body(elements.value())));
    }
    return {};
}

/// Unescapes a string where it stands in text_: it never becomes longer, and is read only once.
std::string_view EventLineParser::unescape_in_place(std::string_view body) {
    if (body.find('\\') == std::string_view::npos) return body;
    char* begin = text_.data() + (body.data() - text_.data());
    const char* end = json::unescape_to(body, begin);
    return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace chronos::embedded
