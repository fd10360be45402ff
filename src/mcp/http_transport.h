// MCP over HTTP, at /mcp of the server: "Streamable HTTP" of both eras on one path.
//
//     HttpTransport transport({.version = …}, world);
//     Server::start(options, world, &transport)            // adds its routes; stops it before the stores are closed
//
// A request of the modern era stands alone. One of the legacy era belongs to a session, which "initialize" opens and
// DELETE ends; GET is where its client listens, and where it takes up streams that broke off.
//
// Threads: any.
// Source: MCP 2026-07-28, "Streamable HTTP"; 2025-11-25, "Transports"; RFC 9728.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "mcp/http_call.h"
#include "mcp/http_session.h"
#include "mcp/service.h"
#include "server/server.h"

namespace chronos::server {
class LiveCount;
}

namespace chronos::mcp {

class HttpTransport final : public server::Extension {
public:
    /// `world` must outlive the transport, and the transport the server.
    HttpTransport(const ServiceOptions& options, io::Environment world);
    ~HttpTransport() override { stop(); }
    HttpTransport(const HttpTransport&) = delete;
    HttpTransport& operator=(const HttpTransport&) = delete;

    void add_routes(server::Routes& routes) override;
    void stop() override;

private:
    using Done = HttpCall::Done;

    void post(server::Call& call, Done done);
    void post_modern(server::Call& call, Message message, const Done& done);
    void post_legacy(server::Call& call, Message message, const Done& done);
    void initialize(server::Call& call, const Message& message, const Done& done);
    void listen(server::Call& call, const Message& message, const Client& client, const Done& done);
    server::Response begin_listening(const Json& id, const SubscriptionFilter& filter,
                                     const access::Principal& principal,
                                     const std::shared_ptr<client::Endpoint>& endpoint,
                                     const std::shared_ptr<server::LiveCount>& held);
    void run_modern(server::Call& call, Message message, Client client, const Done& done);
    void run_legacy(server::Call& call, Message message, const std::shared_ptr<HttpSession>& session, const Done& done);
    /// Whether it is answered at once, on the thread that read the socket.
    bool is_quick(const Message& message, const server::Call& call);
    void run(const std::shared_ptr<HttpCall>& http_call, const std::shared_ptr<Exchange>& exchange, bool is_quick,
             const std::function<bool()>& is_answer_wanted);
    /// Counts a call of this caller in; false: it has as many as it may.
    bool enter(const std::string& holder);
    void leave(const std::string& holder);
    /// Runs `work` on a thread of the executor as a call of this caller. False: there is too much under way.
    bool run_counted(const std::string& holder, std::function<void()> work);
    /// Has look() begin the stream of a call that takes a while.
    void look_after(const std::shared_ptr<HttpCall>& http_call);
    server::Response get(server::Call& call);
    server::Response remove(server::Call& call);
    server::Response metadata(server::Call& call) const;
    /// Begins the streams of calls that take a while and ends sessions that nobody uses. Whether there are calls to
    /// wait for.
    bool look();

    Service service_;
    HttpSessions sessions_;
    std::mutex mutex_;
    std::list<std::weak_ptr<HttpCall>> waiting_;    ///< Calls whose answers have not begun. Guarded by mutex_.
    std::map<std::string, std::size_t> under_way_;  ///< Calls by their callers. Guarded by mutex_.
    std::mutex stop_mutex_;
    bool is_stopped_ = false;  ///< Guarded by stop_mutex_.
};

}  // namespace chronos::mcp
