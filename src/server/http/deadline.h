// How long a connection may wait for what it waits for, one wait after the other.
//
// Requests come far more often than they time out, and setting a timer is a system call: the timer that is set stays
// when a wait ends, and looks at its expiry whether the wait that is under way then may go on.
//
//     Deadline deadline(executor, [this] { cancel(); });
//     deadline.begin(75'000);  …wait…  deadline.end();
//     if (deadline.has_expired()) …
//
// Threads: the one of the executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace chronos::server {

class Deadline {
public:
    /// `on_expiry` is called when a wait lasts too long, and again and again until it ends: what is cancelled may just
    /// have gone on to its next step. It is not called after the end of this object.
    Deadline(const boost::asio::any_io_executor& executor, std::function<void()> on_expiry)
        : state_(std::make_shared<State>(executor, std::move(on_expiry))) {}
    ~Deadline() {
        state_->on_expiry = nullptr;
        state_->timer.cancel();
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    void begin(std::uint32_t ms) {
        state_->has_expired = false;
        state_->is_waiting = true;
        state_->until = Clock::now() + std::chrono::milliseconds(ms);
        if (!state_->is_set || state_->timer.expiry() > state_->until) set(state_);
    }
    void end() { state_->is_waiting = false; }
    /// Whether the last wait lasted too long.
    [[nodiscard]] bool has_expired() const { return state_->has_expired; }

private:
    using Clock = std::chrono::steady_clock;
    static constexpr auto kAgainPeriod = std::chrono::milliseconds(100);
    struct State {
        State(const boost::asio::any_io_executor& executor, std::function<void()> expired)
            : timer(executor), on_expiry(std::move(expired)) {}

        boost::asio::steady_timer timer;
        std::function<void()> on_expiry;
        Clock::time_point until;
        bool is_waiting = false;
        bool has_expired = false;
        bool is_set = false;
        std::uint64_t setting = 0;  ///< Each cancels the one before, whose call may be on its way all the same.
    };

    static void set(const std::shared_ptr<State>& state) {
        state->is_set = true;
        state->timer.expires_at(state->until);
        state->timer.async_wait([state, setting = ++state->setting](const boost::system::error_code& error) {
            if (error || setting != state->setting) return;
            state->is_set = false;
            if (!state->is_waiting || !state->on_expiry) return;
            if (Clock::now() < state->until) return set(state);
            state->has_expired = true;
            state->until = Clock::now() + kAgainPeriod;
            set(state);
            state->on_expiry();
        });
    }

    std::shared_ptr<State> state_;
};

}  // namespace chronos::server
