#include "app/failure.h"

#include <fmt/core.h>

#include <vector>

#include "app/terminal.h"
#include "json/writer.h"
#include "wire/append_failure_json.h"

namespace chronos::app {
namespace {

std::string condition_as_text(const FailedCondition& condition) {
    if (condition.first_match) {
        return fmt::format("  event {} at position {} ({}) matches\n", condition.first_match->event_type,
                           condition.first_match->position.value, condition.first_match->id.to_string());
    }
    return fmt::format("  {}: expected version {}, it has {}\n", condition.entity_id,
                       wire::expected_version_text(condition.expected_version), condition.current_version.value);
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

std::string error_as_json(const Error& error, bool is_of_append) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("error", error_code_name(error.code)).field("message", error.message);
    if (is_of_append) writer.field("outcome", error.outcome == Outcome::kUnknown ? "unknown" : "not_appended");
    writer.field("exit_code", exit_code_of(error.code));
    if (error.append_failure) wire::write_append_failure(writer, *error.append_failure);
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
