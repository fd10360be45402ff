// The canonical bytes of a batch: the body of a log record. Format: docs/formats/log.md §4.
//
// `BodyView` and `EventBytes` read bodies; bytes from disk go through `check_body` once, after which the
// accessors trust them. Writing is BatchBuilder's (batch_builder.cc) and `write_body`'s.
//
// Threads: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "chronos/append.h"
#include "event/ids.h"

namespace chronos::event {

inline constexpr std::uint16_t kBodyVersion = 1;
inline constexpr std::size_t kBodyHeaderSize = 96;
inline constexpr std::size_t kSectionSize = 24;
inline constexpr std::size_t kEventHeaderSize = 32;
inline constexpr std::uint32_t kNoEventIndex = 0xFFFFFFFF;
inline constexpr std::uint32_t kMatchesAll = 0xFFFFFFFF;
/// Events of one entity.
inline constexpr std::uint64_t kStreamEventsMax = 0xFFFFFFFF;

enum EventFlag : std::uint16_t {
    kExplicitId = 1,
    kOccurredAt = 2,
    kNoEntity = 4,
    kUnvalidated = 4096,
    kKnownRequiredFlags = kExplicitId | kOccurredAt | kNoEntity,
    kRequiredFlagMask = 0x0FFF,
};

struct BodyHeader {
    std::uint16_t version = kBodyVersion;
    std::uint16_t header_size = kBodyHeaderSize;
    std::uint32_t required_flags = 0;
    std::uint32_t optional_flags = 0;
    std::uint32_t event_count = 0;
    Uuid batch_id;
    std::int64_t recorded_at = 0;
    std::uint64_t first_position = 0;
    BranchNumber branch = kMainBranch;
    std::uint32_t section_count = 1;
    std::uint32_t conditions_size = 0;
    std::uint32_t extensions_size = 0;
    Uuid database;
    std::uint32_t condition_count = 0;
    std::uint32_t zero = 0;
    std::uint64_t events_size = 0;
};
static_assert(sizeof(BodyHeader) == kBodyHeaderSize);
static_assert(offsetof(BodyHeader, batch_id) == 16 && offsetof(BodyHeader, recorded_at) == 32);
static_assert(offsetof(BodyHeader, database) == 64 && offsetof(BodyHeader, events_size) == 88);

struct EventHeader {
    std::uint32_t size = 0;
    std::uint16_t flags = 0;
    std::uint16_t type_size = 0;
    std::uint16_t entity_size = 0;
    std::uint16_t tag_count = 0;
    std::uint16_t tags_size = 0;
    std::uint16_t reserved_size = 0;
    std::uint32_t metadata_size = 0;
    std::uint32_t body_distance = 0;  // in units of 8
    std::uint32_t ordinal = 0;
    std::uint32_t payload_size = 0;
};
static_assert(sizeof(EventHeader) == kEventHeaderSize);

/// One event inside a checked body; a pointer with accessors. Valid as long as the body's bytes.
class EventBytes {
public:
    explicit EventBytes(const std::byte* at) : at_(at), header_(base::load<EventHeader>(at)) {}

    [[nodiscard]] const EventHeader& header() const { return header_; }
    [[nodiscard]] bool has(EventFlag flag) const { return (header_.flags & flag) != 0; }
    [[nodiscard]] const std::byte* data() const { return at_; }
    [[nodiscard]] const std::byte* body() const { return at_ - std::size_t{header_.body_distance} * 8; }

    /// Whether its parts fit its size: asked of an event that was found by other means than walking a checked body.
    [[nodiscard]] bool fits() const {
        return header_.size >= metadata_offset() + header_.metadata_size + std::uint64_t{header_.payload_size};
    }

