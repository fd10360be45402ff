#include "event/body.h"

#include <algorithm>

#include "base/result.h"

namespace chronos::event {
namespace {

Error damaged(const char* what) { return base::fail(ErrorCode::kCorrupt, std::string("batch body: ") + what); }

Status check_tags(std::string_view encoded, std::uint16_t count) {
    base::ByteReader reader(base::as_bytes(encoded));
    for (std::uint16_t i = 0; i < count; ++i) reader.skip(reader.number<std::uint16_t>());
    if (!reader.ok() || reader.left() != 0) return damaged("tags do not fill their place");
    return {};
}

/// Walks a list of {size, kind, version, flags, …}: sizes fit, and nothing unknown has to be understood.
Status check_list(std::span<const std::byte> list, std::uint16_t known_kind_max) {
    while (!list.empty()) {
        if (list.size() < 8) return damaged("a condition or extension is cut off");
        const auto size = base::load<std::uint32_t>(list.data());
        const auto kind = base::load<std::uint16_t>(list.data() + 4);
        const auto version = base::load<std::uint8_t>(list.data() + 6);
        const auto flags = base::load<std::uint8_t>(list.data() + 7);
        if (size < 8 || size % 8 != 0 || size > list.size()) return damaged("the size of a condition or extension");
        const bool is_known = kind >= 1 && kind <= known_kind_max && version == 1;
        if (!is_known && (flags & 1) != 0)
            return base::fail(ErrorCode::kUnsupported, "a batch has a part that needs a newer version of chronos");
        list = list.subspan(size);
    }
    return {};
}

constexpr std::uint16_t kInheritedCountsKind = 2;
constexpr std::uint16_t kContinuationKind = 3;
constexpr std::size_t kListHeaderSize = 8;
constexpr std::size_t kInheritedEntrySize = 16;

bool is_of_kind(std::span<const std::byte> extension, std::uint16_t kind) {
    return base::load<std::uint16_t>(extension.data() + 4) == kind &&
           base::load<std::uint8_t>(extension.data() + 6) == 1;
}

std::span<const std::byte> behind(std::span<const std::byte> extensions) {
    return extensions.subspan(base::load<std::uint32_t>(extensions.data()));
}

/// The head of an extension of version 1 that must be understood.
void store_head(std::span<std::byte> extension, std::uint16_t kind) {
    base::store(extension.data(), static_cast<std::uint32_t>(extension.size()));
    base::store(extension.data() + 4, kind);
    base::store(extension.data() + 6, std::uint8_t{1});  // version
    base::store(extension.data() + 7, std::uint8_t{1});  // must be understood
}

/// Entries of whole size, ascending by event, of events that are there.
Status check_inherited(std::span<const std::byte> extensions, std::uint32_t event_count) {
    for (; !extensions.empty(); extensions = behind(extensions)) {
        if (!is_of_kind(extensions, kInheritedCountsKind)) continue;
        const auto entries =
            extensions.subspan(kListHeaderSize, base::load<std::uint32_t>(extensions.data()) - kListHeaderSize);
        if (entries.size() % kInheritedEntrySize != 0) return damaged("inherited counts do not fill their place");
        std::uint64_t next_index = 0;
        for (std::size_t at = 0; at < entries.size(); at += kInheritedEntrySize) {
            const auto entry = base::load<InheritedCounts::Entry>(entries.data() + at);
            if (entry.event_index < next_index || entry.event_index >= event_count || entry.count > kStreamEventsMax)
                return damaged("an inherited count");
            next_index = std::uint64_t{entry.event_index} + 1;
        }
    }
    return {};
}

Status check_event(std::span<const std::byte> rest, std::size_t body_offset, std::uint32_t ordinal) {
    if (rest.size() < kEventHeaderSize) return damaged("event header cut off");
    const auto header = base::load<EventHeader>(rest.data());
    if (header.size % 8 != 0 || header.size > rest.size()) return damaged("event size");
    if ((header.flags & kRequiredFlagMask & ~kKnownRequiredFlags) != 0)
        return base::fail(ErrorCode::kUnsupported, "an event needs features of a newer version of chronos");
    const std::uint64_t content = kEventHeaderSize + ((header.flags & kExplicitId) != 0 ? 16U : 0U) +
                                  ((header.flags & kOccurredAt) != 0 ? 8U : 0U) + std::uint64_t{header.type_size} +
                                  header.entity_size + header.tags_size + header.reserved_size + header.metadata_size +
                                  header.payload_size;
    if (base::round_up(content, 8) != header.size) return damaged("event parts do not add up");
    if (!base::all_zero(rest.subspan(content, header.size - content))) return damaged("event padding");
    if (std::uint64_t{header.body_distance} * 8 != body_offset || header.ordinal != ordinal)
        return damaged("event is not where it says");
    return check_tags(EventBytes(rest.data()).encoded_tags(), header.tag_count);
}

bool has_tag(std::string_view encoded, std::string_view wanted) {
    bool found = false;
    for_each_tag(encoded, [&](std::string_view tag) { found = found || tag == wanted; });
    return found;
}

bool matches_item(const QueryItem& item, const EventBytes& event) {
    if (!item.types.empty() && std::find(item.types.begin(), item.types.end(), event.type()) == item.types.end())
        return false;
    return std::all_of(item.tags.begin(), item.tags.end(),
                       [&](const std::string& tag) { return has_tag(event.encoded_tags(), tag); });
}

}  // namespace

Uuid EventBytes::id() const {
    if (has(kExplicitId)) return explicit_id();
    return derived_event_id(base::load<Uuid>(body() + offsetof(BodyHeader, batch_id)), header_.ordinal);
}

std::optional<std::int64_t> EventBytes::sent_occurred_at() const {
    if (!has(kOccurredAt)) return std::nullopt;
    return base::load<std::int64_t>(at_ + kEventHeaderSize + (has(kExplicitId) ? 16 : 0));
}

std::int64_t EventBytes::occurred_at() const {
    if (const auto sent = sent_occurred_at()) return *sent;
    return base::load<std::int64_t>(body() + offsetof(BodyHeader, recorded_at));
}

Status check_body(std::span<const std::byte> body) {
    if (body.size() < kBodyHeaderSize) return damaged("header cut off");
    const auto header = base::load<BodyHeader>(body.data());
    if (header.version != kBodyVersion || header.header_size != kBodyHeaderSize || header.required_flags != 0)
        return base::fail(ErrorCode::kUnsupported, "a batch needs a newer version of chronos");
    if (header.section_count < 1) return damaged("section count");
    if (header.section_count > 1)
        return base::fail(ErrorCode::kUnsupported, "a batch over several branches needs a newer version of chronos");
    const std::uint64_t before_events =
        kBodyHeaderSize + std::uint64_t{header.conditions_size} + header.extensions_size;
    if (header.events_size > body.size() || before_events + header.events_size != body.size())
        return damaged("parts do not add up");
    constexpr std::uint16_t kConditionKinds = 2;
    constexpr std::uint16_t kExtensionKinds = kContinuationKind;
    RETURN_IF_ERROR(check_list(body.subspan(kBodyHeaderSize, header.conditions_size), kConditionKinds));
    RETURN_IF_ERROR(
        check_list(body.subspan(kBodyHeaderSize + header.conditions_size, header.extensions_size), kExtensionKinds));
    RETURN_IF_ERROR(check_inherited(body.subspan(kBodyHeaderSize + header.conditions_size, header.extensions_size),
                                    header.event_count));
    std::size_t offset = before_events;
    for (std::uint32_t ordinal = 0; ordinal < header.event_count; ++ordinal) {
        RETURN_IF_ERROR(check_event(body.subspan(offset), offset, ordinal));
        offset += base::load<EventHeader>(body.data() + offset).size;
    }
    if (offset != body.size()) return damaged("bytes after the last event");
    return {};
}

static_assert(sizeof(InheritedCounts::Entry) == kInheritedEntrySize);

InheritedCounts::InheritedCounts(const BodyView& body) {
    for (auto rest = body.extensions(); !rest.empty(); rest = behind(rest)) {
        if (is_of_kind(rest, kInheritedCountsKind))
            entries_ = rest.subspan(kListHeaderSize, base::load<std::uint32_t>(rest.data()) - kListHeaderSize);
    }
}

std::uint64_t InheritedCounts::of(std::uint32_t event_index) const {
    std::size_t low = 0;
    std::size_t high = entries_.size() / kInheritedEntrySize;
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        const auto entry = base::load<Entry>(entries_.data() + middle * kInheritedEntrySize);
        if (entry.event_index == event_index) return entry.count;
        if (entry.event_index < event_index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return 0;
}

std::vector<std::byte> InheritedCounts::encode(std::span<const Entry> entries) {
    if (entries.empty()) return {};
    std::vector<std::byte> bytes(kListHeaderSize + entries.size() * kInheritedEntrySize);
    store_head(bytes, kInheritedCountsKind);
    for (std::size_t i = 0; i < entries.size(); ++i)
        base::store(bytes.data() + kListHeaderSize + i * kInheritedEntrySize, entries[i]);
    return bytes;
}

std::vector<std::byte> encode_continuation() {
    std::vector<std::byte> bytes(kListHeaderSize);
    store_head(bytes, kContinuationKind);
    return bytes;
}

bool is_continuation(const BodyView& body) {
    for (auto rest = body.extensions(); !rest.empty(); rest = behind(rest))
        if (is_of_kind(rest, kContinuationKind)) return true;
    return false;
}

bool matches(const Query& query, const EventBytes& event) {
    if (query.all) return true;
    return std::any_of(query.items.begin(), query.items.end(),
                       [&](const QueryItem& item) { return matches_item(item, event); });
}

}  // namespace chronos::event
