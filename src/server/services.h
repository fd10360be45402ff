// What handlers work with: the stores, the keys, the counters, the world.
//
// Threads: any; the parts say more.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "access/principal.h"
#include "chronos/store.h"
#include "io/environment.h"
#include "server/http/limits.h"
#include "server/metrics.h"

namespace chronos::server {

class ConsumerRegistry;
class KeyRing;
class Routes;

struct Services {
    Store& store;  ///< Of the tenant "default".
    KeyRing& keys;
    io::Environment world;
    HttpLimits limits;
    Metrics metrics;
    const Routes* routes = nullptr;
    ConsumerRegistry* consumers = nullptr;  ///< Of all tenants.
    std::string directory;
    Store* system = nullptr;       ///< The server's own.
    std::string backup_directory;  ///< Empty: there is none.
    std::mutex backup_mutex;       ///< Held while a backup is made.
    /// What states are folded with when a request does not say.
    Fold default_fold = Fold::kMergePatch;
    bool is_tls = false;
    std::string mode = "production";  ///< "dev" for a store that was made for trying things out.
    std::atomic<bool> is_draining = false;
    /// The store takes no more appends until it is opened again.
    std::atomic<bool> is_read_only = false;
    std::atomic<std::size_t> append_bytes_in_flight = 0;
    std::atomic<std::size_t> body_bytes_held = 0;
    std::atomic<std::size_t> answer_bytes_held = 0;
    std::atomic<std::size_t> uploads = 0;

    [[nodiscard]] Timestamp now() const { return {world.clock.wall_ns()}; }
    /// The tenant comes from the credential, never from the request.
    [[nodiscard]] Store* store_of(const access::Principal& principal) {
        (void)principal;
        return &store;
    }
};

}  // namespace chronos::server
