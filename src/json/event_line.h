// Events as clients write them: one JSON object for each; alone, in an array, or in an envelope
// {"events": [...]}.
//
// Use:
//     EventLineParser parser;
//     while (std::getline(input, line)) {
//         ASSIGN_OR_RETURN(ParsedEvent event, parser.parse(line));
//         ...
//     }
//
//     {"id": "evt-1", "entity_id": "order-7", "event_type": "OrderPlaced",
//      "payload": {"total": 12.50}, "metadata": {"user": "ada"}, "tags": ["web"],
//      "occurred_at": "2024-05-01T12:00:00Z", "expected_version": "none", "tenant_id": "acme"}
//
// The whole line is checked as validate_json() does, with one more level of nesting for the event
// itself. What is required, and what the texts may look like, is for the caller to say.
//
// Threads: a parser belongs to one thread. Its results point into it and live until its next call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/result.h"
#include "json/validate.h"

namespace chronos::json {

/// What "expected_version" says: a number, or one of three words.
struct ExpectedVersionText {
    enum class Kind : std::uint8_t { kNumber, kAny, kNone, kExists };

    Kind kind = Kind::kAny;
    std::uint64_t number = 0;  ///< Of kNumber.

    bool operator==(const ExpectedVersionText&) const = default;
};

/// One event. A field of text that is null counts as left out.
struct ParsedEvent {
    std::optional<std::string_view> id;           ///< "id" or "event_id"
    std::optional<std::string_view> entity_id;    ///< "entity_id"
    std::optional<std::string_view> event_type;   ///< "event_type" or "type"
    std::optional<std::string_view> occurred_at;  ///< "occurred_at"
    std::optional<std::string_view> tenant_id;    ///< "tenant_id"
    std::string_view payload;   ///< "payload" or "data": JSON as it was written; empty if left out.
    std::string_view metadata;  ///< "metadata": the same; empty also for null.
    std::vector<std::string_view> tags;
    std::optional<ExpectedVersionText> expected_version;

    // What a store adds when it shows an event: raw JSON, to be imported or refused by the caller.
    bool has_store_fields = false;
    std::optional<std::string_view> timestamp;
    std::optional<std::string_view> position;
    std::optional<std::string_view> version;
};

/// Parses events with memory that is used again and again.
class EventLineParser {
public:
    struct Options {
        Limits limits = {};  ///< Of one event.
        std::size_t batch_events_max = 100'000;
        std::size_t tags_max = 1024;  ///< Of one event.
    };

    EventLineParser() = default;
    explicit EventLineParser(const Options& options) : options_(options) {}

    /// Parses one event.
    ///
    /// Errors: kInvalidArgument — not strict JSON, not an object, an unknown or repeated field, a
    /// field of
    ///         the wrong type; kLimitExceeded.
    Result<ParsedEvent> parse(std::string_view line);

    /// Parses one event, an array of events, or {"events": [...]}. All or nothing: an error names
    /// the first event that is wrong, counted from 0.
    Result<std::vector<ParsedEvent>> parse_batch(std::string_view text);

private:
    void keep_copy(std::string_view text);
    Limits event_limits() const;
    Result<ParsedEvent> make_event(std::string_view value);
    Result<std::size_t> parse_array(std::size_t offset, std::vector<ParsedEvent>& events);
    Status set_field(ParsedEvent& event, std::string_view key, std::string_view value,
                     std::uint32_t& seen_fields);
    Result<std::string_view> read_text(std::string_view value, std::string_view field);
    Status read_tags(std::string_view value, std::vector<std::string_view>& tags);
    Result<ExpectedVersionText> read_expected_version(std::string_view value);
    std::string_view unescape_in_place(std::string_view body);

    Options options_;
    Validator validator_;
    std::string text_;  ///< A copy of the input, in which strings are unescaped where they stand.
    std::string scratch_;
};

}  // namespace chronos::json
