// The rules for names, sizes and counts (chronos/event.h), as checks with errors a client can act on.
#include <algorithm>

#include "base/result.h"
#include "event/batch_content.h"

namespace chronos::event {
namespace {

/// Length of the UTF-8 sequence that starts `text`, or 0. Source: Unicode 15, table 3-7.
std::size_t utf8_length(std::string_view text, std::uint32_t& code_point) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto continues = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) {
        code_point = first;
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF && continues(1)) {
        code_point = (first & 0x1FU) << 6 | (byte(1) & 0x3FU);
        return 2;
    }
    if (first >= 0xE0 && first <= 0xEF && continues(1) && continues(2)) {
        code_point = (first & 0x0FU) << 12 | (byte(1) & 0x3FU) << 6 | (byte(2) & 0x3FU);
        return code_point >= 0x800 && (code_point < 0xD800 || code_point > 0xDFFF) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4 && continues(1) && continues(2) && continues(3)) {
        code_point = (first & 0x07U) << 18 | (byte(1) & 0x3FU) << 12 | (byte(2) & 0x3FU) << 6 | (byte(3) & 0x3FU);
        return code_point >= 0x10000 && code_point <= 0x10FFFF ? 4 : 0;
    }
    return 0;
}

bool is_control(std::uint32_t c) { return c < 0x20 || (c >= 0x7F && c <= 0x9F); }

bool is_white_space(std::uint32_t c) {
    return c == ' ' || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

/// What is wrong with a name, or nullptr.
const char* name_fault(std::string_view name, bool allow_white_space) {
    while (!name.empty()) {
        std::uint32_t c = 0;
        const std::size_t size = utf8_length(name, c);
        if (size == 0) return "is not valid UTF-8";
        if (is_control(c)) return "has a control character";
        if (!allow_white_space && is_white_space(c)) return "has white space";
        name.remove_prefix(size);
    }
    return nullptr;
}

Error refuse(std::uint32_t index, const char* field, std::string_view value, const char* what) {
    std::string shown(value.substr(0, 40));
    std::replace_if(shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
    return base::fail(ErrorCode::kInvalidArgument,
                      "event " + std::to_string(index) + ": " + field + " '" + shown + "' " + what);
}

Status check_entity_id(std::uint32_t index, std::string_view entity) {
    if (entity.empty())
        return base::fail(ErrorCode::kInvalidArgument, "event " + std::to_string(index) + ": entity_id is missing");
    if (entity.front() == ' ' || entity.back() == ' ')
        return refuse(index, "entity_id", entity, "starts or ends with a space");
    if (const char* fault = name_fault(entity, true)) return refuse(index, "entity_id", entity, fault);
    return {};
}

Status check_type(std::uint32_t index, std::string_view type, bool allow_system) {
    if (type.empty())
        return base::fail(ErrorCode::kInvalidArgument, "event " + std::to_string(index) + ": event_type is missing");
    if (type.front() == '$' && !allow_system)
        return refuse(index, "event_type", type, "starts with '$', which is the system's");
    if (const char* fault = name_fault(type, false)) return refuse(index, "event_type", type, fault);
    return {};
}

Status check_event(const EventBytes& event, bool allow_system) {
    const std::uint32_t index = event.header().ordinal;
    RETURN_IF_ERROR(check_type(index, event.type(), allow_system));
    if (!allow_system) RETURN_IF_ERROR(check_entity_id(index, event.entity()));
    Status status;
    for_each_tag(event.encoded_tags(), [&](std::string_view tag) {
        if (!status.ok()) return;
        const char* fault = tag.empty() ? "is empty" : name_fault(tag, true);
        if (fault != nullptr) status = refuse(index, "tag", tag, fault);
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
    if (content.error) return *content.error;
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
        if (status.ok()) status = check_event(event, allow_system);
    });
    return status;
}

}  // namespace chronos::event
