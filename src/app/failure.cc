#include "app/failure.h"

#include <fmt/core.h>

#include <vector>

#include "app/terminal.h"
#include "json/writer.h"

namespace chronos::app {
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

std::string condition_as_text(const FailedCondition& condition) {
    if (condition.first_match) {
        return fmt::format("  event {} at position {} ({}) matches\n", condition.first_match->event_type,
                           condition.first_match->position.value, condition.first_match->id.to_string());
    }
    return fmt::format("  {}: expected version {}, it has {}\n", condition.entity_id,
                       expected_version_text(condition.expected_version), condition.current_version.value);
}

}  // namespace

int exit_code_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::kInvalidArgument:
        case ErrorCode::kCursorMismatch: return kExitUsage;
        case ErrorCode::kNotFound:
        case ErrorCode::kGone: return kExitNotFound;
        case ErrorCode::kAlreadyExists:
        case ErrorCode::kVersionConflict:
        case ErrorCode::kIdConflict:
        case ErrorCode::kPartialDuplicate: return kExitConflict;
        case ErrorCode::kIndeterminate: return kExitIndeterminate;
        case ErrorCode::kCorrupt: return kExitCorrupt;
        case ErrorCode::kLocked: return kExitLocked;
        case ErrorCode::kReadOnly:
        case ErrorCode::kNoSpace:
        case ErrorCode::kIo: return kExitIo;
        case ErrorCode::kUnsupported:
        case ErrorCode::kLimitExceeded: return kExitLimit;
        case ErrorCode::kClockSuspect: return kExitClock;
        case ErrorCode::kWouldBlock:
        case ErrorCode::kClosed: return kExitOther;
    }
    return kExitOther;
}

std::string expected_version_text(const ExpectedVersion& expected) {
    switch (expected.kind) {
        case ExpectedVersion::Kind::kAny: return "any";
        case ExpectedVersion::Kind::kNone: return "none";
        case ExpectedVersion::Kind::kExists: return "exists";
        case ExpectedVersion::Kind::kExactly: return std::to_string(expected.version.value);
    }
    return "any";
}

std::string error_as_json(const Error& error, bool is_of_append) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("error", error_code_name(error.code)).field("message", error.message);
    if (is_of_append) writer.field("outcome", error.outcome == Outcome::kUnknown ? "unknown" : "not_appended");
    writer.field("exit_code", exit_code_of(error.code));
    if (const AppendFailure* failure = error.append_failure.get()) {
        if (!failure->conditions.empty()) writer.raw_field("conflicts", conditions_as_json(failure->conditions));
        if (!failure->known_ids.empty()) writer.raw_field("known_ids", ids_as_json(failure->known_ids));
        if (!failure->unknown_ids.empty()) writer.raw_field("unknown_ids", ids_as_json(failure->unknown_ids));
        if (!failure->event_ids.empty()) writer.raw_field("event_ids", ids_as_json(failure->event_ids));
    }
    writer.end();
    return out;
}

std::string error_as_text(const Error& error) {
    std::string out = "chronos: " + harmless_lines(error.message) + "\n";
    const AppendFailure* failure = error.append_failure.get();
    if (failure == nullptr) return out;
    // The message itself says the only one.
    if (failure->conditions.size() > 1) {
        for (const FailedCondition& condition : failure->conditions)
            out += harmless_lines(condition_as_text(condition));
    }
    if (error.outcome == Outcome::kUnknown) {
        for (const Uuid& id : failure->event_ids)
            out += "  it is not known whether " + id.to_string() + " was appended\n";
    }
    return out;
}

}  // namespace chronos::app
