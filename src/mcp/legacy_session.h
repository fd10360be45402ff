// What is remembered of a client that opened with "initialize": what was agreed on, which resources it subscribed to,
// and what it was asked and has not answered yet.
//
// Threads: any.
// Source: MCP 2025-11-25, "Lifecycle", "Resources", "Logging".
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "mcp/exchange.h"
#include "mcp/in_flight.h"
#include "mcp/subscriptions.h"

namespace chronos::mcp {

class LegacySession {
public:
    /// How long a person has to answer.
    static constexpr std::int64_t kAnswerMs = 300'000;

    explicit LegacySession(Client client);

    /// As agreed on, with the level of messages it asked for last.
    [[nodiscard]] Client client() const;
    [[nodiscard]] InFlight& in_flight() { return in_flight_; }

    /// Sends a request by `send` and waits for what the client answers.
    ///
    /// Errors: kWouldBlock — no answer in time, or nobody waits for it any more; kInvalidArgument — the client refused.
    Result<Json> ask(std::string_view method, const Json& params, const std::function<void(const Json&)>& send,
                     const std::function<bool()>& is_cancelled);
    /// A response of the client. False: nothing was asked under this id.
    bool take_response(const Message& response);
    /// Ends all questions: nobody will answer them.
    void stop_asking();
    /// The same, and calls off what is under way: the client is gone.
    void close();

    /// Whether `method` is about the session itself.
    static bool is_own(std::string_view method);
    /// Answers such a request. Requires: is_own(method).
    std::variant<Json, RpcError> answer(const Message& request);

    /// What it is told of: all lists, and the resources it subscribed to.
    [[nodiscard]] SubscriptionFilter filter() const;

private:
    struct Question {
        std::optional<Message> response;
    };
    std::variant<Json, RpcError> set_level(const Json& params);
    std::variant<Json, RpcError> subscribe(const Json& params, bool on);

    mutable std::mutex mutex_;
    std::condition_variable answered_;
    Client client_;                              ///< Guarded by mutex_, like the rest.
    std::map<std::string, Question> questions_;  ///< By their ids.
    std::uint64_t last_question_ = 0;
    std::vector<std::string> uris_;
    bool is_closed_ = false;
    InFlight in_flight_;
};

}  // namespace chronos::mcp
