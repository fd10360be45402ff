// What is said over a WebSocket, free of any library's types: messages come in, messages go out.
//
// Threads: one call at a time for each session, on worker threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/message.h"

namespace chronos::server {

class SocketSession {
public:
    SocketSession() = default;
    SocketSession(const SocketSession&) = delete;
    SocketSession& operator=(const SocketSession&) = delete;
    virtual ~SocketSession() = default;

    /// The one of the client's subprotocols that was chosen; empty: none.
    [[nodiscard]] virtual std::string_view subprotocol() const { return {}; }
    /// A text message of the client.
    virtual void take(std::string_view message) = 0;
    /// Appends the next messages to `out`, which is empty. kEnd: the connection is to be closed after them.
    virtual BodyStream::Step next(std::vector<std::string>& out) = 0;
    /// What to wait on after kWait; owned by the session. `next` is also called when nothing came for a second.
    [[nodiscard]] virtual std::vector<int> descriptors() const = 0;
    /// The last message when the server ends the connection.
    [[nodiscard]] virtual std::string farewell(BodyStream::Ending ending) const = 0;
};

/// A session, or why there is none.
struct SocketOpening {
    std::optional<Response> refusal;
    std::unique_ptr<SocketSession> session;
};

}  // namespace chronos::server
