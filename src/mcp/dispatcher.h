// Answers requests of both eras, whatever brought them: finds the method, checks its parameters and what the caller
// may, and gives the reply the form of the era.
//
//     Exchange exchange(request, client, line);
//     Json message = dispatcher.answer(exchange);          // {"jsonrpc": "2.0", "id": …, "result": …}
//
// What goes on after the answer began is elsewhere: subscriptions (subscriptions.h) and sessions of the legacy era
// (legacy_session.h).
//
// Threads: any, also at once.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "io/environment.h"
#include "mcp/exchange.h"
#include "mcp/offers.h"
#include "mcp/seal.h"

namespace chronos::mcp {

struct ServerInfo {
    std::string name = "chronos";
    std::string title = "Chronos";
    std::string version;
};

/// A tool that was called, for a log: never what it was called with.
struct CallRecord {
    const access::Principal& caller;
    std::string_view tool;
    access::Scope scope;  ///< What the tool takes.
    const Json& arguments;
    std::string_view outcome;  ///< "ok", "error", "asked" or "refused".
    std::int64_t ms = 0;
};

class Dispatcher {
public:
    /// `world` must outlive the dispatcher.
    Dispatcher(ServerInfo info, io::Environment world);
    Dispatcher(const Dispatcher&) = delete;
    Dispatcher& operator=(const Dispatcher&) = delete;

    /// Before the first request.
    [[nodiscard]] Offers& offers() { return offers_; }
    [[nodiscard]] Seal& seal() { return seal_; }
    /// Told of each call of a tool, from the thread that it ran on. Before the first request.
    void set_observer(std::function<void(const CallRecord&)> observer) { observer_ = std::move(observer); }

    /// The client that a request of the modern era speaks of in its "_meta".
    ///
    /// Errors: kInvalidParams — fields are missing; kUnsupportedVersion.
    [[nodiscard]] std::variant<Client, RpcError> modern_client(const Message& message,
                                                               const access::Principal& principal) const;
    /// The client that opens with "initialize", and the version that was agreed on.
    [[nodiscard]] static Client legacy_client(const Message& initialize, const access::Principal& principal);

    /// The whole answer: a response with a result or an error. Never throws.
    Json answer(Exchange& exchange);
    /// Of "initialize"; `client` is the one that was made of it.
    [[nodiscard]] Json initialize_result(const Client& client) const;
    /// A result as the modern era wants it: with its type and who answered.
    [[nodiscard]] Json finished(Json result) const;

    /// Whether a method of this name is answered here, so that others need not be waited for.
    [[nodiscard]] bool is_known(std::string_view method, Era era) const;
    /// Why resources of these URIs cannot be watched: their scheme is not one of ours.
    [[nodiscard]] std::optional<RpcError> refuse_to_watch(const std::vector<std::string>& uris) const;
    /// The listing of a tool, to see how its parameters are mirrored; null: there is none of that name.
    [[nodiscard]] const Json* tool_listing(std::string_view name) const;
    /// The one entity that a call of a tool looks at, on main and now; empty: it is another request, or may look at
    /// more, or wait.
    [[nodiscard]] std::string entity_of(const Message& message) const;
    /// Whether it changes nothing.
    [[nodiscard]] bool is_read(const Message& message) const;
    [[nodiscard]] static Json supported_versions();

private:
    using Handler = Reply (Dispatcher::*)(Exchange&);

    Reply run(Exchange& exchange);
    Reply discover(Exchange& exchange);
    Reply ping(Exchange& exchange);
    Reply list_tools(Exchange& exchange);
    Reply call_tool(Exchange& exchange);
    Reply list_prompts(Exchange& exchange);
    Reply get_prompt(Exchange& exchange);
    Reply list_resources(Exchange& exchange);
    Reply list_templates(Exchange& exchange);
    Reply read_resource(Exchange& exchange);
    Reply complete(Exchange& exchange);

    [[nodiscard]] Json capabilities(Era era) const;
    [[nodiscard]] const ToolOffer* find_tool(std::string_view name) const;
    /// Opens "requestState" into exchange.state. Errors: kInvalidParams.
    std::optional<RpcError> open_state(Exchange& exchange);
    /// An answer that asks: its state sealed, and only what the client can do.
    Reply sealed(Exchange& exchange, InputRequired question);
    Json with_caching(Exchange& exchange, Json result, std::int64_t ttl_ms, bool is_private) const;
    Reply page_of(Exchange& exchange, std::string_view name, const std::vector<Json>& all, std::int64_t ttl_ms,
                  bool is_private) const;

    void observe(const Exchange& exchange, const ToolOffer& tool, const Json& arguments, const Reply& reply,
                 std::int64_t ms) const;

    const ServerInfo info_;
    std::function<void(const CallRecord&)> observer_;
    Seal seal_;
    Offers offers_;
    std::map<std::string_view, Handler> common_, modern_, legacy_;
};

}  // namespace chronos::mcp
