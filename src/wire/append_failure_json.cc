#include "wire/append_failure_json.h"

#include <vector>

#include "json/writer.h"

namespace chronos::wire {
namespace {

std::string ids_as_json(const std::vector<Uuid>& ids) {
    std::string out = "[";
    for (const Uuid& id : ids) {
        if (out.size() > 1) out += ',';
        json::append_string(out, id.to_string());
    }
    return out + "]";
}

std::string condition_as_json(const FailedCondition& condition) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("index", condition.index);
    if (condition.first_match) {
        std::string match;
        json::ObjectWriter(match)
            .field("position", condition.first_match->position.value)
            .field("id", condition.first_match->id.to_string())
            .field("event_type", condition.first_match->event_type)
            .end();
        writer.raw_field("first_match", match);
    } else {
        writer.field("entity_id", condition.entity_id);
        if (condition.expected_version.kind == ExpectedVersion::Kind::kExactly)
            writer.field("expected_version", condition.expected_version.version.value);
        else
            writer.field("expected_version", expected_version_text(condition.expected_version));
        writer.field("current_version", condition.current_version.value);
    }
    writer.end();
    return out;
}

std::string conditions_as_json(const std::vector<FailedCondition>& conditions) {
    std::string out = "[";
    for (const FailedCondition& condition : conditions) {
        if (out.size() > 1) out += ',';
        out += condition_as_json(condition);
    }
    return out + "]";
}

}  // namespace

std::string expected_version_text(const ExpectedVersion& expected) {
    switch (expected.kind) {
        case ExpectedVersion::Kind::kAny: return "any";
        case ExpectedVersion::Kind::kNone: return "none";
        case ExpectedVersion::Kind::kExists: return "exists";
        case ExpectedVersion::Kind::kExactly: return std::to_string(expected.version.value);
    }
    return "any";
}

void write_append_failure(json::ObjectWriter& writer, const AppendFailure& failure) {
    if (!failure.conditions.empty()) writer.raw_field("conflicts", conditions_as_json(failure.conditions));
    if (!failure.known_ids.empty()) writer.raw_field("known_ids", ids_as_json(failure.known_ids));
    if (!failure.unknown_ids.empty()) writer.raw_field("unknown_ids", ids_as_json(failure.unknown_ids));
    if (!failure.event_ids.empty()) writer.raw_field("event_ids", ids_as_json(failure.event_ids));
}

}  // namespace chronos::wire
