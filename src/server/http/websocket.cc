#include "server/http/websocket.h"

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/http/problem.h"
#include "server/http/watch.h"
#include "server/http/work.h"
#include "server/key_ring.h"

namespace chronos::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using asio::awaitable;

/// Messages that were read and not yet dealt with.
constexpr std::size_t kInboxMax = 16;
/// Looks of the watch that a close, or a write after which the connection ends, may take.
constexpr int kPatienceLooks = 4;

using Clock = std::chrono::steady_clock;

bool has_token(std::string_view list, std::string_view token) {
    while (!list.empty()) {
        std::string_view item = list.substr(0, list.find(','));
        list.remove_prefix(std::min(list.size(), item.size() + 1));
        while (item.starts_with(' ') || item.starts_with('\t')) item.remove_prefix(1);
        while (item.ends_with(' ') || item.ends_with('\t')) item.remove_suffix(1);
        if (beast::iequals(item, token)) return true;
    }
    return false;
}

template <typename Stream>
class SocketConnection : public std::enable_shared_from_this<SocketConnection<Stream>> {
public:
    SocketConnection(Stream stream, std::unique_ptr<SocketSession> session, ConnectionContext& context,
                     access::Principal principal)
        : context_(context),
          services_(context.services),
          principal_(std::move(principal)),
          session_(std::move(session)),
          socket_(std::move(stream)),
          wake_(socket_.get_executor()) {}

    ~SocketConnection() { release_descriptors(); }
    SocketConnection(const SocketConnection&) = delete;
    SocketConnection& operator=(const SocketConnection&) = delete;

    awaitable<void> run(const RequestHead& head) {
        set_options();
        const http::request<http::empty_body> request(head);
        const auto [error] = co_await socket_.async_accept(request, kAwait);
        if (!error) {
            heard_at_ = Clock::now();
            read_next();
            const Watch watch(socket_.get_executor(), [this] { return look(); });
            bool goes_on = true;
            while (goes_on) goes_on = co_await serve_next();
            if (!is_broken_) co_await close();
        }
        clean_up();
    }

private:
    void set_options() {
        beast::get_lowest_layer(socket_).expires_never();
        socket_.set_option(websocket::stream_base::timeout{.handshake_timeout = std::chrono::seconds(10),
                                                           .idle_timeout = websocket::stream_base::none(),
                                                           .keep_alive_pings = false});
        const std::string protocol(session_->subprotocol());
        socket_.set_option(websocket::stream_base::decorator([protocol](websocket::response_type& response) {
            // Left out, it would name the library and its version.
            response.set(http::field::server, "chronos");
            if (!protocol.empty()) response.set(http::field::sec_websocket_protocol, protocol);
        }));
        socket_.read_message_max(services_.limits.socket_message_max);
        socket_.text(true);
        socket_.auto_fragment(false);
        socket_.control_callback([this](websocket::frame_type, beast::string_view) { hear(); });
    }

    void hear() {
        heard_at_ = Clock::now();
        is_pinged_ = false;
    }

    /// Reads one message after the other into the inbox, as long as it has room.
    void read_next() {
        if (is_reading_ || is_broken_ || inbox_.size() >= kInboxMax) return;
        is_reading_ = true;
        socket_.async_read(buffer_, [self = this->shared_from_this()](beast::error_code error, std::size_t size) {
            self->take_read(error, size);
        });
    }

    void take_read(beast::error_code error, std::size_t size) {
        is_reading_ = false;
        services_.metrics.received_bytes.fetch_add(size, std::memory_order_relaxed);
        if (error) {
            // What is not a WebSocket's frame, or too long, was answered with a close frame already.
            is_broken_ = true;
        } else if (socket_.got_text()) {
            hear();
            inbox_.emplace_back(static_cast<const char*>(buffer_.data().data()), buffer_.size());
        } else {
            close_reason_ = {websocket::close_code::unknown_data, "messages are text"};
            is_ended_ = true;
        }
        buffer_.consume(buffer_.size());
        read_next_if_served();
        wake();
    }

