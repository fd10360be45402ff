// What a BatchBuilder holds: encoded events and the conditions of a batch, ready to be placed in the log.
// Format of the bytes: docs/formats/log.md §4.
//
// Threads: used by one thread at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "chronos/append.h"
#include "event/body.h"

namespace chronos {

struct BatchBuilder::Content {
    /// Encoded events, back to back; distances from the body's start are filled in by `finish`.
    std::vector<std::byte> events;
    std::uint32_t event_count = 0;
    /// Explicit conditions in request order; those of events follow.
    std::vector<Condition> conditions;
    struct EventCondition {
        std::uint32_t event_index;
        ExpectedVersion expected;
    };
    std::vector<EventCondition> event_conditions;
    std::optional<Uuid> batch_id;
    /// What a merge adds to metadata may lead beyond the limit for clients.
    std::size_t metadata_size_max = std::size_t{64} << 10;
    /// It goes on with the batch of the record in front, which a merge had to divide (docs/formats/log.md §4).
    bool is_continued = false;
    /// The first thing that was wrong with what was added, and how many events were left out since.
    std::optional<Error> error;
    std::uint32_t refused_count = 0;

    /// Makes the batch one of the events before the one that was wrong.
    void drop_error() {
        error.reset();
        refused_count = 0;
    }

    /// Calls `visit(EventBytes)` for each event.
    template <typename Visit>
    void for_each_event(Visit&& visit) const {
        for (std::size_t at = 0; at < events.size();) {
            event::EventBytes event(events.data() + at);
            visit(event);
            at += event.header().size;
        }
    }
};

namespace event {

/// The conditions a stored batch entered under, read back; those of its events name their entities.
///
/// Errors: kCorrupt.
Result<std::vector<Condition>> decode_conditions(const BodyView& body);

/// The conditions section of a body, encoded.
struct EncodedConditions {
    std::vector<std::byte> bytes;
    std::uint32_t count = 0;
};
EncodedConditions encode_conditions(const BatchBuilder::Content& content);

/// Checks names, sizes and counts by the limits of chronos/event.h; not the JSON.
/// `allow_system` lets event types start with '$'.
///
/// Errors: kInvalidArgument, kLimitExceeded, naming the event's index and the rule.
Status check_content(const BatchBuilder::Content& content, bool allow_system);
Status check_query(const Query& query);

/// Limits of chronos/event.h.
inline constexpr std::size_t kTypeSizeMax = 256;
inline constexpr std::size_t kEntitySizeMax = 512;
inline constexpr std::size_t kPayloadSizeMax = std::size_t{1} << 20;
inline constexpr std::size_t kMetadataSizeMax = std::size_t{64} << 10;
inline constexpr std::size_t kTagCountMax = 64;
inline constexpr std::size_t kTagSizeMax = 256;
inline constexpr std::size_t kBatchEventsMax = 100'000;
inline constexpr std::size_t kBatchBytesMax = std::size_t{24} << 20;
inline constexpr std::size_t kConditionsMax = 1'000;

}  // namespace event
}  // namespace chronos
