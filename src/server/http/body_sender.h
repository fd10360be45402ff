// Writes an answer whose body is made while it is sent, in chunks: what there is, then what comes.
//
// A live stream ends within a second when its key is revoked or the server stops, also while the client takes nothing;
// a client that takes what it gets is told why.
//
// Threads: the I/O thread of the connection; the body makes its pieces on worker threads.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "server/http/connection.h"
#include "server/http/held_bytes.h"
#include "server/http/watch.h"
#include "server/http/work.h"
#include "server/key_ring.h"

namespace chronos::server {

struct BodySenderOptions {
    bool is_chunked = true;  ///< Else the body ends where the connection does, as HTTP/1.0 has it.
};

template <typename Stream>
class BodySender {
public:
    /// `principal`: whose key must stay valid; null where nobody's is needed.
    BodySender(Stream& stream, ConnectionContext& context, const access::Principal* principal,
               const BodySenderOptions& options)
        : stream_(stream),
          context_(context),
          services_(context.services),
          principal_(principal),
          is_chunked_(options.is_chunked) {}

    ~BodySender() { release_waiter(); }
    BodySender(const BodySender&) = delete;
    BodySender& operator=(const BodySender&) = delete;

    /// False: the connection is to be closed.
    boost::asio::awaitable<bool> send(std::string head, BodyStream& body) {
        is_live_ = body.is_live();
        const Watch watch(stream_.get_executor(), [this] { return look(); });
        bool goes_on = co_await write(std::move(head), Framing::kNone);
        while (goes_on) goes_on = co_await send_next(body);
        release_waiter();
        // The time for the last piece is not one for the request that comes next.
        boost::beast::get_lowest_layer(stream_).expires_never();
        co_return is_complete_;
    }

private:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t kBytesPerMsMin = kAnswerBytesPerMsMin;
    static constexpr int kLookForRoomMs = 20;
    enum class Framing : std::uint8_t { kNone, kChunk };

    /// The descriptor is the body's, which closes it.
    void release_waiter() {
        if (waiter_) (void)waiter_->release();
        waiter_.reset();
    }

    /// False: that was all, complete or not.
    boost::asio::awaitable<bool> send_next(BodyStream& body) {
        if (ending_) co_return co_await say_farewell(body);
        HeldBytes held(services_.answer_bytes_held, services_.limits.answer_bytes_in_flight_max);
        const bool has_room = co_await take_room(body.piece_bytes(), held);
        if (!has_room) co_return true;
        std::string piece;
        const BodyStream::Step step = co_await on_worker(context_.workers, Next{body, piece});
        held.release();
        (void)held.add(piece.capacity());
        if (!piece.empty()) {
            const bool written = co_await write(std::move(piece), Framing::kChunk);
            if (!written) co_return false;
        }
        if (step == BodyStream::Step::kEnd) co_return co_await write_last();
        if (step == BodyStream::Step::kMore) co_return true;
        co_return co_await wait(body);
    }

    /// Whether the client sends nothing more: it is gone, as a rule, or waits for nothing but the rest of this answer.
    [[nodiscard]] bool has_client_finished() {
        std::array<char, 1> next{};
        boost::beast::error_code error;
        auto& socket = boost::beast::get_lowest_layer(stream_).socket();
        (void)socket.receive(boost::asio::buffer(next), boost::asio::ip::tcp::socket::message_peek, error);
        return error && error != boost::asio::error::would_block && error != boost::asio::error::interrupted;
    }

    /// For a piece that is not made yet, as soon as other answers leave it. False: the stream has to end.
    boost::asio::awaitable<bool> take_room(std::size_t bytes, HeldBytes& held) {
        const Clock::time_point until = Clock::now() + std::chrono::milliseconds(services_.limits.body_timeout_ms);
        boost::asio::steady_timer timer(stream_.get_executor());
        while (bytes > 0 && !held.add_if_room(bytes)) {
            // Nobody waits in place of others who may be gone, and no stop waits for what is not made.
            if (!ending_ && services_.is_draining.load(std::memory_order_relaxed))
                ending_ = BodyStream::Ending::kDraining;
            if (!ending_ && (Clock::now() >= until || has_client_finished())) ending_ = BodyStream::Ending::kOverloaded;
            if (ending_) co_return false;
            boost::beast::get_lowest_layer(stream_).expires_never();
            timer.expires_after(std::chrono::milliseconds(kLookForRoomMs));
            (void)co_await timer.async_wait(kAwait);
        }
        co_return true;
    }

