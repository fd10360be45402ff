#include "embedded/append_request.h"

#include <charconv>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/utf8.h"
#include "embedded/event_line.h"
#include "json/scan.h"
#include "json/validate.h"

namespace chronos::embedded {
namespace {

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

Status check_tenant(std::string_view given, std::string_view tenant_id) {
    if (tenant_id.empty()) return wrong("tenant_id is not used by an embedded store");
    if (given != tenant_id) return base::fail(ErrorCode::kNotFound, "there is no such tenant; leave tenant_id out");
    return {};
}

Status add_event(const ParsedEvent& parsed, std::string_view tenant_id, BatchBuilder& batch) {
    ASSIGN_OR_RETURN(const BatchBuilder::EventRef event, event_of(parsed));
    if (parsed.has_store_fields)
        return wrong("timestamp, position and version are set by the store; leave them out, or import the events");
    if (parsed.tenant_id) RETURN_IF_ERROR(check_tenant(*parsed.tenant_id, tenant_id));
    batch.add(event);
    return {};
}

Result<std::string> read_string(std::string_view value) {
    if (!value.starts_with('"')) return wrong("a string is expected, not " + base::shortened(value));
    std::string scratch;
    return std::string(json::unescaped(json::string_body(value), scratch));
}

Result<std::uint64_t> read_number(std::string_view value) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size())
        return wrong("a whole number is expected, not " + base::shortened(value));
    return number;
}

Result<std::vector<std::string>> read_strings(std::string_view value) {
    if (!value.starts_with('[')) return wrong("an array of strings is expected, not " + base::shortened(value));
    std::vector<std::string> strings;
    json::ArrayScanner elements(value);
    while (elements.next()) {
        ASSIGN_OR_RETURN(std::string text, read_string(elements.value()));
        strings.push_back(std::move(text));
    }
    return strings;
}

Result<QueryItem> read_item(std::string_view value) {
    if (!value.starts_with('{')) return wrong("a query item is an object, not " + base::shortened(value));
    QueryItem item;
    json::ObjectScanner fields(value);
    while (fields.next()) {
        if (fields.raw_key() == "types") {
            ASSIGN_OR_RETURN(item.types, read_strings(fields.value()));
        } else if (fields.raw_key() == "tags") {
            ASSIGN_OR_RETURN(item.tags, read_strings(fields.value()));
        } else {
            return wrong("unknown field '" + std::string(fields.raw_key()) + "' of a query item; known: types, tags");
        }
    }
    return item;
}

Result<Query> read_query(std::string_view value) {
    if (!value.starts_with('{')) return wrong("a query is an object, not " + base::shortened(value));
    Query query;
    json::ObjectScanner fields(value);
    while (fields.next()) {
        if (fields.raw_key() == "all") {
            query.all = fields.value() == "true";
        } else if (fields.raw_key() == "items" && fields.value().starts_with('[')) {
            json::ArrayScanner items(fields.value());
            while (items.next()) {
                ASSIGN_OR_RETURN(QueryItem item, read_item(items.value()));
                query.items.push_back(std::move(item));
            }
        } else {
            return wrong("unknown field '" + std::string(fields.raw_key()) + "' of a query; known: items, all");
        }
    }
    return query;
}

