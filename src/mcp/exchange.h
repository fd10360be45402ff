// One request on its way: what was asked, by whom, and how to speak to them until it is answered.
//
// Threads: one at a time, besides is_cancelled. `send` of the transport must take messages from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "access/principal.h"
#include "client/endpoint.h"
#include "mcp/json_rpc.h"

namespace chronos::mcp {

/// How the client opened: with each request for itself, or with "initialize".
enum class Era : std::uint8_t { kModern, kLegacy };

/// Who asks, and what they understand.
struct Client {
    Era era = Era::kModern;
    std::string version;
    Json capabilities = Json::object();
    access::Principal principal;
    /// Least level of messages it wants; empty: none.
    std::string log_level;

    [[nodiscard]] bool has_capability(std::string_view name) const { return member(capabilities, name).is_object(); }
    /// Forms, not only URLs. A capability without any mode means forms.
    [[nodiscard]] bool can_fill_forms() const;
};

/// What the client has to do before the request can be answered.
struct InputRequired {
    Json requests = Json::object();  ///< By names of ours: {"method": …, "params": …}.
    Json state;                      ///< To be handed back with the answers; null: none.
};

/// A result, a failure, or a question.
using Reply = std::variant<Json, RpcError, InputRequired>;

/// What a transport lends to a request.
struct Line {
    /// Sends a message that belongs to the request. Any thread.
    std::function<void(const Json&)> send;
    /// Legacy clients only, else empty: asks and waits. Errors: kWouldBlock — no answer in time, or the client is gone.
    std::function<Result<Json>(std::string_view method, const Json& params)> ask;
    std::function<bool()> is_cancelled;
    std::function<Result<client::Endpoint*>()> endpoint;
    /// Ends the stream of the answer for now, which a legacy client then takes up again; may be empty.
    std::function<void()> pause;
};

class Exchange {
public:
    Exchange(Message request, Client client, Line line)
        : request_(std::move(request)), client_(std::move(client)), line_(std::move(line)) {}

    [[nodiscard]] const Message& request() const { return request_; }
    [[nodiscard]] const Json& params() const { return request_.params; }
    [[nodiscard]] const Client& client() const { return client_; }
    [[nodiscard]] bool is_modern() const { return client_.era == Era::kModern; }
    [[nodiscard]] bool is_cancelled() const { return line_.is_cancelled && line_.is_cancelled(); }

    /// The store. Errors: those of opening it.
    [[nodiscard]] Result<client::Endpoint*> endpoint() const { return line_.endpoint(); }

    /// Does nothing where the client did not ask for it, and when it goes backwards.
    void report_progress(double done, double total, std::string_view message);
    /// Does nothing below the level that the client asked for.
    void log(std::string_view level, std::string_view logger, const Json& data);
    [[nodiscard]] bool can_ask() const { return line_.ask != nullptr; }
    /// Requires: can_ask().
    Result<Json> ask(std::string_view method, const Json& params) { return line_.ask(method, params); }
    void pause() {
        if (line_.pause) line_.pause();
    }

    /// What the client answered to our questions, by their names; an object.
    [[nodiscard]] const Json& input_responses() const { return responses_; }
    /// What it handed back, opened; null: nothing.
    [[nodiscard]] const Json& state() const { return state_; }
    /// By the dispatcher, before a round of the request.
    void set_round(Json responses, Json state) {
        responses_ = std::move(responses);
        state_ = std::move(state);
    }

private:
    Message request_;
    Client client_;
    Line line_;
    Json responses_ = Json::object();
    Json state_;
    double progress_ = -1;
};

}  // namespace chronos::mcp
