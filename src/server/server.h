// The server as a whole: opens the stores, reads the keys, listens.
//
//     ASSIGN_OR_RETURN(auto server, Server::start(options, world));
//     …until a signal…
//     server->stop();                     // finishes what is under way, then closes the stores
//
// Safe by default: another address than loopback takes TLS and credentials, or the server does not start; without
// credentials it serves loopback only, and says so wherever it is asked.
//
// Threads: start, reload and stop from one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "chronos/store.h"
#include "server/http/gate.h"
#include "server/http/limits.h"
#include "server/http/listener.h"

namespace chronos::server {

struct ServerOptions {
    std::string directory;
    ListenOptions listen;
    GateOptions gate;
    HttpLimits limits;
    OpenOptions store;  ///< Its directory is not looked at.
    /// Anybody who reaches the port may do everything. Loopback only.
    bool without_credentials = false;
    /// For trying things out: loopback only, and the directory is marked, so that it is not used in earnest later.
    bool is_dev = false;
    Fold default_fold = Fold::kMergePatch;
    /// Where POST /api/v1/backups writes; empty: nowhere.
    std::string backup_directory;
};

/// What else is answered on the same port, given by whoever wires the program.
class Extension {
public:
    Extension() = default;
    Extension(const Extension&) = delete;
    Extension& operator=(const Extension&) = delete;
    virtual ~Extension() = default;

    virtual void add_routes(Routes& routes) = 0;
    /// Before the stores are closed: from now on nothing of it uses them. Requests may still come and are refused.
    virtual void stop() = 0;
};

class Server {
public:
    /// Whether it could be started so, as far as that can be told without doing it.
    /// Errors: kInvalidArgument — a setting, or one that would be unsafe.
    static Status check(const ServerOptions& options);
    /// Errors: kInvalidArgument — a setting, or one that would be unsafe; kAlreadyExists — the port is in use; those of
    /// Store::open.
    /// `extension`, if there is one, must outlive the server.
    static Result<std::unique_ptr<Server>> start(const ServerOptions& options, io::Environment world,
                                                 Extension* extension = nullptr);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] std::uint16_t port() const;
    /// The admin key, if this start made one; it is not shown again.
    [[nodiscard]] const std::string& new_admin_key() const { return new_admin_key_; }
    /// Where that key was written.
    [[nodiscard]] std::string admin_key_file() const;
    /// Reads the TLS certificate again. Errors: kInvalidArgument; the old one stays.
    Status reload();
    /// Takes nothing new, answers what is under way, closes the stores.
    Status stop();

private:
    Server() = default;
    Status make_first_key();

    struct Parts;
    std::unique_ptr<Parts> parts_;
    std::string new_admin_key_;
};

}  // namespace chronos::server
