// Appending: batches, the conditions under which they may enter, and what comes back.
//
// A batch enters whole or not at all. An answer, conflicts and duplicates included, is given only when everything it
// depended on is durable. Retrying with the same ids (or the same batch id) gives the first answer again.
//
// Threads: values; a BatchBuilder is used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "chronos/event.h"
#include "chronos/types.h"

namespace chronos {

/// What the version of an entity must be before the append.
struct ExpectedVersion {
    enum class Kind : std::uint8_t { kAny, kNone, kExists, kExactly };
    Kind kind = Kind::kAny;
    Version version;  ///< For kExactly. Exactly 0 is the same as kNone.

    static ExpectedVersion any() { return {}; }
    static ExpectedVersion none() { return {Kind::kNone, {}}; }
    static ExpectedVersion exists() { return {Kind::kExists, {}}; }
    static ExpectedVersion exactly(std::uint64_t version) {
        return version == 0 ? none() : ExpectedVersion{Kind::kExactly, {version}};
    }
};

/// Events that have one of `types` (or any, when empty) and all of `tags`. Must not be empty.
struct QueryItem {
    std::vector<std::string> types;
    std::vector<std::string> tags;
};

/// Events that match any item; or all events. The query you read with is the condition you append with.
struct Query {
    std::vector<QueryItem> items;
    bool all = false;
};

/// The entity must have the expected version.
struct EntityCondition {
    std::string entity_id;
    ExpectedVersion expected;
};

/// No event after `after` (absent: none at all) may match: a dynamic consistency boundary (dcb.events).
/// `after` may lie beyond the head.
struct NoEventMatches {
    Query query;
    std::optional<Position> after;
};

using Condition = std::variant<EntityCondition, NoEventMatches>;

/// Builds the bytes of a batch without parsing anything: the fastest way in.
///
///     BatchBuilder batch;
///     batch.add({.entity_id = "order:1", .event_type = "order.placed", .payload = R"({"total":42})"});
///     store.append(std::move(batch));
///
/// Everything but the payload's JSON is checked when it is appended, payloads too unless they are `unvalidated`.
class BatchBuilder {
public:
    /// One event by reference; nothing is kept of it after `add` returns.
    struct EventRef {
        std::string_view entity_id;
        std::string_view event_type;
        std::string_view payload = "{}";
        std::string_view metadata = {};
        std::span<const std::string_view> tags = {};
        std::optional<Uuid> id = std::nullopt;
        std::optional<Timestamp> occurred_at = std::nullopt;
        ExpectedVersion expected_version = {};
        /// The payload is stored as it is and marked so; folds and field filters skip it unless it turns out to be
        /// JSON.
        bool unvalidated = false;
    };

    BatchBuilder();
    BatchBuilder(BatchBuilder&&) noexcept;
    BatchBuilder& operator=(BatchBuilder&&) noexcept;
    BatchBuilder(const BatchBuilder&) = delete;
    BatchBuilder& operator=(const BatchBuilder&) = delete;
    ~BatchBuilder();

    /// Adds one event. Requires: fields within the sizes of event.h, else the append is refused.
    void add(const EventRef& event);
    void add_condition(const Condition& condition);
    /// Makes a retry of the same batch recognisable. Absent: random.
    void set_batch_id(const Uuid& batch_id);
    void reserve(std::size_t bytes);
    void clear();
    [[nodiscard]] std::size_t event_count() const;

    struct Content;  // src/event/batch_content.h
    [[nodiscard]] Content& content() { return *content_; }
    [[nodiscard]] const Content& content() const { return *content_; }

private:
    std::unique_ptr<Content> content_;
};

struct AppendOptions {
    /// "main", or a fork's id or name.
    std::string branch = "main";
    Durability durability = Durability::kDurable;
    /// Retries with the same batch id are recognised, whatever the ids of their events. Any UUID.
    std::optional<Uuid> batch_id;
    /// Names a batch by a text of the caller's, as an HTTP Idempotency-Key: batch id = UUIDv5(database, key).
    std::optional<std::string> idempotency_key;
};

/// Where one event went.
struct AppendedEvent {
    Uuid id;
    Position position;
    Version version;
};

struct AppendResult {
    std::vector<AppendedEvent> events;
    Timestamp recorded_at;
    /// What was reached, never more.
    Durability durability = Durability::kDurable;
    /// The batch was there already; this is its first answer again.
    bool duplicate = false;
};

/// One condition that did not hold.
struct FailedCondition {
    /// Of the condition in the request: first the explicit conditions, then the events' own, by event.
    std::uint32_t index = 0;
    /// An entity's version.
    std::string entity_id;
    ExpectedVersion expected_version;
    Version current_version;
    /// Or the first event that matches.
    struct Match {
        Position position;
        Uuid id;
        std::string event_type;
    };
    std::optional<Match> first_match;
};

/// Detail of a refused append, in Error::append_failure.
struct AppendFailure {
    std::vector<FailedCondition> conditions;
    /// For kIdConflict and kPartialDuplicate: ids of the batch that are known, and those that are not.
    std::vector<Uuid> known_ids;
    std::vector<Uuid> unknown_ids;
    /// The ids of the batch's events, so that an unknown outcome can be settled later.
    std::vector<Uuid> event_ids;
};

}  // namespace chronos