Result<Condition> read_condition(std::string_view value) {
    if (!value.starts_with('{')) return wrong("a condition is an object, not " + base::shortened(value));
    std::optional<std::string> entity_id;
    std::optional<ExpectedVersion> expected;
    std::optional<Query> query;
    std::optional<Position> after;
    json::ObjectScanner fields(value);
    while (fields.next()) {
        if (fields.raw_key() == "entity_id") {
            ASSIGN_OR_RETURN(entity_id, read_string(fields.value()));
        } else if (fields.raw_key() == "expected_version") {
            expected = parse_expected_version_json(fields.value());
            if (!expected)
                return wrong("expected_version is a whole number, \"none\", \"exists\" or \"any\", not " +
                             base::shortened(fields.value()));
        } else if (fields.raw_key() == "fail_if_events_match") {
            ASSIGN_OR_RETURN(query, read_query(fields.value()));
        } else if (fields.raw_key() == "after") {
            ASSIGN_OR_RETURN(const std::uint64_t position, read_number(fields.value()));
            after = Position{position};
        } else {
            return wrong("unknown field '" + std::string(fields.raw_key()) +
                         "'; known: entity_id, expected_version, fail_if_events_match, after");
        }
    }
    if (query && !entity_id && !expected) return Condition(NoEventMatches{std::move(*query), after});
    if (entity_id && expected && !query && !after) return Condition(EntityCondition{std::move(*entity_id), *expected});
    return wrong("a condition has entity_id and expected_version, or fail_if_events_match and perhaps after");
}

Status add_conditions(std::string_view array, BatchBuilder& batch) {
    if (!array.starts_with('[')) return wrong("conditions is an array");
    json::ArrayScanner conditions(array);
    for (std::size_t i = 0; conditions.next(); ++i) {
        auto condition = read_condition(conditions.value());
        if (!condition.ok()) return base::with_context(std::move(condition).error(), "condition " + std::to_string(i));
        batch.add_condition(*condition);
    }
    return {};
}

/// Splits an envelope; leaves `events` as it is when `json` is not one.
Status split_envelope(std::string_view json, std::string_view tenant_id, std::string_view& events,
                      std::string_view& conditions) {
    const json::Limits limits{.depth_max = 128, .keys_per_object_max = 1024, .tokens_max = 10'000'000};
    RETURN_IF_ERROR(json::validate_json(json, limits));
    const std::string_view text = json::trimmed(json);
    if (!text.starts_with('{')) return {};
    std::string_view found_events;
    std::string_view found_conditions;
    std::string other;
    std::optional<std::string> tenant;
    bool is_envelope = false;
    json::ObjectScanner fields(text);
    while (fields.next()) {
        if (fields.raw_key() == "events") {
            found_events = fields.value();
            is_envelope = true;
        } else if (fields.raw_key() == "conditions") {
            found_conditions = fields.value();
            is_envelope = true;
        } else if (fields.raw_key() == "tenant_id" && fields.value() != "null") {
            ASSIGN_OR_RETURN(tenant, read_string(fields.value()));
        } else if (fields.raw_key() != "tenant_id") {
            other = fields.raw_key();
        }
    }
    if (is_envelope && !other.empty())
        return wrong("unknown field '" + other + "' beside events; known: events, conditions");
    if (!is_envelope) return {};
    if (tenant) RETURN_IF_ERROR(check_tenant(*tenant, tenant_id));
    events = found_events.empty() ? std::string_view("[]") : found_events;
    conditions = found_conditions;
    if (!events.starts_with('[')) return wrong("events is an array");
    return {};
}

}  // namespace

Result<Query> parse_query(std::string_view json) {
    if (!json.starts_with('[')) return read_query(json);
    return read_query("{\"items\":" + std::string(json) + "}");
}

Result<BatchBuilder> parse_append_request(std::string_view json, std::string_view tenant_id) {
    std::string_view events = json;
    std::string_view conditions;
    RETURN_IF_ERROR(split_envelope(json, tenant_id, events, conditions));
    EventLineParser parser;
    ASSIGN_OR_RETURN(const std::vector<ParsedEvent> parsed, parser.parse_batch(events));
    BatchBuilder batch;
    batch.reserve(json.size());
    for (std::size_t i = 0; i < parsed.size(); ++i) {
        Status added = add_event(parsed[i], tenant_id, batch);
        if (!added.ok() && parsed.size() == 1) return std::move(added).error();
        if (!added.ok()) return base::with_context(std::move(added).error(), "event " + std::to_string(i));
    }
    if (!conditions.empty()) RETURN_IF_ERROR(add_conditions(conditions, batch));
    return batch;
}

}  // namespace chronos::embedded
