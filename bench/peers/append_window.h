// Batches of one client on their way to the disk, at most so many at once.
//
// Threads: wait_for_room and wait_for_all by the client; completions on any.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "chronos/append.h"
#include "peers/failure.h"

namespace chronos::bench {

class AppendWindow {
public:
    explicit AppendWindow(unsigned in_flight_max) : in_flight_max_(in_flight_max) {}

    /// Waits until another batch may be handed over, and counts it.
    void wait_for_room() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return in_flight_ < in_flight_max_; });
        fail_if_broken();
        ++in_flight_;
    }

    std::function<void(Result<AppendResult>)> completion(std::function<void()> on_success = {}) {
        return [this, on_success = std::move(on_success)](const Result<AppendResult>& result) {
            if (result.ok() && on_success) on_success();
            const std::scoped_lock lock(mutex_);
            if (!result.ok() && !error_) error_ = result.error().message;
            --in_flight_;
            changed_.notify_one();  // under the lock: the window may be gone once it is released
        };
    }

    /// The batch was refused, so no answer will come.
    void give_back_room() {
        const std::scoped_lock lock(mutex_);
        --in_flight_;
    }

    void wait_for_all() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return in_flight_ == 0; });
        fail_if_broken();
    }

private:
    void fail_if_broken() const {
        if (error_) throw Failure(*error_);
    }

    const unsigned in_flight_max_;
    std::mutex mutex_;
    std::condition_variable changed_;
    unsigned in_flight_ = 0;            // guarded by mutex_
    std::optional<std::string> error_;  // guarded by mutex_
};

}  // namespace chronos::bench
