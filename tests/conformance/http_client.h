// A small blocking HTTP/1.1 client for tests: what is sent is what the test says, byte for byte.
//
// Threads: one for each object.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chronos::conformance {

struct HttpAnswer {
    int status = 0;  ///< 0: the connection ended, or nothing came within 20 seconds.
    std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case.
    std::string body;

    /// Empty when it is not there.
    [[nodiscard]] std::string header(std::string_view name) const;
};

class HttpConnection {
public:
    /// `address`: the client's own, 127.0.0.x; the server sees it.
    explicit HttpConnection(std::uint16_t port, const std::string& address = "127.0.0.1");
    ~HttpConnection();
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    [[nodiscard]] bool is_open() const { return socket_ >= 0; }
    /// False: the other side is gone.
    bool send(std::string_view bytes);
    void finish_sending();
    /// The next answer. `of_head`: it has no body.
    HttpAnswer read(bool of_head = false);
    /// Whether the server closed the connection and sent nothing more, within 20 seconds.
    bool is_at_end();

private:
    bool read_more();

    int socket_ = -1;
    std::string buffer_;
};

struct HttpRequest {
    std::string method = "GET";
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
};

/// The request as bytes, with Host, and Content-Length where there is a body.
std::string request_bytes(const HttpRequest& request);
/// One request on a connection of its own.
HttpAnswer ask(std::uint16_t port, const HttpRequest& request, const std::string& address = "127.0.0.1");

}  // namespace chronos::conformance