    void read_next_if_served() {
        if (!is_ended_) read_next();
    }

    void wake() {
        has_news_ = true;
        wake_.cancel();
    }

    /// Deals with what came, sends what there is, waits when there is nothing. False: the connection ends.
    awaitable<bool> serve_next() {
        has_news_ = false;
        if (is_broken_) co_return false;
        if (ending_) co_return co_await say_farewell();
        if (is_ended_) co_return false;
        const std::deque<std::string> messages = std::exchange(inbox_, {});
        std::vector<std::string> out;
        const BodyStream::Step step = co_await on_worker(context_.workers, Turn{*session_, messages, out});
        read_next();
        const bool written = co_await write_all(out);
        if (!written || step == BodyStream::Step::kEnd) co_return false;
        if (step == BodyStream::Step::kWait && !has_news_) co_await wait();
        co_return true;
    }

    struct Turn {
        SocketSession& session;
        const std::deque<std::string>& messages;
        std::vector<std::string>& out;
        BodyStream::Step operator()() const {
            for (const std::string& message : messages) session.take(message);
            return session.next(out);
        }
    };

    awaitable<bool> say_farewell() {
        close_reason_ = ending_ == BodyStream::Ending::kDraining
                            ? websocket::close_reason(websocket::close_code::going_away, "the server stops")
                            : websocket::close_reason(websocket::close_code::policy_error, "the key is not valid");
        std::vector<std::string> words;
        words.push_back(session_->farewell(*ending_));
        (void)co_await write_all(words);
        co_return false;
    }

    /// False: the client is gone, or took nothing for too long.
    awaitable<bool> write_all(const std::vector<std::string>& messages) {
        for (std::size_t i = 0; i < messages.size() && !is_broken_; ++i) {
            begin_write();
            const auto [error, size] = co_await socket_.async_write(asio::buffer(messages[i]), kAwait);
            is_writing_ = false;
            services_.metrics.sent_bytes.fetch_add(size, std::memory_order_relaxed);
            if (error) is_broken_ = true;
        }
        co_return !is_broken_;
    }

    void begin_write() {
        looks_ = 0;
        wrote_at_ = Clock::now();
        is_writing_ = true;
    }

    awaitable<void> wait() {
        watch_descriptors();
        wake_.expires_after(std::chrono::seconds(1));
        if (has_news_) co_return;
        (void)co_await wake_.async_wait(kAwait);
    }

    /// One wait for each descriptor of the session, and none for those it no longer has.
    void watch_descriptors() {
        const std::vector<int> wanted = session_->descriptors();
        std::erase_if(descriptors_, [&wanted](auto& entry) {
            if (std::find(wanted.begin(), wanted.end(), entry.first) != wanted.end()) return false;
            (void)entry.second->release();
            return true;
        });
        for (const int descriptor : wanted) {
            auto& watched = descriptors_[descriptor];
            if (watched) continue;
            watched = std::make_unique<asio::posix::stream_descriptor>(socket_.get_executor(), descriptor);
            watched->async_wait(asio::posix::stream_descriptor::wait_read,
                                [self = this->shared_from_this(), descriptor](const beast::error_code& error) {
                                    if (!error) self->take_signal(descriptor);
                                });
        }
    }

    void take_signal(int descriptor) {
        const auto found = descriptors_.find(descriptor);
        if (found == descriptors_.end()) return;
        (void)found->second->release();
        descriptors_.erase(found);
        wake();
    }

