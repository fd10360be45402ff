// Bounds on what clients may ask of the server; docs/reference/limits.md has them with what happens beyond.
//
// Threads: values.
#pragma once

#include <cstddef>
#include <cstdint>

namespace chronos::server {

struct HttpLimits {
    std::size_t target_max = 8 << 10;
    std::size_t header_bytes_max = 32 << 10;  ///< All lines together, with the first.
    std::size_t header_line_max = 8 << 10;
    std::size_t header_count_max = 100;
    std::size_t body_max = 4 << 20;    ///< Of most requests.
    std::size_t batch_max = 16 << 20;  ///< Of a batch.
    /// A compressed body may become this many times as large.
    std::size_t inflation_max = 20;
    std::uint32_t header_timeout_ms = 10'000;
    std::uint32_t body_timeout_ms = 30'000;  ///< Without a byte in or out.
    std::uint32_t idle_timeout_ms = 60'000;  ///< Between requests.
    std::uint32_t drain_timeout_ms = 10'000;
    std::size_t connections_max = 4'096;
    std::size_t connections_per_address_max = 256;  ///< Not for loopback.
    /// Bytes of appends under way; beyond that they are refused for now.
    std::size_t append_bytes_in_flight_max = 64 << 20;
    /// Bytes of bodies that are held until their requests are answered; beyond that they are refused for now.
    std::size_t body_bytes_in_flight_max = 256 << 20;
    /// Bytes of answers to reads that their clients have not taken yet; beyond that larger ones are refused for now.
    std::size_t answer_bytes_in_flight_max = 256 << 20;
    /// Of one API key, and twice as many at once; 0: any number.
    std::uint32_t requests_per_second_per_key = 100'000;
    std::size_t uploads_max = 32;  ///< Bulk uploads at once.
    /// Work that waits for a worker thread; beyond that it is refused for now.
    std::size_t worker_queue_max = 1'024;
    /// Events looked at for one page, and to count those that match: what a worker thread does in about a second.
    std::uint64_t events_examined_max = 2'000'000;
    std::uint32_t heartbeat_ms = 15'000;
    /// Streams of events and subscriptions that are open at once.
    std::size_t live_streams_max = 1'000;
    std::size_t socket_message_max = 256 << 10;  ///< Of a WebSocket, in.
    std::uint32_t socket_ping_ms = 20'000;       ///< Silence after which a client is asked for a sign of life.
    std::uint32_t socket_pong_ms = 10'000;       ///< For which it has this long.
};

}  // namespace chronos::server
