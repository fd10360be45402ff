#include "server/http/listener.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "server/http/connection.h"
#include "server/log.h"

namespace chronos::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

Result<std::shared_ptr<asio::ssl::context>> read_certificate(const ListenOptions& options) {
    auto tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    boost::system::error_code error;
    tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                         asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_sslv3,
                     error);
    tls->use_certificate_chain_file(options.tls_certificate_file, error);
    if (error)
        return base::fail(ErrorCode::kInvalidArgument,
                          "TLS certificate " + options.tls_certificate_file + ": " + error.message());
    tls->use_private_key_file(options.tls_key_file, asio::ssl::context::pem, error);
    if (error)
        return base::fail(ErrorCode::kInvalidArgument, "TLS key " + options.tls_key_file + ": " + error.message());
    return tls;
}

Result<asio::ip::address> address_of(const ListenOptions& options) {
    boost::system::error_code error;
    const asio::ip::address address = asio::ip::make_address(options.address, error);
    if (error)
        return base::fail(ErrorCode::kInvalidArgument,
                          "'" + options.address + "' is no IP address; 127.0.0.1 is this machine alone");
    return address;
}

}  // namespace

struct Listener::Impl {
    Impl(ListenOptions listen, const Gate& gate, Services& shared)
        : options(std::move(listen)),
          services(shared),
          workers(options.worker_threads),
          context{.gate = gate, .services = shared, .workers = workers} {
        for (unsigned i = 0; i < options.io_threads; ++i) {
            contexts.push_back(std::make_unique<asio::io_context>(1));
            guards.push_back(asio::make_work_guard(*contexts.back()));
        }
    }

    /// Accepts for ever, each connection on the next thread.
    asio::awaitable<void> accept_loop() {
        std::size_t next = 0;
        for (;;) {
            asio::io_context& chosen = *contexts[next++ % contexts.size()];
            auto [error, socket] = co_await acceptor->async_accept(chosen, asio::as_tuple(asio::use_awaitable));
            if (error == asio::error::operation_aborted || !acceptor->is_open()) co_return;
            if (error) {
                // As when there are no descriptors left: what is open may end soon.
                log(LogLevel::kWarning, "accepting a connection: " + error.message());
                asio::steady_timer pause(*contexts.front(), std::chrono::milliseconds(50));
                (void)co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
                continue;
            }
            asio::co_spawn(chosen, serve_connection(std::move(socket), context, certificate()),
                           [](const std::exception_ptr& thrown) { report(thrown); });
        }
    }

    static void report(const std::exception_ptr& thrown) {
        if (!thrown) return;
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& error) {
            log(LogLevel::kError, std::string("a connection ended: ") + error.what());
        }
    }

    std::shared_ptr<asio::ssl::context> certificate() {
        const std::lock_guard lock(tls_mutex);
        return tls;
    }

    ListenOptions options;
    Services& services;
    asio::thread_pool workers;
    ConnectionContext context;
    // Behind what connections use: those that are left end with these.
    std::vector<std::unique_ptr<asio::io_context>> contexts;
    std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards;
    std::optional<tcp::acceptor> acceptor;
    std::vector<std::thread> threads;
    std::mutex tls_mutex;
    std::shared_ptr<asio::ssl::context> tls;  // guarded by tls_mutex
    bool is_stopped = false;
};

Listener::Listener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Listener::~Listener() { stop(); }

Status Listener::check(const ListenOptions& options) {
    ASSIGN_OR_RETURN([[maybe_unused]] const auto address, address_of(options));
    if (options.tls_certificate_file.empty()) return {};
    ASSIGN_OR_RETURN([[maybe_unused]] const auto tls, read_certificate(options));
    return {};
}

Result<std::unique_ptr<Listener>> Listener::start(const ListenOptions& options, const Gate& gate, Services& services) {
    auto impl = std::make_unique<Impl>(options, gate, services);
    if (!options.tls_certificate_file.empty()) {
        ASSIGN_OR_RETURN(impl->tls, read_certificate(options));
    }
    boost::system::error_code error;
    ASSIGN_OR_RETURN(const asio::ip::address address, address_of(options));
    const tcp::endpoint endpoint(address, options.port);
    const std::string where = options.address + " port " + std::to_string(options.port);
    impl->acceptor.emplace(*impl->contexts.front());
    impl->acceptor->open(endpoint.protocol(), error);
    if (!error) impl->acceptor->set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) impl->acceptor->bind(endpoint, error);
    if (!error) impl->acceptor->listen(1'024, error);
    if (error == asio::error::address_in_use)
        return base::fail(ErrorCode::kAlreadyExists,
                          where + " is in use; end what listens there, or choose another with --port");
    if (error) return base::fail(ErrorCode::kIo, "listening on " + where + ": " + error.message());
    asio::co_spawn(*impl->contexts.front(), impl->accept_loop(), asio::detached);
    for (auto& context : impl->contexts) impl->threads.emplace_back([&context] { context->run(); });
    return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

std::uint16_t Listener::port() const {
    boost::system::error_code error;
    return impl_->acceptor->local_endpoint(error).port();
}

Status Listener::reload_certificate() {
    if (impl_->options.tls_certificate_file.empty()) return {};
    ASSIGN_OR_RETURN(auto tls, read_certificate(impl_->options));
    const std::lock_guard lock(impl_->tls_mutex);
    impl_->tls = std::move(tls);
    return {};
}

void Listener::stop() {
    if (impl_->is_stopped) return;
    impl_->is_stopped = true;
    impl_->services.is_draining.store(true);
    asio::post(*impl_->contexts.front(), [this] {
        boost::system::error_code ignored;
        impl_->acceptor->close(ignored);
    });
    {
        const std::lock_guard lock(impl_->context.mutex);
        for (const auto& [connection, end_if_idle] : impl_->context.open) end_if_idle();
    }
    const auto until = std::chrono::milliseconds(impl_->services.limits.drain_timeout_ms);
    const std::int64_t started = impl_->services.world.clock.monotonic_ns();
    while (impl_->services.metrics.connections.load() > 0 &&
           impl_->services.world.clock.monotonic_ns() - started < std::chrono::nanoseconds(until).count())
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    for (auto& context : impl_->contexts) context->stop();
    for (std::thread& thread : impl_->threads) thread.join();
    // No connection goes on from here, so nothing new begins; what was begun for one must end before the connection
    // does.
    impl_->workers.join();
    while (impl_->services.append_bytes_in_flight.load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace chronos::server
