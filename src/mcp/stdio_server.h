// MCP over standard input and output: a message a line, of either era, answered in the order in which answers are
// ready.
//
//     StdioServer server(service, options);
//     while (a line came) server.take(line);
//     server.finish();                                  // nothing more will come
//
// Threads: take and finish from one. `write` is called from many, one at a time.
// Source: MCP 2026-07-28, "stdio"; 2025-11-25, "Transports".
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "mcp/legacy_session.h"
#include "mcp/service.h"

namespace chronos::mcp {

struct StdioOptions {
    /// Who the client is taken for: whoever started the program.
    access::Principal principal;
    Service::EndpointSource endpoint;
    /// Writes one line, which has no line end yet, at once.
    std::function<void(std::string_view line)> write;
};

class StdioServer {
public:
    StdioServer(Service& service, StdioOptions options) : service_(service), options_(std::move(options)) {}
    ~StdioServer() { finish(); }
    StdioServer(const StdioServer&) = delete;
    StdioServer& operator=(const StdioServer&) = delete;

    void take(std::string_view line);
    /// A line that was too long to be read.
    void refuse_line(std::string_view why);
    /// Answers what is under way, for a while, then calls it off.
    void finish();

private:
    void send(const Json& message);
    void take_notification(const Message& message);
    void take_request(Message message);
    void initialize(const Message& message);
    void listen(const Message& message, const Client& client);
    void end_listeners();
    void run(Message message, Client client, bool is_modern);
    void watch_for_session();

    Service& service_;
    StdioOptions options_;
    std::mutex write_mutex_;
    InFlight modern_;
    /// Who listens, by the request's id as text: its number and how its end is said.
    std::map<std::string, std::pair<std::uint64_t, Json>> listeners_;
    std::shared_ptr<LegacySession> session_;
    std::uint64_t session_listener_ = 0;
    bool is_finished_ = false;
};

}  // namespace chronos::mcp
