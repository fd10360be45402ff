#include "server/http/connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "base/result.h"
#include "server/http/body_reader.h"
#include "server/http/body_sender.h"
#include "server/http/client_socket.h"
#include "server/http/content_coding.h"
#include "server/http/date_text.h"
#include "server/http/head_check.h"
#include "server/http/held_bytes.h"
#include "server/http/min_position.h"
#include "server/http/places.h"
#include "server/http/problem.h"
#include "server/http/trace.h"
#include "server/http/websocket.h"
#include "server/http/work.h"
#include "server/key_ring.h"
#include "server/log.h"

namespace chronos::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::ip::tcp;

/// What is made room for while no body is awaited: most requests are smaller.
constexpr std::size_t kHeadReadBytes = 8 << 10;
constexpr std::size_t kUploadPieceBytes = 256 << 10;
/// What is left of a body that is refused is read up to here, so that the client sees the answer.
constexpr std::size_t kDiscardBytesMax = 256 << 10;
/// Room that is made for a body because it was announced.
constexpr std::size_t kReserveBytesMax = 256 << 10;
/// Answers up to here are given whatever others hold: the socket takes about as much at once.
constexpr std::size_t kSmallAnswerBytes = 64 << 10;

using Clock = std::chrono::steady_clock;

/// A larger append is made out of its body on a worker thread.
constexpr std::size_t kLargeBodyBytes = 128 << 10;

template <typename Stream>
class Connection {
public:
    Connection(Stream stream, ConnectionContext& context, std::string peer)
        : socket_(std::move(stream), context.services.metrics),
          context_(context),
          services_(context.services),
          peer_(std::move(peer)) {}

