// Ways between I/O threads and worker threads, for coroutines of a connection.
//
// Threads: called on the connection's I/O thread; the work runs elsewhere, and the coroutine goes on where it was.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "server/http/problem.h"
#include "server/http/routes.h"
#include "server/log.h"

namespace chronos::server {

/// Operations answer with their error beside their result.
inline constexpr auto kAwait = boost::asio::as_tuple(boost::asio::use_awaitable);

/// Runs `work` on a worker thread and comes back with what it answers.
template <typename Work>
boost::asio::awaitable<std::invoke_result_t<Work>> on_worker(boost::asio::thread_pool& workers, Work work) {
    namespace asio = boost::asio;
    struct WorkResult {
        std::optional<std::invoke_result_t<Work>> value;
        std::exception_ptr thrown;  ///< As when memory ran out: ends the connection, not the server.
    };
    auto initiation = [&workers](auto handler, Work given) {
        auto executor = asio::get_associated_executor(handler);
        asio::post(workers, [handler = std::move(handler), given = std::move(given), executor]() mutable {
            auto answer = std::make_unique<WorkResult>();
            try {
                answer->value.emplace(given());
            } catch (...) {
                answer->thrown = std::current_exception();
            }
            asio::post(executor, [handler = std::move(handler), answer = std::move(answer)]() mutable {
                std::move(handler)(std::move(answer));
            });
        });
    };
    auto answer = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::unique_ptr<WorkResult>)>(
        std::move(initiation), asio::use_awaitable, std::move(work));
    if (answer->thrown) std::rethrow_exception(answer->thrown);
    co_return std::move(*answer->value);
}

/// Calls a handler that answers later, and comes back when it has.
inline boost::asio::awaitable<Response> answer_later(const AsyncHandler& handler, Call& call) {
    namespace asio = boost::asio;
    auto initiation = [&handler, &call](auto completion) {
        auto executor = asio::get_associated_executor(completion);
        auto shared = std::make_shared<decltype(completion)>(std::move(completion));
        handler(call, [shared, executor](Response response) {
            auto answer = std::make_unique<Response>(std::move(response));
            asio::post(executor,
                       [shared, answer = std::move(answer)]() mutable { std::move (*shared)(std::move(answer)); });
        });
    };
    auto answer = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::unique_ptr<Response>)>(
        std::move(initiation), asio::use_awaitable);
    co_return std::move(*answer);
}

/// The handler's answer; what it throws, as when memory runs out, is an answer too.
inline Response guarded(const Handler& handler, Call& call) {
    try {
        return handler(call);
    } catch (const std::exception& thrown) {
        log(LogLevel::kError, std::string("a request failed: ") + thrown.what());
    }
    return problem(500, "internal-error", "the server failed at this request; its log says more");
}

}  // namespace chronos::server
