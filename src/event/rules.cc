// The rules for names, sizes and counts (chronos/event.h), as checks with errors a client can act on.
#include <algorithm>

#include "base/result.h"
#include "base/utf8.h"
#include "event/batch_content.h"

namespace chronos::event {
namespace {

bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c <= 0x9F); }

bool is_white_space(char32_t c) {
    return c == ' ' || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Whether each of the first eight bytes is ASCII from '!' to '~'.
bool starts_plainly(std::string_view name) {
    constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
    const auto bytes = base::load<std::uint64_t>(base::as_bytes(name).data());
    // The high bit of a byte is set where the byte has it, is below '!', or is DEL. A borrow or carry comes only from
    // such.
    return ((bytes | (bytes - '!' * kOnes) | (bytes + kOnes)) & (0x80 * kOnes)) == 0;
}

/// What is wrong with a name, or nullptr.
const char* name_fault(std::string_view name, bool allow_white_space) {
    while (!name.empty()) {
        if (name.size() >= 8 && starts_plainly(name)) {
            name.remove_prefix(8);
            continue;
        }
        const auto first = static_cast<unsigned char>(name.front());
        const bool is_ascii = first < 0x80;  // nearly always: not worth a call
        const std::size_t size = is_ascii ? 1 : base::utf8_sequence_size(name.data(), name.data() + name.size());
        if (size == 0) return "is not valid UTF-8";
        const char32_t c = is_ascii ? first : base::utf8_code_point(name.substr(0, size));
        if (is_control(c)) return "has a control character";
        if (!allow_white_space && is_white_space(c)) return "has white space";
        name.remove_prefix(size);
    }
    return nullptr;
}

Error refuse(const char* field, std::string_view value, const char* what) {
    return base::fail(ErrorCode::kInvalidArgument,
                      std::string(field) + " '" + base::shortened(value, 40) + "' " + what);
}

Status check_entity_id(std::string_view entity) {
    if (entity.empty()) return base::fail(ErrorCode::kInvalidArgument, "entity_id is missing");
    if (entity.front() == ' ' || entity.back() == ' ')
        return refuse("entity_id", entity, "starts or ends with a space");
    if (const char* fault = name_fault(entity, true)) return refuse("entity_id", entity, fault);
    return {};
}

Status check_type(std::string_view type, bool allow_system) {
    if (type.empty()) return base::fail(ErrorCode::kInvalidArgument, "event_type is missing");
    if (type.front() == '$' && !allow_system)
        return refuse("event_type", type, "starts with '$', which is the system's");
    if (const char* fault = name_fault(type, false)) return refuse("event_type", type, fault);
    return {};
}

Status check_event(const EventBytes& event, bool allow_system) {
    RETURN_IF_ERROR(check_type(event.type(), allow_system));
    if (!allow_system) RETURN_IF_ERROR(check_entity_id(event.entity()));
    Status status;
    for_each_tag(event.encoded_tags(), [&](std::string_view tag) {
        if (!status.ok()) return;
        const char* fault = tag.empty() ? "is empty" : name_fault(tag, true);
        if (fault != nullptr) status = refuse("tag", tag, fault);
    });
    return status;
}

}  // namespace

Status check_query(const Query& query) {
    if (query.all) {
        if (!query.items.empty())
            return base::fail(ErrorCode::kInvalidArgument, "a query has either items or all, not both");
        return {};
    }
    if (query.items.empty())
        return base::fail(ErrorCode::kInvalidArgument, "a query without items; write all to mean every event");
    if (query.items.size() > 100) return base::fail(ErrorCode::kLimitExceeded, "a query has more than 100 items");
    for (const QueryItem& item : query.items) {
        if (item.types.empty() && item.tags.empty())
            return base::fail(ErrorCode::kInvalidArgument, "a query item has neither types nor tags");
        if (item.types.size() > 100 || item.tags.size() > 100)
            return base::fail(ErrorCode::kLimitExceeded, "a query item has more than 100 types or tags");
        const auto too_long = [](const std::string& name) { return name.empty() || name.size() > kTypeSizeMax; };
        if (std::any_of(item.types.begin(), item.types.end(), too_long) ||
            std::any_of(item.tags.begin(), item.tags.end(), too_long))
            return base::fail(ErrorCode::kInvalidArgument, "types and tags of a query have 1 to 256 bytes");
    }
    return {};
}

Status check_content(const BatchBuilder::Content& content, bool allow_system) {
    const auto in_event = [&content](Error error, std::uint32_t index) {
        if (content.event_count + content.refused_count == 1) return error;
        return base::with_context(std::move(error), "event " + std::to_string(index));
    };
    if (content.error) return in_event(*content.error, content.event_count);
    if (content.event_count > kBatchEventsMax)
        return base::fail(ErrorCode::kLimitExceeded, "a batch has " + std::to_string(content.event_count) +
                                                         " events, the limit is " + std::to_string(kBatchEventsMax));
    if (content.events.size() > kBatchBytesMax)
        return base::fail(ErrorCode::kLimitExceeded, "a batch has " + std::to_string(content.events.size()) +
                                                         " bytes, the limit is " + std::to_string(kBatchBytesMax));
    if (content.conditions.size() > kConditionsMax)
        return base::fail(ErrorCode::kLimitExceeded, "a batch has more than 1000 conditions");
    if (content.event_count == 0 && content.conditions.empty())
        return base::fail(ErrorCode::kInvalidArgument, "a batch without events or conditions");
    for (const Condition& condition : content.conditions) {
        if (const auto* no_match = std::get_if<NoEventMatches>(&condition)) {
            RETURN_IF_ERROR(check_query(no_match->query));
        } else if (const auto& id = std::get<EntityCondition>(condition).entity_id;
                   id.empty() || id.size() > kEntitySizeMax) {
            return base::fail(ErrorCode::kInvalidArgument, "a condition's entity_id has 1 to 512 bytes");
        }
    }
    Status status;
    content.for_each_event([&](const EventBytes& event) {
        if (!status.ok()) return;
        status = check_event(event, allow_system);
        if (!status.ok()) status = in_event(std::move(status).error(), event.header().ordinal);
    });
    return status;
}

}  // namespace chronos::event
