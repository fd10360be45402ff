#include "mcp/tools/answer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/result.h"
#include "chronos/append.h"
#include "client/endpoint.h"
#include "json/writer.h"
#include "mcp/json_rpc.h"
#include "mcp/tools/budget.h"
#include "mcp/tools/request.h"
#include "mcp/tools/shown.h"
#include "wire/append_failure_json.h"
#include "wire/duration_text.h"
#include "wire/view_json.h"

namespace chronos::mcp {
namespace {

std::string_view try_after(const Error& error) {
    if (error.code == ErrorCode::kNotFound && error.message.starts_with("there is no store"))
        return "make the store, or start `chronos mcp` with the --dir of another";
    switch (error.code) {
        case ErrorCode::kLocked: return "a server has it: start `chronos mcp --url http://HOST:PORT` instead of --dir";
        case ErrorCode::kNotFound:
            return "overview lists live forks; find_entities finds entities by a part of their id";
        case ErrorCode::kGone: return "the fork has ended; fork_create makes another, overview lists live ones";
        case ErrorCode::kVersionConflict:
            return "somebody appended meanwhile: get_state again, decide anew, and append with its version";
        case ErrorCode::kIdConflict:
        case ErrorCode::kPartialDuplicate:
            return "the idempotency_key or an event id was used for other content: take a new key for new events";
        case ErrorCode::kIndeterminate:
            return "repeat the call with the same idempotency_key: it tells whether the events are there and appends "
                   "them once";
        case ErrorCode::kLimitExceeded: return "ask for less: a narrower filter, range or limit";
        case ErrorCode::kAlreadyExists: return "choose another name";
        case ErrorCode::kInvalidArgument: return "call again as the message says";
        default: return "nothing was changed; try again later or tell the operator";
    }
}

/// An error on the way to an answer. That a server refused the credential is not the fault of an argument.
ToolAnswer failed_on(client::Endpoint& endpoint, const Error& error) {
    constexpr int kUnauthorized = 401;
    constexpr int kForbidden = 403;
    ToolAnswer answer = failed(error);
    const int status = endpoint.take_status();
    if (error.code != ErrorCode::kInvalidArgument) return answer;
    if (status == kUnauthorized)
        return failed("forbidden", answer.structured["error"].value("message", ""),
                      "the server does not know the API key, or it was revoked or has expired: tell the person in "
                      "charge; nothing was done");
    if (status == kForbidden)
        return failed("forbidden", answer.structured["error"].value("message", ""),
                      "the API key has not the scope for this: work on a fork if it may, else ask the person in charge "
                      "for a key with that scope; nothing was done");
    return answer;
}

}  // namespace

std::string shown_word(std::string_view word) { return Shown({.string_bytes = 600}).text(word); }

std::string counted(std::uint64_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

ToolAnswer answered(Json structured) {
    ToolAnswer answer;
    answer.structured = std::move(structured);
    return answer;
}

ToolAnswer failed(std::string_view code, std::string message, std::string try_next) {
    ToolAnswer answer;
    answer.is_error = true;
    answer.structured["error"] = {{"code", code}, {"message", std::move(message)}};
    answer.structured["try"] = std::move(try_next);
    return answer;
}

ToolAnswer failed(const Error& error) {
    Shown shown({.string_bytes = 600, .element_count = 20});
    ToolAnswer answer = failed(error_code_name(error.code), shown.text(error.message), std::string(try_after(error)));
    if (error.append_failure == nullptr) return answer;
    std::string failure;
    json::ObjectWriter writer(failure);
    wire::write_append_failure(writer, *error.append_failure);
    writer.end();
    answer.structured["outcome"] = error.outcome == Outcome::kUnknown ? "unknown" : "not_appended";
    answer.structured["untrusted"] = shown.json(failure);
    return answer;
}

std::optional<ToolAnswer> forbidden(const CallContext& context, access::Scope needed, std::string_view what) {
    if (context.principal.scopes.allows(needed)) return std::nullopt;
    const bool can_fork = context.principal.scopes.allows(access::Scope::kWriteForks);
    return failed("forbidden",
                  "the caller may not " + std::string(what) + ": the scope " + std::string(access::scope_name(needed)) +
                      " is needed",
                  can_fork ? "work on a fork: fork_create, then append_events with branch = its id"
                           : "ask the person in charge for a key with that scope");
}

Json view_json(const ViewInfo& info) {
    Json view = Json::parse(wire::view_as_json(info));
    view["cite"] = event_uri_template(info.branch);
    return view;
}

Json duration_json(std::int64_t ns) {
    // The least number has no positive counterpart.
    ns = std::max(ns, -std::numeric_limits<std::int64_t>::max());
    Json out;
    if (ns % 1'000'000'000 == 0)
        out["seconds"] = ns / 1'000'000'000;
    else
        out["seconds"] = static_cast<double>(ns) / 1e9;
    const std::string text = wire::duration_text(ns < 0 ? -ns : ns);
    out["text"] = ns < 0 ? "-" + text : text;
    return out;
}

ToolRun answering(FallibleRun run) {
    return answering([run = std::move(run)](const Json& arguments, const std::optional<std::string>& /*confirmed*/,
                                            CallContext& context) { return run(arguments, context); });
}

ToolRun answering(ConfirmableRun run) {
    return [run = std::move(run)](const Json& arguments, const std::optional<std::string>& confirmed,
                                  CallContext& context) {
        try {
            Result<ToolAnswer> answer = run(arguments, confirmed, context);
            if (!answer.ok()) return failed_on(context.endpoint, answer.error());
            if (!answer->is_error && !answer->confirm) keep_to_budget(answer->structured, budget_of(arguments));
            return std::move(answer).value();
        } catch (const Json::exception&) {
            // Past the check of the schema came a member of another kind.
            return failed(
                base::fail(ErrorCode::kInvalidArgument, "an argument is of another type than the schema says"));
        }
    };
}

std::size_t json_size(const Json& value) { return text_of(value).size(); }

bool Rows::add(Json row, std::size_t others) {
    if (!rows_.empty()) return add_if_it_fits(std::move(row), others);
    bytes_ += json_size(row) + 1;
    rows_.push_back(std::move(row));
    return true;
}

bool Rows::add_if_it_fits(Json row, std::size_t others) {
    const std::size_t size = json_size(row) + 1;
    if (!has_room_for(size + others)) return false;
    bytes_ += size;
    rows_.push_back(std::move(row));
    return true;
}

std::size_t bytes_left(const Json& answer, std::size_t bytes_max) {
    constexpr std::size_t kForNamesAndAdvice = 260;
    const std::size_t used = json_size(answer) + kForNamesAndAdvice;
    return bytes_max > used ? bytes_max - used : 0;
}

Json begun_answer() {
    Json answer = Json::object();
    answer["complete"] = true;
    answer["cursor"] = nullptr;
    return answer;
}

void mark_incomplete(Json& answer, std::string_view try_next) {
    answer["complete"] = false;
    std::string text = answer.value("try", "");
    if (text.find(try_next) != std::string::npos) return;
    if (!text.empty()) text += "; ";
    answer["try"] = text + std::string(try_next);
}

void pin_view(Json& cursor, const ViewInfo& info) {
    if (info.at) cursor["at"] = info.at->value;
    // It may have been said relative to now.
    if (info.as_of) cursor["as_of"] = info.as_of->to_string();
}

Status check_not_cancelled(const CallContext& context) {
    if (context.is_cancelled && context.is_cancelled())
        return base::fail(ErrorCode::kClosed, "the call was given up by its caller");
    return {};
}

}  // namespace chronos::mcp
