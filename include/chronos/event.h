// Events as clients write them and as readers see them.
//
// Limits (checked on append): event_type 1–256 bytes of UTF-8 without white space or control
// characters, not starting with '$'; entity_id 1–512 bytes without control characters, no leading
// or trailing space; payload JSON ≤ 1 MiB; metadata a JSON object ≤ 64 KiB; ≤ 64 tags of 1–256
// bytes. Of JSON in both: at most 64 levels of nesting, 1,024 keys in one object and 100,000 keys
// and values in all; UTF-8, no key twice in an object, no number beyond a double.
//
// Threads: values. An EventView points into memory owned by the page it came from.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/types.h"

namespace chronos {

/// What a client says about one fact. The store adds position, version and recorded_at.
struct NewEvent {
    std::string entity_id;
    std::string event_type;
    /// JSON of any kind, within the limits above; kept byte for byte.
    std::string payload = "{}";
    /// A JSON object, or empty. Known keys: causation_id, correlation_id, actor, traceparent.
    std::string metadata;
    std::vector<std::string> tags;
    /// Absent: derived from the batch id and the event's place in the batch.
    std::optional<Uuid> id;
    /// When it happened. Absent: when it is recorded.
    std::optional<Timestamp> occurred_at;
};

/// An event read from the store, by reference: valid until the page or cursor it came from advances or is released.
struct EventView {
    Uuid id;
    Position position;
    Version version;  ///< 0 for an event without entity.
    Timestamp recorded_at;
    Timestamp occurred_at;
    bool occurred_at_was_sent = false;
    /// The payload was stored without a look at it: perhaps it is not JSON.
    bool payload_is_unvalidated = false;
    std::string_view event_type;
    std::string_view entity_id;
    std::string_view payload;
    std::string_view metadata;  ///< Empty when none was sent.
    /// Encoded tags; read them with `tags()`.
    std::string_view encoded_tags;
    std::uint16_t tag_count = 0;

    [[nodiscard]] std::vector<std::string_view> tags() const;
};

/// The same, owning its bytes.
struct Event {
    Uuid id;
    Position position;
    Version version;
    Timestamp recorded_at;
    Timestamp occurred_at;
    bool occurred_at_was_sent = false;
    bool payload_is_unvalidated = false;
    std::string event_type;
    std::string entity_id;
    std::string payload;
    std::string metadata;
    std::vector<std::string> tags;
};

/// A copy that outlives the page.
Event copy(const EventView& view);

/// One line of JSON: id, event_type, entity_id, position, version, timestamp, occurred_at, payload, metadata, tags.
/// A payload that is not JSON is shown as a string.
std::string to_json(const EventView& view);
std::string to_json(const Event& event);

}  // namespace chronos
