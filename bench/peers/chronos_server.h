// The program `chronos`, and it as a server on loopback; a client for its requests.
//
// Threads: each object one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "peers/scratch.h"
#include "peers/server_process.h"

namespace chronos::bench {

/// The program beside this one. Throws Absent.
std::filesystem::path find_chronos();

/// `chronos serve` without credentials on any free port, with an empty store of its own.
class ChronosServer {
public:
    explicit ChronosServer(const std::filesystem::path& scratch);
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    ScratchDirectory directory_;
    ServerProcess process_;
    std::uint16_t port_ = 0;
};

/// nginx with one file, /file, of these bytes.
class NginxServer {
public:
    NginxServer(const std::filesystem::path& scratch, std::string_view content);
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    ScratchDirectory directory_;
    std::uint16_t port_;
    ServerProcess process_;
};

/// One connection that is kept: a request, its answer, the next.
class HttpClient {
public:
    explicit HttpClient(std::uint16_t port);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    void send(std::string_view bytes) const;
    /// The body of the answer, valid until the next one. Throws Failure unless its status is 2xx.
    std::string_view read();
    std::string_view ask(std::string_view request) {
        send(request);
        return read();
    }
    [[nodiscard]] int socket() const { return socket_; }

private:
    void read_more();
    std::string read_line();

    int socket_;
    std::string buffer_;
    std::size_t used_ = 0;
    std::string body_;
};

/// The bytes of a request.
std::string get_request(std::string_view target);
std::string post_request(std::string_view target, std::string_view content_type, std::string_view body);

}  // namespace chronos::bench