    [[nodiscard]] Uuid explicit_id() const { return base::load<Uuid>(at_ + kEventHeaderSize); }
    /// The explicit id, or the one derived from the batch.
    [[nodiscard]] Uuid id() const;
    [[nodiscard]] std::optional<std::int64_t> sent_occurred_at() const;
    /// As sent, or the batch's recorded_at.
    [[nodiscard]] std::int64_t occurred_at() const;
    [[nodiscard]] std::string_view type() const { return text(fixed_size(), header_.type_size); }
    [[nodiscard]] std::string_view entity() const {
        return text(fixed_size() + header_.type_size, header_.entity_size);
    }
    [[nodiscard]] std::string_view encoded_tags() const {
        return text(fixed_size() + header_.type_size + header_.entity_size, header_.tags_size);
    }
    [[nodiscard]] std::string_view metadata() const { return text(metadata_offset(), header_.metadata_size); }
    [[nodiscard]] std::string_view payload() const {
        return text(metadata_offset() + header_.metadata_size, header_.payload_size);
    }

private:
    [[nodiscard]] std::size_t fixed_size() const {
        return kEventHeaderSize + (has(kExplicitId) ? 16 : 0) + (has(kOccurredAt) ? 8 : 0);
    }
    [[nodiscard]] std::size_t metadata_offset() const {
        return fixed_size() + header_.type_size + header_.entity_size + header_.tags_size + header_.reserved_size;
    }
    [[nodiscard]] std::string_view text(std::size_t offset, std::size_t size) const {
        return {reinterpret_cast<const char*>(at_ + offset), size};
    }

    const std::byte* at_;
    EventHeader header_;
};

/// Tags in their stored form: each u16 size + bytes, sorted.
template <typename Visit>
void for_each_tag(std::string_view encoded, Visit&& visit) {
    while (encoded.size() >= 2) {
        const auto size = base::load<std::uint16_t>(reinterpret_cast<const std::byte*>(encoded.data()));
        visit(encoded.substr(2, size));
        encoded.remove_prefix(std::size_t{2} + size);
    }
}

/// A checked body.
class BodyView {
public:
    explicit BodyView(const std::byte* at) : at_(at), header_(base::load<BodyHeader>(at)) {}
    [[nodiscard]] const BodyHeader& header() const { return header_; }
    /// Bytes of the whole body.
    [[nodiscard]] std::uint64_t size() const { return events_offset() + header_.events_size; }
    [[nodiscard]] const std::byte* first_event() const { return at_ + events_offset(); }
    [[nodiscard]] std::span<const std::byte> conditions() const {
        return {at_ + conditions_offset(), header_.conditions_size};
    }
    [[nodiscard]] std::span<const std::byte> extensions() const {
        return {at_ + conditions_offset() + header_.conditions_size, header_.extensions_size};
    }

    /// Calls `visit(EventBytes)` for each event, in order.
    template <typename Visit>
    void for_each_event(Visit&& visit) const {
        const std::byte* at = first_event();
        for (std::uint32_t i = 0; i < header_.event_count; ++i) {
            EventBytes event(at);
            visit(event);
            at += event.header().size;
        }
    }

private:
    [[nodiscard]] std::size_t conditions_offset() const {
        return kBodyHeaderSize + kSectionSize * (header_.section_count - std::size_t{1});
    }
    [[nodiscard]] std::size_t events_offset() const {
        return conditions_offset() + header_.conditions_size + header_.extensions_size;
    }

    const std::byte* at_;
    BodyHeader header_;
};

/// How many events of their entities a fork's events inherit: the extension of kind 2, docs/formats/log.md §4.
/// Listed are events that may be the first of their entity on the fork.
class InheritedCounts {
public:
    explicit InheritedCounts(const BodyView& body);
    [[nodiscard]] bool empty() const { return entries_.empty(); }
    /// 0 for an event that is not listed.
    [[nodiscard]] std::uint64_t of(std::uint32_t event_index) const;

    struct Entry {
        std::uint32_t event_index = 0;
        std::uint32_t zero = 0;
        std::uint64_t count = 0;
    };
    /// The extension that lists `entries`, ascending by event; no bytes for none.
    static std::vector<std::byte> encode(std::span<const Entry> entries);

private:
    std::span<const std::byte> entries_;
};

/// Says that a body goes on with the batch of the record in front: the extension of kind 3.
std::vector<std::byte> encode_continuation();
bool is_continuation(const BodyView& body);

/// Checks that every size in `body` stays inside it and that nothing required is unknown.
///
/// Errors: kCorrupt, kUnsupported.
Status check_body(std::span<const std::byte> body);

/// Whether an event has one of the item's types and all its tags, for any item.
bool matches(const Query& query, const EventBytes& event);

}  // namespace chronos::event
