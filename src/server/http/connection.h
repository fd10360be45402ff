// One client's connection, from its first byte to its last. Only the files of this folder that include it know
// Boost.Asio.
//
// Threads: all of a connection runs on the I/O thread that accepted it; `work` moves to worker threads and back.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "server/http/gate.h"
#include "server/services.h"

namespace chronos::server {

/// A client that takes an answer more slowly than this, besides what one pause may last, is left.
inline constexpr std::size_t kAnswerBytesPerMsMin = 100;

/// What all connections share.
struct ConnectionContext {
    const Gate& gate;
    Services& services;
    boost::asio::thread_pool& workers;
    std::atomic<std::size_t> worker_queue = 0;
    std::mutex mutex;
    /// Calls that end a connection if it waits for a request. Guarded by mutex.
    std::unordered_map<void*, std::function<void()>> open;
    std::unordered_map<std::string, std::size_t> by_address;  ///< Guarded by mutex.
};

/// Serves the connection until either side ends it. `tls`: null for plain text.
boost::asio::awaitable<void> serve_connection(boost::asio::ip::tcp::socket socket, ConnectionContext& context,
                                              std::shared_ptr<boost::asio::ssl::context> tls);

}  // namespace chronos::server