    ~Connection() {
        const std::lock_guard lock(context_.mutex);
        context_.open.erase(this);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    awaitable<void> run() {
        enlist();
        is_idle_ = true;
        bool goes_on = !services_.is_draining.load();
        if (goes_on) goes_on = co_await socket_.shake_hands(services_.limits.header_timeout_ms);
        while (goes_on) goes_on = co_await serve_one();
        if (!is_handed_over_) co_await socket_.close();
    }

private:
    using Body = BodyReader<Stream>;

    /// Lets the server end the connection while it waits for a request, or for the rest of one's head.
    void enlist() {
        const std::lock_guard lock(context_.mutex);
        context_.open[this] = [executor = socket_.stream().get_executor(), weak = std::weak_ptr<Connection*>(self_)] {
            asio::post(executor, [weak] {
                // Connections end on this thread, so one that is there now stays there.
                if (const auto self = weak.lock(); self && (*self)->is_idle_) (*self)->socket_.cancel();
            });
        };
    }

    /// Reads more of what a stop need not wait for. False: it is not to come.
    awaitable<bool> read_idly(std::int64_t timeout_ms, std::size_t bytes_max) {
        // Looked at on the thread that a stop is told on, so either of them sees the other.
        if (services_.is_draining.load() || timeout_ms <= 0) co_return false;
        is_idle_ = true;
        const bool came = co_await socket_.read_more(static_cast<std::uint32_t>(timeout_ms), bytes_max);
        is_idle_ = false;
        co_return came;
    }

    /// Waits for the next request's first byte. False: there will be none.
    awaitable<bool> wait_for_request() {
        for (bool may_skip = true;;) {
            // Some clients end a body with one line too many.
            if (may_skip && socket_.held().starts_with("\r\n")) {
                socket_.use(2);
                may_skip = false;
            }
            const bool is_half_a_line = may_skip && socket_.held() == "\r";
            if (!socket_.held().empty() && !is_half_a_line) co_return !services_.is_draining.load();
            // A client that connects has something to say.
            const bool came = co_await read_idly(
                is_new_ ? services_.limits.header_timeout_ms : services_.limits.idle_timeout_ms, kHeadReadBytes);
            is_new_ = false;
            if (!came) co_return false;
        }
    }

    /// Reads a request and answers it. False: the connection is to be closed.
    awaitable<bool> serve_one() {
        const bool came = co_await wait_for_request();
        if (!came) co_return false;
        started_ = Clock::now();
        request_ = Request();
        is_head_ = is_http10_ = is_append_ = false;
        // The head as a whole first: what it must not have is looked for before anything is made of it.
        HeadCheck check(services_.limits);
        HeadCheck::Verdict verdict = check.look(socket_.held());
        while (verdict == HeadCheck::Verdict::kIncomplete) {
            const std::int64_t left = services_.limits.header_timeout_ms - elapsed_ms();
            const bool more_came = co_await read_idly(left, kHeadReadBytes);
            if (!more_came) {
                if (left <= 0 || socket_.is_late())
                    co_await refuse(problem(408, "request-timeout", "the request's head did not come in time"));
                co_return false;
            }
            verdict = check.look(socket_.held());
        }
        if (verdict == HeadCheck::Verdict::kRefused) {
            co_await refuse(problem(check.status(), check.name(), check.detail()));
            co_return false;
        }
        RequestParser parser;
        parser.header_limit(static_cast<std::uint32_t>(services_.limits.header_bytes_max + 1'024));
        parser.body_limit(boost::none);
        beast::error_code error;
        socket_.use(parser.put(asio::buffer(socket_.held().data(), check.size()), error));
        if (error || !parser.is_header_done()) {
            co_await refuse(problem(400, "malformed-request", "the request's head is not HTTP/1.1"));
            co_return false;
        }
        if (!take_head(parser)) {
            co_await refuse(problem(400, "malformed-request", "an HTTP/1.1 request names its host exactly once"));
            co_return false;
        }
        keeps_alive_ = parser.keep_alive();
        if (is_http10_ && request_.has_header("transfer-encoding")) {
            co_await refuse(problem(400, "malformed-request", "HTTP/1.0 has no Transfer-Encoding"));
            co_return false;
        }
        Body body(socket_, parser, services_.limits);
        co_return co_await answer(parser, body);
    }

    [[nodiscard]] std::int64_t elapsed_ms() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_).count();
    }

    bool take_head(const RequestParser& parser) {
        const auto& message = parser.get();
        request_ = Request();
        request_.method = std::string(message.method_string());
        const std::string_view target(message.target().data(), message.target().size());
        const std::size_t question = std::min(target.find('?'), target.size());
        request_.path = target.substr(0, question);
        request_.query = target.substr(std::min(question + 1, target.size()));
        request_.peer = peer_;
        std::size_t hosts = 0;
        for (const auto& field : message) {
            std::string name(field.name_string());
            for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
            if (name == "host") ++hosts;
            request_.headers.push_back({.name = std::move(name), .value = std::string(field.value())});
        }
        request_.trace_id = trace_id_of(request_.header("traceparent"));
        is_head_ = request_.method == "HEAD";
        is_http10_ = message.version() == 10;
        return hosts == 1 || (hosts == 0 && message.version() == 10);
    }

    awaitable<bool> answer(const RequestParser& parser, Body& body) {
        route_name_ = "none";
        Gate::Decision decision = context_.gate.decide(request_);
        is_append_ = decision.pass.route != nullptr && decision.pass.route->appends_to_branch;
        if (decision.refusal) {
            if (decision.pass.route != nullptr) route_name_ = decision.pass.route->pattern;
            co_return co_await refuse_request(body, std::move(*decision.refusal));
        }
        Gate::Pass& pass = decision.pass;
        const Route& route = *pass.route;
        route_name_ = route.pattern;
        if (pass.query) request_.query = std::move(*pass.query);
        Call call{.request = request_,
                  .id = std::move(pass.id),
                  .principal = pass.principal,
                  .store = *pass.store,
                  .services = services_};
        if (!body.is_expectation_met())
            co_return co_await refuse_request(
                body, problem(417, "expectation-failed", "only Expect: 100-continue is understood"));
        if (route.upload) co_return co_await take_upload(body, route, call);
        if (route.socket && is_websocket_upgrade(request_)) co_return co_await upgrade(parser, body, route, call);
        if (body.announced().value_or(0) > route.body_max)
            co_return co_await refuse_request(body, too_large(route.body_max));
        if (!co_await body.ask_for_it()) co_return false;
        std::optional<Response> refusal;
        HeldBytes held_bytes(services_.body_bytes_held, services_.limits.body_bytes_in_flight_max);
        const bool was_read = co_await read_body(body, route.body_max, held_bytes, refusal);
        if (!was_read) {
            if (refusal) co_return co_await refuse_request(body, std::move(*refusal));
            co_return false;
        }
        if (Status decoded = decode_body(request_, route.body_max, services_.limits.inflation_max); !decoded.ok()) {
            const bool is_size = decoded.error().code == ErrorCode::kLimitExceeded;
            const bool is_unknown = decoded.error().code == ErrorCode::kUnsupported;
            co_return co_await write(problem(is_size      ? 413
                                             : is_unknown ? 415
                                                          : 400,
                                             is_size      ? "content-too-large"
                                             : is_unknown ? "unsupported-content-coding"
                                                          : "malformed-body",
                                             decoded.error().message));
        }
        if (request_.has_header("content-encoding") && !held_bytes.add(request_.body.size()))
            co_return co_await write(overloaded());
        std::optional<Response> too_early =
            co_await wait_for_position(route, call.store, services_, request_, socket_.stream().get_executor());
        if (too_early) co_return co_await write(std::move(*too_early));
        co_return co_await write(co_await handle(route, call), &pass.principal);
    }

    awaitable<Response> handle(const Route& route, Call& call) {
        if (route.here) co_return guarded(route.here, call);
        if (route.worker && route.is_brief != nullptr && route.is_brief(call)) co_return guarded(route.worker, call);
        if (route.later && request_.body.size() <= kLargeBodyBytes) co_return co_await answer_later(route.later, call);
        if (context_.worker_queue.load(std::memory_order_relaxed) >= services_.limits.worker_queue_max)
            co_return overloaded();
        context_.worker_queue.fetch_add(1, std::memory_order_relaxed);
        Response response;
        const AsyncHandler on_worker_thread = route.later ? on_workers(route.later) : AsyncHandler();
        if (on_worker_thread)
            response = co_await answer_later(on_worker_thread, call);
        else
            response = co_await on_worker(context_.workers, [&] { return guarded(route.worker, call); });
        context_.worker_queue.fetch_sub(1, std::memory_order_relaxed);
        co_return response;
    }

    /// The same, begun on a worker thread.
    AsyncHandler on_workers(const AsyncHandler& handler) {
        return [this, &handler](Call& call, std::function<void(Response)> done) {
            asio::post(context_.workers, [&handler, &call, done = std::move(done)] {
                try {
                    handler(call, done);
                } catch (const std::exception& thrown) {
                    log(LogLevel::kError, std::string("a request failed: ") + thrown.what());
                    done(problem(500, "internal-error", "the server failed at this request; its log says more"));
                }
            });
        };
    }

    Response overloaded() {
        services_.metrics.requests_refused.fetch_add(1, std::memory_order_relaxed);
        Response response =
            problem(503, "overloaded", "there is more to do than the server can; try again in a moment");
        response.add_header("Retry-After", "1");
        return response;
    }

    static Response too_large(std::size_t max) {
        if (max == 0) return problem(400, "invalid-argument", "this takes no body; leave it out");
        return problem(
            413, "content-too-large",
            "the body is larger than " + std::to_string(max) + " bytes; send less at once, or use /api/v1/events/bulk");
    }

    awaitable<bool> read_body(Body& body, std::size_t max, HeldBytes& held_bytes, std::optional<Response>& refusal) {
        std::string piece;
        std::size_t piece_max = kBodyReadBytes;
        if (const auto announced = body.announced()) {
            request_.body.reserve(std::min<std::size_t>({*announced, max, kReserveBytesMax}));
            piece_max = std::clamp<std::size_t>(*announced, 1, kBodyReadBytes);
        }
        while (!body.is_complete()) {
            const bool was_read = co_await read_piece(body, piece, piece_max, refusal);
            if (!was_read) co_return false;
            if (request_.body.size() + piece.size() > max) {
                refusal = too_large(max);
                co_return false;
            }
            if (!held_bytes.add(piece.size())) {
                refusal = overloaded();
                co_return false;
            }
            request_.body += piece;
        }
        co_return true;
    }

    awaitable<bool> read_piece(Body& body, std::string& piece, std::size_t piece_max,
                               std::optional<Response>& refusal) {
        const bool was_read = co_await body.next(piece, piece_max, refusal);
        if (!was_read) keeps_alive_ = false;
        co_return was_read;
    }

    awaitable<bool> take_upload(Body& body, const Route& route, Call& call) {
        std::optional<UploadPlace> place(std::in_place, services_);
        if (place->is_beyond()) {
            place.reset();
            co_return co_await refuse_request(body, overloaded());
        }
        Result<std::unique_ptr<Upload>> opened = route.upload(call);
        if (!opened.ok() && opened.error().code == ErrorCode::kUnsupported)
            co_return co_await refuse_request(body, problem(415, "unsupported-content-coding", opened.error().message));
        if (!opened.ok()) co_return co_await refuse_request(body, problem_of(opened.error(), {.is_append = true}));
        if (!co_await body.ask_for_it()) co_return false;
        Upload& upload = **opened;
        std::string piece;
        std::optional<Response> refusal;
        bool wanted = true;
        bool complete = true;
        bool is_live = true;
        while (wanted && !body.is_complete()) {
            complete = co_await read_piece(body, piece, kUploadPieceBytes, refusal);
            if (!complete) break;
            // It may last as long as it likes, but not beyond its key.
            is_live = services_.keys.is_live(call.principal);
            if (!is_live) break;
            wanted = co_await on_worker(context_.workers, [&] { return upload.take(piece); });
        }
        const Upload::End end = !is_live                         ? Upload::End::kRevoked
                                : body.is_late()                 ? Upload::End::kTooSlow
                                : complete && body.is_complete() ? Upload::End::kComplete
                                                                 : Upload::End::kBrokenOff;
        Response response = co_await on_worker(context_.workers, [&] { return upload.finish(end); });
        opened->reset();
        place.reset();
        if (end != Upload::End::kComplete) keeps_alive_ = false;
        co_return co_await write(std::move(response), &call.principal);
    }

    /// Goes on as a WebSocket, which ends with the connection.
    awaitable<bool> upgrade(const RequestParser& parser, Body& body, const Route& route, Call& call) {
        std::optional<Response> refusal = refuse_upgrade(request_);
        if (!refusal && (!body.is_complete() || !socket_.held().empty()))
            refusal = problem(400, "malformed-request", "nothing may be sent before the upgrade is answered");
        if (refusal) co_return co_await refuse_request(body, std::move(*refusal));
        SocketOpening opening = co_await on_worker(context_.workers, [&] { return route.socket(call); });
        if (opening.refusal) co_return co_await write(std::move(*opening.refusal));
        log_request(101);
        is_handed_over_ = true;
        co_await serve_websocket(std::move(socket_.stream()), parser.get(), std::move(opening.session), context_,
                                 call.principal);
        co_return false;
    }

    /// Refuses before the body was read. The answer comes first; then what is left of a small body is read, so that the
    /// connection can go on.
    awaitable<bool> refuse_request(Body& body, Response response) {
        const std::optional<std::uint64_t> announced = body.announced();
        const bool is_small = body.is_complete() || (announced && *announced <= kDiscardBytesMax);
        if (!is_small || body.is_held_back()) keeps_alive_ = false;
        const bool goes_on = co_await write(std::move(response));
        if (!goes_on) co_return false;
        std::string piece;
        std::optional<Response> ignored;
        is_idle_ = true;  // answered already
        while (!body.is_complete() && keeps_alive_ && !services_.is_draining.load())
            (void)co_await read_piece(body, piece, kBodyReadBytes, ignored);
        is_idle_ = false;
        co_return body.is_complete();
    }

    /// Refuses what is not a request.
    awaitable<void> refuse(Response response) {
        keeps_alive_ = false;
        route_name_ = "none";
        (void)co_await write(std::move(response));
    }

    /// Writes an answer. False: the connection is to be closed.
    awaitable<bool> write(Response response, const access::Principal* principal = nullptr) {
        if (services_.is_draining.load(std::memory_order_relaxed)) keeps_alive_ = false;
        if (is_http10_ && response.stream) keeps_alive_ = false;  // it ends where the connection does
        // What was refused before it was tried was not appended; a handler that failed may have got anywhere.
        if (is_append_) say_outcome(response, response.status == 500 ? Outcome::kUnknown : Outcome::kNotAppended);
        HeldBytes held(services_.answer_bytes_held, services_.limits.answer_bytes_in_flight_max);
        if (response.body.size() > kSmallAnswerBytes && !held.add(response.body.size()) && is_read(response)) {
            response = overloaded();
            held.release();
        }
        const int status = response.status;
        std::string head = head_of(response);
        bool written = false;
        if (response.stream && !is_head_) {
            BodySender<Stream> sender(socket_.stream(), context_, principal, {.is_chunked = !is_http10_});
            written = co_await sender.send(std::move(head), *response.stream);
        } else {
            const std::string_view body = is_head_ ? std::string_view() : std::string_view(response.body);
            written = co_await socket_.send(head, body, time_to_send_ms(body.size()));
        }
        log_request(status);
        co_return written&& keeps_alive_;
    }

    /// Whether nothing was done that an answer in place of this one would hide.
    [[nodiscard]] bool is_read(const Response& response) const {
        return request_.method == "GET" || request_.method == "HEAD" || response.is_of_read;
    }

    /// For a client that takes it slowly, but not for ever.
    [[nodiscard]] std::uint32_t time_to_send_ms(std::size_t bytes) const {
        return services_.limits.body_timeout_ms + static_cast<std::uint32_t>(bytes / kAnswerBytesPerMsMin);
    }

    void log_request(int status) {
        const std::int64_t ns = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - started_).count();
        services_.metrics.count_request(route_name_, status, ns);
        log_access({.method = request_.method,
                    .path = request_.path,
                    .status = status,
                    .ns = ns,
                    .peer = peer_,
                    .trace_id = request_.trace_id});
    }

