#include "server/http/problem.h"

#include <algorithm>

#include "json/writer.h"
#include "wire/append_failure_json.h"

namespace chronos::server {
namespace {

/// "version_conflict" as a type has it.
std::string problem_name(const Error& error, const ProblemContext& context) {
    if (error.code == ErrorCode::kIndeterminate && context.is_append && !context.is_repeatable)
        return "outcome-unknown";
    std::string name(error_code_name(error.code));
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
}

void write_type(json::ObjectWriter& writer, std::string_view name, int status) {
    std::string title(name);
    std::replace(title.begin(), title.end(), '-', ' ');
    writer.field("type", "urn:chronos:problem:" + std::string(name)).field("title", title).field("status", status);
}

/// Clients of AllSource look for a failed version at the top.
void write_first_conflict(json::ObjectWriter& writer, const AppendFailure& failure) {
    for (const FailedCondition& condition : failure.conditions) {
        if (condition.first_match) continue;
        writer.field("entity_id", condition.entity_id);
        if (condition.expected_version.kind == ExpectedVersion::Kind::kAny) {
        } else if (condition.expected_version.kind == ExpectedVersion::Kind::kExactly) {
            writer.field("expected_version", condition.expected_version.version.value);
        } else if (condition.expected_version.kind == ExpectedVersion::Kind::kNone) {
            writer.field("expected_version", 0U);
        } else {
            writer.field("expected_version", wire::expected_version_text(condition.expected_version));
        }
        writer.field("current_version", condition.current_version.value);
        return;
    }
}

}  // namespace

int status_of(const Error& error, const ProblemContext& context) {
    switch (error.code) {
        case ErrorCode::kInvalidArgument:
        case ErrorCode::kCursorMismatch: return 400;
        case ErrorCode::kNotFound: return 404;
        case ErrorCode::kGone: return 410;
        case ErrorCode::kVersionConflict: return context.has_precondition ? 412 : 409;
        case ErrorCode::kAlreadyExists:
        case ErrorCode::kIdConflict:
        case ErrorCode::kPartialDuplicate: return 409;
        case ErrorCode::kIndeterminate: return context.is_append && !context.is_repeatable ? 409 : 504;
        case ErrorCode::kLimitExceeded: return context.is_append ? 413 : 400;
        case ErrorCode::kNoSpace: return 507;
        case ErrorCode::kWouldBlock:
        case ErrorCode::kClosed:
        case ErrorCode::kReadOnly:
        case ErrorCode::kClockSuspect:
        case ErrorCode::kLocked: return 503;
        case ErrorCode::kUnsupported: return 501;
        case ErrorCode::kIo:
        case ErrorCode::kCorrupt: return 500;
    }
    return 500;
}

std::string problem_json(const Error& error, const ProblemContext& context) {
    std::string out;
    json::ObjectWriter writer(out);
    write_type(writer, problem_name(error, context), status_of(error, context));
    writer.field("detail", error.message);
    const bool is_conflict = error.code == ErrorCode::kVersionConflict;
    writer.field("error", is_conflict ? std::string("version_conflict") : error.message);
    if (context.is_append) writer.field("outcome", error.outcome == Outcome::kUnknown ? "unknown" : "not_appended");
    if (error.append_failure) {
        if (is_conflict) write_first_conflict(writer, *error.append_failure);
        wire::write_append_failure(writer, *error.append_failure);
    }
    writer.end();
    return out;
}

Response problem(int status, std::string_view name, std::string_view detail) {
    Response response{.status = status, .content_type = "application/problem+json"};
    json::ObjectWriter writer(response.body);
    write_type(writer, name, status);
    writer.field("detail", detail).field("error", detail).end();
    return response;
}

void say_outcome(Response& response, Outcome outcome) {
    constexpr std::string_view kOutcome = "\"outcome\":";  // in a text it would have backslashes
    if (response.content_type != "application/problem+json" || !response.body.ends_with('}')) return;
    if (response.body.find(kOutcome) != std::string::npos) return;
    response.body.pop_back();
    response.body += outcome == Outcome::kUnknown ? ",\"outcome\":\"unknown\"}" : ",\"outcome\":\"not_appended\"}";
}

Response problem_of(const Error& error, const ProblemContext& context) {
    Response response{.status = status_of(error, context), .content_type = "application/problem+json"};
    response.body = problem_json(error, context);
    if (response.status == 503) response.add_header("Retry-After", "1");
    return response;
}

}  // namespace chronos::server
