// The HTTP/1.1 server: accepts connections, reads requests within limits, has them answered, writes answers.
//
// Two threads read sockets; a request is answered on the thread that read it, unless its route says otherwise. Work
// that may wait runs on a few worker threads behind a bounded queue.
//
// What could be read in two ways is refused (both Content-Length and Transfer-Encoding, folded or malformed header
// lines, bare line feeds), and the connection closed. Source: RFC 9110, RFC 9112.
//
// Threads: start and stop from one; everything else is inside.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "chronos/result.h"
#include "server/http/gate.h"
#include "server/services.h"

namespace chronos::server {

struct ListenOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 3'900;  ///< 0: any free one.
    /// Both or none. PEM.
    std::string tls_certificate_file, tls_key_file;
    unsigned io_threads = 2;
    unsigned worker_threads = 4;
};

class Listener {
public:
    /// Errors: kInvalidArgument — the address, certificate or key.
    static Status check(const ListenOptions& options);
    /// Binds and serves from now on. Errors: kInvalidArgument — the address, certificate or key; kIo.
    static Result<std::unique_ptr<Listener>> start(const ListenOptions& options, const Gate& gate, Services& services);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    [[nodiscard]] std::uint16_t port() const;
    /// Reads certificate and key again; connections that are open keep theirs. Errors: kInvalidArgument; the old ones
    /// stay then.
    Status reload_certificate();
    /// Takes nothing new, lets what is under way finish for `drain_timeout_ms`, then closes everything.
    void stop();

private:
    struct Impl;
    explicit Listener(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace chronos::server
