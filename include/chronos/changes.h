// What changed between two views: which entities, which of their fields, and the events that did it.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chronos/read.h"
#include "chronos/state.h"

namespace chronos {

struct ChangesOptions {
    /// Only these entities, at most 10,000; empty: all. With a prefix: those of them that start with it.
    std::vector<std::string> entity_ids;
    std::string entity_id_prefix;
    Fold fold = Fold::kMergePatch;
    FoldOrder order = FoldOrder::kStream;
    /// Goes on behind this entity: entities come sorted by id.
    std::string after;
    std::uint32_t limit = 100;  ///< Entities; 1–10,000.
    /// Events listed for each entity and side at most, the first ones; all are counted. 0–10,000, and with `limit` not
    /// more than a million in all.
    std::uint32_t events_max = 100;
};

/// An event that one of two views has, in short.
struct ChangeEvent {
    Uuid id;
    Position position;
    Version version;
    std::string event_type;
    Timestamp recorded_at;
    Timestamp occurred_at;
    std::string actor;  ///< Of its metadata; empty when none was sent.
};

/// A field whose value differs.
struct FieldDifference {
    std::string pointer;                       ///< RFC 6901.
    std::optional<std::string> before, after;  ///< JSON text; absent: not there.
    /// The event that set `after`, or took the field away; absent where no single event did.
    std::optional<Uuid> event_id;
};

/// What became of one entity. Its state may be the same although its events are not.
struct EntityChange {
    std::string entity_id;
    bool existed = false, exists = false;
    Version version_before, version_after;
    std::vector<FieldDifference> fields;
    /// Events that only the later view counts, and events that only the earlier one counts (as when forks are
    /// compared).
    std::vector<ChangeEvent> added, removed;
    std::uint64_t added_count = 0, removed_count = 0;
};

struct Changes {
    ViewInfo before, after;
    std::vector<EntityChange> entities;  ///< Sorted by id.
    bool has_more = false;
    std::string next_after;  ///< Goes on there, as ChangesOptions::after.
    /// Events that differ, of all pages together; those without entity are counted here alone.
    std::uint64_t added_count = 0, removed_count = 0;
    std::uint64_t entity_count = 0;  ///< Entities with such events, of all pages together.
    std::uint64_t examined = 0;      ///< Events looked at to find them.
};

}  // namespace chronos