    std::string head_of(const Response& response) {
        std::string head;
        head.reserve(512);
        head += "HTTP/1.1 " + std::to_string(response.status) + " ";
        head += reason_phrase(response.status);
        head += "\r\nDate: ";
        head += date_text(services_.world.clock.wall_ns() / 1'000'000'000);
        if (!response.content_type.empty() && response.status != 204 && response.status != 304)
            head += "\r\nContent-Type: " + response.content_type;
        for (const Header& header : response.headers) {
            head += "\r\n" + header.name + ": ";
            // Whatever a value is made of, it cannot begin another header.
            for (const char c : header.value) head += static_cast<unsigned char>(c) < ' ' || c == 127 ? ' ' : c;
        }
        if (const std::string origin = context_.gate.cross_origin(request_); !origin.empty())
            head += "\r\nAccess-Control-Allow-Origin: " + origin +
                    "\r\nAccess-Control-Expose-Headers: ETag, Link, Location, Retry-After, Chronos-View, "
                    "Chronos-Duplicate, Mcp-Session-Id, traceparent";
        if (!context_.gate.options().origins.empty()) head += "\r\nVary: Origin";
        if (!request_.trace_id.empty())
            head += "\r\ntraceparent: " + traceparent_of(request_.trace_id, services_.world.random);
        head += "\r\nX-Content-Type-Options: nosniff";
        if (response.stream)
            head += is_http10_ ? "" : "\r\nTransfer-Encoding: chunked";
        else if (response.status != 204 && response.status != 304)
            head += "\r\nContent-Length: " + std::to_string(response.body.size());
        head += keeps_alive_ ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
        return head;
    }

    ClientSocket<Stream> socket_;
    std::shared_ptr<Connection*> self_ = std::make_shared<Connection*>(this);
    ConnectionContext& context_;
    Services& services_;
    std::string peer_;
    Request request_;
    std::string route_name_;
    Clock::time_point started_;
    bool keeps_alive_ = false;
    bool is_head_ = false;
    bool is_http10_ = false;
    bool is_append_ = false;
    bool is_handed_over_ = false;  ///< The stream is somebody else's now.
    bool is_idle_ = false;         ///< Waits for what a stop need not wait for.
    bool is_new_ = true;           ///< No request came yet.
};

/// To one connection more than there may be, before it has asked for anything.
std::string full_answer() {
    const Response response =
        problem(503, "too-many-connections", "there are as many connections as there may be; try again soon");
    return "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: application/problem+json\r\n"
           "Content-Length: " +
           std::to_string(response.body.size()) + "\r\nConnection: close\r\n\r\n" + response.body;
}

}  // namespace

boost::asio::awaitable<void> serve_connection(tcp::socket socket, ConnectionContext& context,
                                              std::shared_ptr<asio::ssl::context> tls) {
    beast::error_code error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) co_return;
    socket.set_option(tcp::no_delay(true), error);
    socket.non_blocking(true, error);
    const Place place(context, endpoint.address().to_string());
    if (place.is_beyond(context.services.limits, endpoint.address().is_loopback())) {
        context.services.metrics.connections_refused.fetch_add(1);
        if (!tls) {
            const std::string full = full_answer();
            (void)co_await asio::async_write(socket, asio::buffer(full), kAwait);
        }
        socket.close(error);
        co_return;
    }
    const std::string peer = endpoint.address().to_string();
    if (tls) {
        Connection<beast::ssl_stream<beast::tcp_stream>> connection(
            beast::ssl_stream<beast::tcp_stream>(beast::tcp_stream(std::move(socket)), *tls), context, peer);
        co_await connection.run();
    } else {
        Connection<beast::tcp_stream> connection(beast::tcp_stream(std::move(socket)), context, peer);
        co_await connection.run();
    }
}

}  // namespace chronos::server
