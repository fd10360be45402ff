// Reading: views pin what is seen, filters choose, pages carry events out, cursors continue.
//
// Threads: values; a Page is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/append.h"
#include "chronos/event.h"
#include "chronos/types.h"

namespace chronos {

/// Which state of the store to look at. All given parts apply together.
struct ViewOptions {
    /// "main", or a fork's id or name.
    std::string branch = "main";
    /// Events at positions ≤ at. Beyond the head is refused.
    std::optional<Position> at;
    /// Events recorded at or before this time: what was known then.
    std::optional<Timestamp> known_at;
    /// The same by age: recorded at or before (now − age).
    std::optional<std::int64_t> known_age_ns;
    /// Only events that occurred at or before this time.
    std::optional<Timestamp> as_of;
};

/// What a view resolved to; echoed in every answer.
struct ViewInfo {
    std::string branch;
    std::optional<Position> at;  ///< Last position seen; absent when the view is empty.
    std::optional<Timestamp> known_at;
    std::optional<Timestamp> as_of;
    /// Of a live fork: when it ends unless it is extended.
    std::optional<Timestamp> expires_at;
    /// The same question can never get another answer.
    bool settled = false;
};

enum class Order : std::uint8_t { kForward, kBackward };

/// A test of one payload field. Operators: "=", "!=", "<", "<=", ">", ">=", "contains", "exists".
/// "!=" and the comparisons are false when the field is not there or of another kind.
struct FieldTest {
    std::string pointer;  ///< JSON pointer (RFC 6901), "/total".
    std::string operation;
    std::string operand;  ///< JSON text; ignored by "exists".
};

/// Which events; all given parts must hold, entries within a list are alternatives (tags: all of them).
struct Filter {
    std::vector<std::string> event_types;
    std::string event_type_prefix;
    std::vector<std::string> entity_ids;
    std::string entity_id_prefix;
    std::vector<std::string> tags;
    /// Recorded times, inclusive.
    std::optional<Timestamp> since, until;
    /// Occurred times, inclusive.
    std::optional<Timestamp> occurred_since, occurred_until;
    std::optional<std::string> correlation_id, causation_id, actor;
    std::vector<FieldTest> fields;
    /// As in conditions: types OR, tags AND, items OR.
    std::optional<Query> query;
};

/// One page of a read of all events.
struct ReadOptions {
    Filter filter;
    Order order = Order::kForward;
    /// Exclusive start (backward: exclusive end) by position.
    std::optional<Position> after;
    std::uint32_t limit = 100;  ///< 1–10,000; above is refused.
    /// The page ends, maybe empty and with a cursor, when so many events were looked at for it; 0: no such bound.
    std::uint64_t examined_max = 0;
    /// Of payloads and metadata: the page ends before the event that would go beyond it, unless that is its first.
    /// 0: no such bound.
    std::size_t bytes_max = 0;
    /// Continues an earlier page; then only `limit` and the bounds may differ, filter and order must be the same.
    std::string cursor;
};

/// How many events match.
struct MatchCount {
    std::uint64_t count = 0;
    bool is_complete = true;  ///< Else there may be more: not all could be looked at.
};

/// One page of a read of one entity.
struct EntityReadOptions {
    Order order = Order::kForward;
    /// Versions, inclusive. With kBackward and a limit: the last n.
    std::optional<Version> from, to;
    std::uint32_t limit = 1'000;  ///< 1–100,000; above is refused.
    /// Of payloads and metadata: the page ends before the event that would go beyond it, unless that is its first.
    /// 0: no such bound.
    std::size_t bytes_max = 0;
};

/// Events and the memory they live in. Reused by passing it to the next read.
class Page {
public:
    Page();
    Page(Page&&) noexcept;
    Page& operator=(Page&&) noexcept;
    Page(const Page&) = delete;
    Page& operator=(const Page&) = delete;
    ~Page();

    /// Valid until the page is read into again, released or destroyed.
    [[nodiscard]] const std::vector<EventView>& events() const { return events_; }
    /// Continues after this page; empty when there is no more.
    [[nodiscard]] const std::string& next_cursor() const { return next_cursor_; }
    [[nodiscard]] bool has_more() const { return has_more_; }
    /// Events examined to fill the page.
    [[nodiscard]] std::uint64_t examined() const { return examined_; }

    struct Pins;  // src/store/pins.h
    std::vector<EventView> events_;
    std::string next_cursor_;
    bool has_more_ = false;
    std::uint64_t examined_ = 0;
    std::unique_ptr<Pins> pins_;
};

}  // namespace chronos
