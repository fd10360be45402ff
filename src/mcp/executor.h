// Threads that requests run on, as many as are needed and at most so many. Calls may wait, for events or for a person,
// so they must not keep the threads that everything else runs on.
//
// Threads: any.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace chronos::mcp {

class Executor {
public:
    struct Limits {
        std::size_t threads_max = 16;
        std::size_t queue_max = 256;
    };

    explicit Executor(Limits limits) : limits_(limits) {}
    ~Executor() { stop(); }
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    /// False: there is too much to do, or it was stopped.
    bool run(std::function<void()> work);
    /// Waits for what was begun and what waits. Nothing new is taken.
    void stop();
    /// Waits until there is nothing to do. False: it was not so in time.
    bool wait_until_idle(std::int64_t ms);

private:
    void work();

    const Limits limits_;
    std::mutex mutex_;
    std::condition_variable work_came_;
    std::condition_variable idle_;             ///< For who waits until nothing is left; nobody, mostly.
    std::deque<std::function<void()>> queue_;  ///< Guarded by mutex_, like the rest.
    std::vector<std::thread> threads_;
    std::size_t busy_ = 0;
    bool is_stopped_ = false;
};

}  // namespace chronos::mcp
