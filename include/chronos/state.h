// The state of an entity: the fold of its events' object payloads, in stream order.
//
// Threads: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "chronos/read.h"
#include "chronos/types.h"

namespace chronos {

/// How payloads become state.
enum class Fold : std::uint8_t {
    kMergePatch,  ///< RFC 7396: objects merge, null removes, the rest replaces.
    kShallow,     ///< Top-level keys are overwritten; null is a value.
};

std::string_view fold_name(Fold fold);

enum class FoldOrder : std::uint8_t {
    kStream,    ///< The order in which events were appended.
    kOccurred,  ///< By occurred_at, ties by version.
};

struct StateOptions {
    Fold fold = Fold::kMergePatch;
    FoldOrder order = FoldOrder::kStream;
    /// Also say which event set each field.
    bool with_origins = false;
    /// Folds from the first event even when a saved state would do; the answer is the same.
    bool ignore_snapshots = false;
};

/// Which event gave a field its value.
struct FieldOrigin {
    std::string pointer;  ///< RFC 6901.
    std::string value;    ///< JSON text.
    Uuid event_id;
    Position position;
    Version version;
    std::string event_type;
    Timestamp recorded_at;
    Timestamp occurred_at;
    std::string actor;  ///< Of its metadata; empty when none was sent.
};

struct State {
    bool exists = false;
    std::string entity_id;
    std::string json = "{}";
    Version version;                ///< Of the last event that counts.
    Version current_version;        ///< Of the last event in the view, later-occurring ones included.
    std::uint64_t event_count = 0;  ///< Events that count.
    /// Events appended after one that occurred later: the two fold orders may differ when it is not 0.
    std::uint64_t late_events = 0;
    std::optional<Timestamp> last_recorded_at, last_occurred_at;
    std::vector<FieldOrigin> origins;
    /// Events folded for this answer; smaller than event_count when a snapshot served.
    std::uint64_t folded_events = 0;
    /// When !exists: the first event that the view leaves out, if there is one.
    std::optional<Timestamp> first_event_at;
};

/// One field that an event changed.
struct FieldChange {
    std::string pointer;
    std::optional<std::string> before, after;  ///< JSON text; absent: was not or is no longer there.
};

/// One event and what it did to its entity.
struct HistoryEntry {
    Event event;
    std::vector<FieldChange> changes;
    std::string actor, reason;  ///< Of its metadata; empty when none was sent.
    /// From when the entry before occurred to when this one did; negative for one that came late. Absent: the first.
    std::optional<std::int64_t> duration_ns;
};

/// Which part of a history.
struct HistoryPart {
    /// Behind the event of this version, in the order of the fold.
    std::optional<Version> after;
    std::uint32_t limit = 1'000;
    /// Of events and what they changed: the part ends before the entry that would go beyond it, unless that is its
    /// first.
    std::size_t bytes_max = std::size_t{8} << 20;
};

struct HistoryPage {
    std::vector<HistoryEntry> entries;
    std::uint64_t event_count = 0;  ///< Of the whole history.
    bool has_more = false;
};

/// A field as a history leaves it.
struct FieldHistory {
    std::string pointer;          ///< RFC 6901.
    std::string value;            ///< JSON text.
    std::size_t entry_index = 0;  ///< Of the entry since which it has this value.
    std::uint64_t change_count = 0;
};

/// The fields that are there at the end of a history, in the order in which they came to be.
std::vector<FieldHistory> field_histories(std::span<const HistoryEntry> entries);

}  // namespace chronos
