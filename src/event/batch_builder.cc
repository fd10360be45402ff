// BatchBuilder: encodes events as they are added. Format: docs/formats/log.md §4.
#include <algorithm>
#include <array>

#include "base/result.h"
#include "event/batch_content.h"

namespace chronos {
namespace {

std::byte* put(std::byte* to, std::string_view text) {
    return std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), to);
}

/// The tags of one event, sorted and without repeats.
struct SortedTags {
    std::array<std::string_view, event::kTagCountMax> tags;
    std::size_t count = 0;
    std::size_t encoded_size = 0;

    explicit SortedTags(std::span<const std::string_view> given) {
        count = given.size();
        std::copy(given.begin(), given.end(), tags.begin());
        const auto end = tags.begin() + static_cast<std::ptrdiff_t>(count);
        if (count > 1) {
            std::sort(tags.begin(), end);
            count = static_cast<std::size_t>(std::unique(tags.begin(), end) - tags.begin());
        }
        for (std::size_t i = 0; i < count; ++i) encoded_size += 2 + tags[i].size();
    }
};

std::optional<Error> check_sizes(const BatchBuilder::EventRef& event, std::size_t metadata_size_max) {
    const auto too_long = [&](const char* what, std::size_t size, std::size_t max) {
        return base::fail(ErrorCode::kLimitExceeded, std::string(what) + " has " + std::to_string(size) +
                                                         " bytes, the limit is " + std::to_string(max));
    };
    if (event.event_type.size() > event::kTypeSizeMax)
        return too_long("event_type", event.event_type.size(), event::kTypeSizeMax);
    if (event.entity_id.size() > event::kEntitySizeMax)
        return too_long("entity_id", event.entity_id.size(), event::kEntitySizeMax);
    if (event.payload.size() > event::kPayloadSizeMax)
        return too_long("payload", event.payload.size(), event::kPayloadSizeMax);
    if (event.metadata.size() > metadata_size_max)
        return too_long("metadata", event.metadata.size(), metadata_size_max);
    if (event.tags.size() > event::kTagCountMax)
        return base::fail(ErrorCode::kLimitExceeded, std::to_string(event.tags.size()) + " tags, the limit is 64");
    for (const auto tag : event.tags)
        if (tag.size() > event::kTagSizeMax) return too_long("a tag", tag.size(), event::kTagSizeMax);
    return std::nullopt;
}

}  // namespace

BatchBuilder::BatchBuilder() : content_(std::make_unique<Content>()) {}
BatchBuilder::BatchBuilder(BatchBuilder&&) noexcept = default;
BatchBuilder& BatchBuilder::operator=(BatchBuilder&&) noexcept = default;
BatchBuilder::~BatchBuilder() = default;

void BatchBuilder::add(const EventRef& event) {
    Content& content = *content_;
    if (!content.error) content.error = check_sizes(event, content.metadata_size_max);
    if (content.error) {
        ++content.refused_count;
        return;
    }

    const SortedTags tags(event.tags);
    event::EventHeader header;
    header.flags = static_cast<std::uint16_t>(
        (event.id ? event::kExplicitId : 0) | (event.occurred_at ? event::kOccurredAt : 0) |
        (event.entity_id.empty() ? event::kNoEntity : 0) | (event.unvalidated ? event::kUnvalidated : 0));
    header.type_size = static_cast<std::uint16_t>(event.event_type.size());
    header.entity_size = static_cast<std::uint16_t>(event.entity_id.size());
    header.tag_count = static_cast<std::uint16_t>(tags.count);
    header.tags_size = static_cast<std::uint16_t>(tags.encoded_size);
    header.metadata_size = static_cast<std::uint32_t>(event.metadata.size());
    header.payload_size = static_cast<std::uint32_t>(event.payload.size());
    header.ordinal = content.event_count;
    const std::size_t content_size = sizeof(header) + (event.id ? 16U : 0U) + (event.occurred_at ? 8U : 0U) +
                                     event.event_type.size() + event.entity_id.size() + tags.encoded_size +
                                     event.metadata.size() + event.payload.size();
    header.size = static_cast<std::uint32_t>(base::round_up(content_size, 8));

    const std::size_t start = content.events.size();
    content.events.resize(start + header.size);
    std::byte* at = content.events.data() + start;
    base::store(at, header);
    at += sizeof(header);
    if (event.id) {
        base::store(at, *event.id);
        at += 16;
    }
    if (event.occurred_at) {
        base::store(at, event.occurred_at->ns);
        at += 8;
    }
    at = put(at, event.event_type);
    at = put(at, event.entity_id);
    for (std::size_t i = 0; i < tags.count; ++i) {
        base::store(at, static_cast<std::uint16_t>(tags.tags[i].size()));
        at = put(at + 2, tags.tags[i]);
    }
    at = put(at, event.metadata);
    put(at, event.payload);

    if (event.expected_version.kind != ExpectedVersion::Kind::kAny)
        content.event_conditions.push_back({content.event_count, event.expected_version});
    ++content.event_count;
}

void BatchBuilder::add_condition(const Condition& condition) { content_->conditions.push_back(condition); }
void BatchBuilder::set_batch_id(const Uuid& batch_id) { content_->batch_id = batch_id; }
void BatchBuilder::reserve(std::size_t bytes) { content_->events.reserve(bytes); }

void BatchBuilder::clear() {
    content_->events.clear();
    content_->event_count = 0;
    content_->conditions.clear();
    content_->event_conditions.clear();
    content_->batch_id.reset();
    content_->drop_error();
}

std::size_t BatchBuilder::event_count() const { return content_->event_count; }

}  // namespace chronos
