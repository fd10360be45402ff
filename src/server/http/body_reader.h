// The body of one request, taken piece by piece as it comes.
//
// Threads: the I/O thread of the connection.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "server/http/client_socket.h"
#include "server/http/limits.h"
#include "server/http/message.h"
#include "server/http/problem.h"

namespace chronos::server {

using RequestParser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;

/// Most of what one read asks for.
inline constexpr std::size_t kBodyReadBytes = 64 << 10;

template <typename Stream>
class BodyReader {
public:
    /// `parser` has taken the head.
    BodyReader(ClientSocket<Stream>& socket, RequestParser& parser, const HttpLimits& limits)
        : socket_(socket), parser_(parser), limits_(limits), started_(Clock::now()) {}
    BodyReader(const BodyReader&) = delete;
    BodyReader& operator=(const BodyReader&) = delete;

    [[nodiscard]] bool is_complete() const { return parser_.is_done(); }
    /// As the head says; nothing: in chunks, which end when they end.
    [[nodiscard]] std::optional<std::uint64_t> announced() const {
        const auto length = parser_.content_length();
        return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
    }

    [[nodiscard]] bool is_expectation_met() const {
        return expectation().empty() || boost::beast::iequals(expectation(), "100-continue");
    }
    /// Whether the client holds the body back until it is told to go on.
    [[nodiscard]] bool is_held_back() const {
        return !expectation().empty() && !parser_.is_done() && socket_.held().empty();
    }
    /// Tells it to. False: it is gone.
    boost::asio::awaitable<bool> ask_for_it() {
        if (!is_held_back()) co_return true;
        co_return co_await socket_.send("HTTP/1.1 100 Continue\r\n\r\n", "", limits_.body_timeout_ms);
    }

    /// Takes the next piece into `out`, as much as is there. False: it failed and what follows on the connection cannot
    /// be read; `refusal` says why, unless the client is gone.
    boost::asio::awaitable<bool> next(std::string& out, std::size_t piece_max, std::optional<Response>& refusal) {
        out.resize(piece_max);
        std::size_t filled = 0;
        while (!parser_.is_done() && filled < piece_max) {
            boost::beast::error_code error;
            const Step step = parse(out, filled, error);
            if (error) {
                refusal = problem(400, "malformed-request", "the request's body is not framed as HTTP/1.1 says");
                co_return false;
            }
            if (step == Step::kWentOn) continue;
            if (filled > 0) break;  // what there is, rather than waiting
            // Nothing of what is held can be used alone: no more than the head of a chunk.
            if (socket_.held().size() > limits_.header_bytes_max) {
                refusal = problem(400, "malformed-request", "the head of a chunk is larger than 32 KiB");
                co_return false;
            }
            const std::uint64_t before = socket_.received();
            bool more_came = false;
            if (!is_too_slow()) more_came = co_await socket_.read_more(limits_.body_timeout_ms, kBodyReadBytes);
            received_ += socket_.received() - before;
            if (more_came) continue;
            is_late_ = socket_.is_late() || is_too_slow();
            if (is_late_) refusal = problem(408, "request-timeout", "the request's body did not come in time");
            co_return false;
        }
        out.resize(filled);
        co_return true;
    }
    /// It did not come in time.
    [[nodiscard]] bool is_late() const { return is_late_; }

private:
    using Clock = std::chrono::steady_clock;
    enum class Step : std::uint8_t { kWentOn, kNeedsMore };
    /// Slower than this on the whole is refused, besides what one pause may last.
    static constexpr std::size_t kBytesPerSecondMin = 1'024;

    /// HTTP/1.0 has no expectations.
    [[nodiscard]] boost::beast::string_view expectation() const {
        if (parser_.get().version() == 10) return {};
        return parser_.get()[boost::beast::http::field::expect];
    }

    /// Makes what it can of what is held.
    Step parse(std::string& out, std::size_t& filled, boost::beast::error_code& error) {
        auto& body = parser_.get().body();
        const std::size_t room = out.size() - filled;
        body.data = out.data() + filled;
        body.size = room;
        body.more = true;
        const std::string_view held = socket_.held();
        const std::size_t used = held.empty() ? 0 : parser_.put(boost::asio::buffer(held), error);
        const std::size_t made = room - body.size;
        socket_.use(used);
        filled += made;
        namespace http = boost::beast::http;
        if (error == http::error::need_buffer || error == http::error::need_more) error = {};
        return used > 0 || made > 0 || parser_.is_done() ? Step::kWentOn : Step::kNeedsMore;
    }

    /// A body that comes in drops keeps a place from others.
    [[nodiscard]] bool is_too_slow() const {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_).count();
        return ms > static_cast<std::int64_t>(limits_.body_timeout_ms + received_ * 1'000 / kBytesPerSecondMin);
    }

    ClientSocket<Stream>& socket_;
    RequestParser& parser_;
    const HttpLimits& limits_;
    const Clock::time_point started_;
    std::uint64_t received_ = 0;
    bool is_late_ = false;
};

}  // namespace chronos::server
