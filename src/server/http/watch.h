// Something looked at a few times a second for as long as a connection stays open: whether its key was revoked, whether
// the server stops, whether the other side still answers.
//
//     const Watch watch(executor, [this] { return look(); });     // until it is destroyed, or `look` says false
//
// Threads: one, that of the executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace chronos::server {

class Watch {
public:
    static constexpr auto kPeriod = std::chrono::milliseconds(300);

    Watch(const boost::asio::any_io_executor& executor, std::function<bool()> look)
        : state_(std::make_shared<State>(State{boost::asio::steady_timer(executor), std::move(look)})) {
        wait(state_);
    }
    ~Watch() {
        state_->look = nullptr;
        state_->timer.cancel();
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

private:
    struct State {
        boost::asio::steady_timer timer;
        std::function<bool()> look;  ///< Null when the watch is over; the timer may still come once.
    };

    static void wait(const std::shared_ptr<State>& state) {
        state->timer.expires_after(kPeriod);
        state->timer.async_wait([state](const boost::system::error_code& error) {
            if (error || !state->look) return;
            if (state->look()) wait(state);
        });
    }

    std::shared_ptr<State> state_;
};

}  // namespace chronos::server
