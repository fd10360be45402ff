#include "mcp/legacy_session.h"

#include <algorithm>
#include <chrono>

#include "base/result.h"
#include "mcp/protocol.h"

namespace chronos::mcp {
namespace {

/// How often somebody who waits for an answer looks whether it is still wanted.
constexpr std::int64_t kLookMs = 100;

}  // namespace

LegacySession::LegacySession(Client client) : client_(std::move(client)) {}

Client LegacySession::client() const {
    const std::lock_guard lock(mutex_);
    return client_;
}

Result<Json> LegacySession::ask(std::string_view method, const Json& params,
                                const std::function<void(const Json&)>& send,
                                const std::function<bool()>& is_cancelled) {
    std::unique_lock lock(mutex_);
    const std::string id = "chronos-" + std::to_string(++last_question_);
    questions_.emplace(id, Question());
    lock.unlock();
    send(request_message(id, method, params));
    lock.lock();
    for (std::int64_t waited_ms = 0; !is_closed_ && waited_ms < kAnswerMs && !is_cancelled(); waited_ms += kLookMs) {
        const bool is_answered = answered_.wait_for(lock, std::chrono::milliseconds(kLookMs), [&] {
            return is_closed_ || questions_.at(id).response.has_value();
        });
        if (is_answered) break;
    }
    const Question question = std::move(questions_.at(id));
    questions_.erase(id);
    if (!question.response) return base::fail(ErrorCode::kWouldBlock, "the client did not answer what it was asked");
    if (question.response->error)
        return base::fail(ErrorCode::kInvalidArgument,
                          "the client could not answer what it was asked: " + question.response->error->message);
    return question.response->result;
}

bool LegacySession::take_response(const Message& response) {
    const std::lock_guard lock(mutex_);
    if (!response.id.is_string()) return false;
    const auto question = questions_.find(response.id.get<std::string>());
    if (question == questions_.end() || question->second.response) return false;
    question->second.response = response;
    answered_.notify_all();
    return true;
}

void LegacySession::stop_asking() {
    {
        const std::lock_guard lock(mutex_);
        is_closed_ = true;
    }
    answered_.notify_all();
}

void LegacySession::close() {
    stop_asking();
    in_flight_.cancel_all();
}

bool LegacySession::is_own(std::string_view method) {
    return method == "logging/setLevel" || method == "resources/subscribe" || method == "resources/unsubscribe";
}

std::variant<Json, RpcError> LegacySession::answer(const Message& request) {
    if (request.method == "logging/setLevel") return set_level(request.params);
    return subscribe(request.params, request.method == "resources/subscribe");
}

std::variant<Json, RpcError> LegacySession::set_level(const Json& params) {
    const std::string level = string_member(params, "level").value_or("");
    if (std::find(kLogLevels.begin(), kLogLevels.end(), level) == kLogLevels.end())
        return RpcError{.code = kInvalidParams, .message = "\"level\" is one of debug, info, … emergency"};
    const std::lock_guard lock(mutex_);
    client_.log_level = level;
    return Json::object();
}

std::variant<Json, RpcError> LegacySession::subscribe(const Json& params, bool on) {
    const std::optional<std::string> uri = string_member(params, "uri");
    if (!uri) return RpcError{.code = kInvalidParams, .message = "\"uri\" says which resource"};
    if (uri->size() > Subscriptions::kUriBytesMax)
        return RpcError{.code = kInvalidParams, .message = "\"uri\" is too long"};
    const std::lock_guard lock(mutex_);
    std::erase(uris_, *uri);
    if (!on) return Json::object();
    if (uris_.size() >= Subscriptions::kUrisMax)
        return RpcError{.code = kTooManyRequests, .message = "there are as many subscriptions as may be; end one"};
    uris_.push_back(*uri);
    return Json::object();
}

SubscriptionFilter LegacySession::filter() const {
    const std::lock_guard lock(mutex_);
    return {.tools = true, .prompts = true, .resources = false, .uris = uris_};
}

}  // namespace chronos::mcp
