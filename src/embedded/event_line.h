// Reads events as clients write them, in JSON: one object for each; alone, in an array, or in an
// envelope {"events": [...]}.
//
// Use:
//     EventLineParser parser;
//     while (std::getline(input, line)) {
//         ASSIGN_OR_RETURN(const ParsedEvent parsed, parser.parse(line));
//         ASSIGN_OR_RETURN(const BatchBuilder::EventRef event, event_of(parsed));
//         batch.add(event);
//     }
//
//     {"id": "0190b8a0-0000-7000-8000-000000000000", "entity_id": "order-7", "event_type": "OrderPlaced",
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

#include "chronos/append.h"
#include "chronos/result.h"
#include "json/validate.h"

namespace chronos::embedded {

/// Reads a whole number, "none", "exists" or "any"; nothing for any other text.
std::optional<ExpectedVersion> parse_expected_version(std::string_view text);
/// The same as a JSON value: the words in quotes, a number without.
std::optional<ExpectedVersion> parse_expected_version_json(std::string_view value);

/// One event. A field of text that is null counts as left out.
struct ParsedEvent {
    std::optional<std::string_view> id;           ///< "id" or "event_id"
    std::optional<std::string_view> entity_id;    ///< "entity_id"
    std::optional<std::string_view> event_type;   ///< "event_type" or "type"
    std::optional<std::string_view> occurred_at;  ///< "occurred_at"
    std::optional<std::string_view> tenant_id;    ///< "tenant_id"
    std::string_view payload;                     ///< "payload" or "data": JSON as it was written; empty if left out.
    std::string_view metadata;                    ///< "metadata": the same; empty also for null.
    std::vector<std::string_view> tags;
    std::optional<ExpectedVersion> expected_version;

    // What a store adds when it shows an event: raw JSON, to be imported or refused by the caller.
    bool has_store_fields = false;
    std::optional<std::string_view> timestamp;
    std::optional<std::string_view> position;
    std::optional<std::string_view> version;
};

/// The event as a batch takes it, by reference to `parsed`; what only a store adds is left out.
///
/// Errors: kInvalidArgument — no entity or type, or an id or a time that is none.
Result<BatchBuilder::EventRef> event_of(const ParsedEvent& parsed);

/// Parses events with memory that is used again and again.
class EventLineParser {
public:
    struct Options {
        json::Limits limits = {};  ///< Of one event.
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
    [[nodiscard]] json::Limits event_limits() const;
    Result<ParsedEvent> make_event(std::string_view value);
    Result<std::size_t> parse_array(std::size_t offset, std::vector<ParsedEvent>& events);
    Status set_field(ParsedEvent& event, std::string_view key, std::string_view value, std::uint32_t& seen_fields);
    Result<std::string_view> read_text(std::string_view value, std::string_view field);
    Status read_tags(std::string_view value, std::vector<std::string_view>& tags);
    std::string_view unescape_in_place(std::string_view body);

    Options options_;
    json::Validator validator_;
    std::string text_;  ///< A copy of the input, in which strings are unescaped where they stand.
    std::string scratch_;
};

}  // namespace chronos::embedded