    /// Looks whether the connection has to end, and whether the client is there. False: it was cut off.
    bool look() {
        if (!ending_ && !services_.keys.is_live(principal_)) ending_ = BodyStream::Ending::kRevoked;
        if (!ending_ && services_.is_draining.load(std::memory_order_relaxed)) ending_ = BodyStream::Ending::kDraining;
        if (ending_) wake();
        const auto now = Clock::now();
        const HttpLimits& limits = services_.limits;
        const bool is_ending = ending_ || is_closing_;
        const bool is_stuck = (is_writing_ || is_closing_) &&
                              (is_ending ? ++looks_ > kPatienceLooks
                                         : now - wrote_at_ > std::chrono::milliseconds(limits.body_timeout_ms));
        const bool is_silent =
            is_pinged_ && is_reading_ && now - pinged_at_ > std::chrono::milliseconds(limits.socket_pong_ms);
        if (is_stuck || is_silent) {
            is_broken_ = true;
            beast::get_lowest_layer(socket_).close();
            wake();
            return false;
        }
        if (!is_pinged_ && !is_ending && now - heard_at_ > std::chrono::milliseconds(limits.socket_ping_ms)) ping();
        return true;
    }

    void ping() {
        is_pinged_ = true;
        pinged_at_ = Clock::now();
        socket_.async_ping({}, [self = this->shared_from_this()](const beast::error_code&) {});
    }

    awaitable<void> close() {
        looks_ = 0;
        is_closing_ = true;
        (void)co_await socket_.async_close(close_reason_, kAwait);
    }

    /// Whatever still waits is told that it is over, so that nothing holds the connection any more.
    void clean_up() {
        is_broken_ = true;
        release_descriptors();
        beast::get_lowest_layer(socket_).close();
    }

    /// They are the session's, which closes them.
    void release_descriptors() {
        for (auto& [number, descriptor] : descriptors_) (void)descriptor->release();
        descriptors_.clear();
    }

    ConnectionContext& context_;
    Services& services_;
    access::Principal principal_;
    std::unique_ptr<SocketSession> session_;  ///< Before what waits on its descriptors.
    websocket::stream<Stream> socket_;
    asio::steady_timer wake_;
    std::map<int, std::unique_ptr<asio::posix::stream_descriptor>> descriptors_;
    beast::flat_buffer buffer_;
    std::deque<std::string> inbox_;
    websocket::close_reason close_reason_ = websocket::close_code::normal;
    std::optional<BodyStream::Ending> ending_;
    Clock::time_point heard_at_, pinged_at_, wrote_at_;
    int looks_ = 0;  ///< Since the write or the close began.
    bool is_reading_ = false;
    bool is_writing_ = false;
    bool is_closing_ = false;
    bool is_pinged_ = false;  ///< And there was no answer yet.
    bool is_ended_ = false;   ///< Close it, politely.
    bool is_broken_ = false;  ///< Nothing can be sent any more.
    bool has_news_ = false;
};

}  // namespace

bool is_websocket_upgrade(const Request& request) {
    return request.method == "GET" && has_token(request.header("connection"), "upgrade") &&
           has_token(request.header("upgrade"), "websocket");
}

std::optional<Response> refuse_upgrade(const Request& request) {
    if (request.header("sec-websocket-version") != "13") {
        Response response = problem(426, "upgrade-required", "a WebSocket is of version 13 here");
        response.add_header("Sec-WebSocket-Version", "13");
        return response;
    }
    if (request.header("sec-websocket-key").size() != 24)
        return problem(400, "malformed-request", "Sec-WebSocket-Key is 16 bytes in base64");
    return std::nullopt;
}

awaitable<void> serve_websocket(beast::tcp_stream stream, const RequestHead& head,
                                std::unique_ptr<SocketSession> session, ConnectionContext& context,
                                access::Principal principal) {
    const auto connection = std::make_shared<SocketConnection<beast::tcp_stream>>(std::move(stream), std::move(session),
                                                                                  context, std::move(principal));
    co_await connection->run(head);
}

awaitable<void> serve_websocket(beast::ssl_stream<beast::tcp_stream> stream, const RequestHead& head,
                                std::unique_ptr<SocketSession> session, ConnectionContext& context,
                                access::Principal principal) {
    const auto connection = std::make_shared<SocketConnection<beast::ssl_stream<beast::tcp_stream>>>(
        std::move(stream), std::move(session), context, std::move(principal));
    co_await connection->run(head);
}

}  // namespace chronos::server
