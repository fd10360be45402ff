// The stream to one client, plain or TLS, with the bytes that were read ahead of their use and one deadline for
// whatever is waited for.
//
// Threads: the I/O thread of the connection.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "server/http/deadline.h"
#include "server/http/work.h"
#include "server/metrics.h"

namespace chronos::server {

template <typename Stream>
class ClientSocket {
public:
    ClientSocket(Stream stream, Metrics& metrics)
        : stream_(std::move(stream)), metrics_(metrics), deadline_(stream_.get_executor(), [this] { cancel(); }) {}
    ClientSocket(const ClientSocket&) = delete;
    ClientSocket& operator=(const ClientSocket&) = delete;

    [[nodiscard]] static constexpr bool is_plain() { return std::is_same_v<Stream, boost::beast::tcp_stream>; }
    [[nodiscard]] Stream& stream() { return stream_; }

    /// TLS. False: the client does not speak it, or not in time.
    boost::asio::awaitable<bool> shake_hands(std::uint32_t timeout_ms) {
        if constexpr (is_plain()) {
            (void)timeout_ms;
            co_return true;
        } else {
            deadline_.begin(timeout_ms);
            const auto [error] = co_await stream_.async_handshake(boost::asio::ssl::stream_base::server, kAwait);
            deadline_.end();
            co_return !error;
        }
    }

    /// What was read and not used.
    [[nodiscard]] std::string_view held() const { return std::string_view(buffer_).substr(begin_); }
    void use(std::size_t bytes) { begin_ += bytes; }

    /// Holds more. False: the client is gone, or was too slow, which `is_late` tells.
    boost::asio::awaitable<bool> read_more(std::uint32_t timeout_ms, std::size_t bytes_max) {
        if (begin_ > 0) {
            buffer_.erase(0, begin_);
            begin_ = 0;
        }
        const std::size_t before = buffer_.size();
        buffer_.resize(before + bytes_max);
        deadline_.begin(timeout_ms);
        const auto [error, size] =
            co_await stream_.async_read_some(boost::asio::buffer(buffer_.data() + before, bytes_max), kAwait);
        deadline_.end();
        buffer_.resize(before + (error ? 0 : size));
        received_ += error ? 0 : size;
        metrics_.received_bytes.fetch_add(size, std::memory_order_relaxed);
        co_return !error;
    }
    /// All bytes that came, as they are without TLS.
    [[nodiscard]] std::uint64_t received() const { return received_; }
    /// Whether the last wait lasted too long.
    [[nodiscard]] bool is_late() const { return deadline_.has_expired(); }

    /// Sends both; at once if the socket takes them without waiting, which mostly it does. False: not all of it.
    boost::asio::awaitable<bool> send(std::string_view head, std::string_view body, std::uint32_t timeout_ms) {
        const std::size_t at_once = send_at_once(head, body);
        metrics_.sent_bytes.fetch_add(at_once, std::memory_order_relaxed);
        if (at_once == head.size() + body.size()) co_return true;
        const std::size_t of_head = std::min(at_once, head.size());
        head.remove_prefix(of_head);
        body.remove_prefix(at_once - of_head);
        const std::array buffers = {boost::asio::buffer(head), boost::asio::buffer(body)};
        deadline_.begin(timeout_ms);
        const auto [error, size] = co_await boost::asio::async_write(stream_, buffers, kAwait);
        deadline_.end();
        metrics_.sent_bytes.fetch_add(size, std::memory_order_relaxed);
        co_return !error;
    }

    /// What is under way fails.
    void cancel() { boost::beast::get_lowest_layer(stream_).cancel(); }

    /// Ends it, and takes what the client still sends off it for a while: else a reset may overtake the answer.
    boost::asio::awaitable<void> close() {
        boost::beast::error_code ignored;
        deadline_.begin(kFarewellMs);
        if constexpr (!is_plain()) (void)co_await stream_.async_shutdown(kAwait);
        deadline_.begin(kFarewellMs);
        auto& lowest = boost::beast::get_lowest_layer(stream_);
        lowest.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
        buffer_.resize(kLingerPieceBytes);
        for (std::size_t discarded = 0; discarded < kLingerBytesMax;) {
            const auto [error, size] = co_await lowest.async_read_some(boost::asio::buffer(buffer_), kAwait);
            if (error || size == 0) break;
            discarded += size;
        }
        deadline_.end();
        lowest.socket().close(ignored);
    }

private:
    static constexpr std::uint32_t kFarewellMs = 1'000;
    static constexpr std::size_t kLingerPieceBytes = 64 << 10;
    static constexpr std::size_t kLingerBytesMax = 16 << 20;

    std::size_t send_at_once(std::string_view head, std::string_view body) {
        if constexpr (is_plain()) {
            boost::beast::error_code error;
            const std::array buffers = {boost::asio::buffer(head), boost::asio::buffer(body)};
            return boost::beast::get_lowest_layer(stream_).socket().write_some(buffers, error);
        }
        return 0;
    }

    Stream stream_;
    Metrics& metrics_;
    Deadline deadline_;
    std::string buffer_;  ///< What was read; from begin_ on not yet used.
    std::size_t begin_ = 0;
    std::uint64_t received_ = 0;
};

}  // namespace chronos::server
