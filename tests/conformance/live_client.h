// A client of the server's live routes, made of plain sockets, so that it can also misbehave: read nothing, send what
// is no frame, keep silent.
//
// Threads: one for each client.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chronos::conformance {

/// Long enough that only something that never comes runs into it.
inline constexpr int kPatienceMs = 30'000;

/// One TCP connection to loopback.
class ClientSocket {
public:
    explicit ClientSocket(std::uint16_t port);
    ~ClientSocket();
    ClientSocket(const ClientSocket&) = delete;
    ClientSocket& operator=(const ClientSocket&) = delete;

    /// False: the other side is gone.
    bool send(std::string_view bytes);
    /// What has come, waiting up to `timeout_ms` for the first byte. Empty: nothing, or the end; `is_closed` says.
    std::string receive(int timeout_ms);
    [[nodiscard]] bool is_closed() const { return is_closed_; }

private:
    int descriptor_ = -1;
    bool is_closed_ = false;
};

struct HttpAnswer {
    int status = 0;
    std::map<std::string, std::string> headers;  ///< Names in lower case.
    std::string body;

    [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
};

using Headers = std::vector<std::string>;  ///< "Name: value"

/// One request on a connection of its own.
HttpAnswer http(std::uint16_t port, const std::string& method, const std::string& target, const std::string& body = {},
                const Headers& headers = {});

struct SseMessage {
    std::string id, event, data;
};

/// An open stream of server-sent events.
class SseClient {
public:
    SseClient(std::uint16_t port, const std::string& target, const Headers& headers = {});

    /// The answer's status; waits for its head.
    int status();
    /// The next message with data, or nothing: none came in time, or the stream ended.
    std::optional<SseMessage> next(int timeout_ms = kPatienceMs);
    /// Reads until the stream ends; false: it did not in time.
    bool wait_for_end(int timeout_ms = kPatienceMs);
    /// Whether it ended as HTTP says, rather than broken off.
    [[nodiscard]] bool is_complete() const { return is_complete_; }
    /// All of the body so far that came, comments too.
    [[nodiscard]] const std::string& body() const { return body_; }

private:
    bool read_more(int timeout_ms);
    void take_chunks();

    ClientSocket socket_;
    std::string raw_;  ///< Not yet taken apart.
    std::string body_;
    std::size_t parsed_ = 0;  ///< Of body_.
    int status_ = 0;
    bool is_complete_ = false;
};

struct Frame {
    int opcode = 0;  ///< 1 text, 8 close, 9 ping, 10 pong; 0: none came.
    std::string payload;

    [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(payload, nullptr, false); }
    /// Of a close frame.
    [[nodiscard]] int close_code() const;
};

/// A WebSocket.
class SocketClient {
public:
    SocketClient(std::uint16_t port, const std::string& target, const Headers& headers = {});

    [[nodiscard]] int status() const { return status_; }
    [[nodiscard]] const std::string& head() const { return head_; }
    void say(const nlohmann::json& message) { send_frame(0x81, message.dump()); }
    /// `first`: FIN, reserved bits and opcode.
    void send_frame(std::uint8_t first, const std::string& payload, bool is_masked = true);
    /// The next frame that is no ping; pings are answered, unless told otherwise.
    Frame next(int timeout_ms = kPatienceMs);
    /// The next message as JSON.
    nlohmann::json hear(int timeout_ms = kPatienceMs) { return next(timeout_ms).json(); }
    void answer_pings(bool answers) { answers_pings_ = answers; }
    [[nodiscard]] bool is_closed() const { return socket_.is_closed(); }

private:
    std::optional<Frame> take_frame();

    ClientSocket socket_;
    std::string raw_;
    std::string head_;
    int status_ = 0;
    bool answers_pings_ = true;
};

}  // namespace chronos::conformance