    struct Next {
        BodyStream& body;
        std::string& piece;
        BodyStream::Step operator()() const { return body.next(piece); }
    };

    boost::asio::awaitable<bool> say_farewell(BodyStream& body) {
        std::string words = body.farewell(*ending_);
        if (!words.empty()) {
            const bool written = co_await write(std::move(words), Framing::kChunk);
            if (!written) co_return false;
            (void)co_await write_last();
        }
        is_complete_ = false;
        co_return false;
    }

    boost::asio::awaitable<bool> write_last() {
        is_complete_ = true;
        if (is_chunked_) is_complete_ = co_await write("0\r\n\r\n", Framing::kNone);
        co_return false;
    }

    boost::asio::awaitable<bool> write(std::string bytes, Framing framing) {
        std::array<char, 20> size{};
        const bool is_chunk = is_chunked_ && framing == Framing::kChunk;
        const int digits = is_chunk ? std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size()) : 0;
        const std::array buffers = {boost::asio::const_buffer(size.data(), static_cast<std::size_t>(digits)),
                                    boost::asio::const_buffer(bytes.data(), bytes.size()),
                                    boost::asio::const_buffer("\r\n", is_chunk ? 2 : 0)};
        auto& lowest = boost::beast::get_lowest_layer(stream_);
        // For a client that takes it slowly, but not for ever.
        lowest.expires_after(
            std::chrono::milliseconds(services_.limits.body_timeout_ms + bytes.size() / kBytesPerMsMin));
        looks_at_write_ = 0;
        is_writing_ = true;
        const auto [error, sent] = co_await boost::asio::async_write(stream_, buffers, kAwait);
        is_writing_ = false;
        services_.metrics.sent_bytes.fetch_add(sent, std::memory_order_relaxed);
        written_at_ = Clock::now();
        co_return !error;
    }

    /// Until the body has more, a second at most. False: the client closed the connection or sent something.
    boost::asio::awaitable<bool> wait(BodyStream& body) {
        using namespace boost::asio::experimental::awaitable_operators;
        if (!waiter_)
            waiter_ =
                std::make_unique<boost::asio::posix::stream_descriptor>(stream_.get_executor(), body.descriptor());
        boost::asio::steady_timer timer(stream_.get_executor(), std::chrono::seconds(1));
        idle_ = &timer;
        boost::beast::get_lowest_layer(stream_).expires_never();
        auto& socket = boost::beast::get_lowest_layer(stream_).socket();
        const auto outcome =
            co_await (waiter_->async_wait(boost::asio::posix::stream_descriptor::wait_read, kAwait) ||
                      timer.async_wait(kAwait) || socket.async_wait(boost::asio::ip::tcp::socket::wait_read, kAwait));
        idle_ = nullptr;
        if (outcome.index() == 2) co_return false;
        if (is_heartbeat_due() && !body.heartbeat().empty())
            co_return co_await write(std::string(body.heartbeat()), Framing::kChunk);
        co_return true;
    }

    [[nodiscard]] bool is_heartbeat_due() const {
        return Clock::now() - written_at_ >= std::chrono::milliseconds(services_.limits.heartbeat_ms);
    }

    /// Whether the stream has to end. One that is stuck in a write then for a while is cut off.
    bool look() {
        if (!ending_ && principal_ != nullptr && !services_.keys.is_live(*principal_))
            ending_ = BodyStream::Ending::kRevoked;
        if (!ending_ && is_live_ && services_.is_draining.load(std::memory_order_relaxed))
            ending_ = BodyStream::Ending::kDraining;
        if (ending_ && is_writing_ && ++looks_at_write_ > 1) {
            boost::beast::get_lowest_layer(stream_).cancel();
            return false;
        }
        if (ending_ && idle_ != nullptr) idle_->cancel();
        return true;
    }

    Stream& stream_;
    ConnectionContext& context_;
    Services& services_;
    const access::Principal* principal_;
    std::unique_ptr<boost::asio::posix::stream_descriptor> waiter_;
    boost::asio::steady_timer* idle_ = nullptr;  ///< While nothing is sent.
    Clock::time_point written_at_ = Clock::now();
    std::optional<BodyStream::Ending> ending_;
    int looks_at_write_ = 0;  ///< Since it began.
    const bool is_chunked_;
    bool is_live_ = false;
    bool is_writing_ = false;
    bool is_complete_ = false;
};

}  // namespace chronos::server
