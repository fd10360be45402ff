#include "mcp/executor.h"

#include <chrono>
#include <utility>

namespace chronos::mcp {

bool Executor::run(std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || queue_.size() >= limits_.queue_max) return false;
        queue_.push_back(std::move(work));
        const bool is_one_free = busy_ + queue_.size() <= threads_.size();
        if (!is_one_free && threads_.size() < limits_.threads_max) threads_.emplace_back([this] { this->work(); });
    }
    // Without the lock, which the thread that wakes takes at once.
    work_came_.notify_one();
    return true;
}

void Executor::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        work_came_.wait(lock, [this] { return is_stopped_ || !queue_.empty(); });
        if (queue_.empty()) return;
        const std::function<void()> next = std::move(queue_.front());
        queue_.pop_front();
        ++busy_;
        lock.unlock();
        next();
        lock.lock();
        --busy_;
        if (busy_ == 0 && queue_.empty()) idle_.notify_all();
    }
}

bool Executor::wait_until_idle(std::int64_t ms) {
    std::unique_lock lock(mutex_);
    return idle_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return busy_ == 0 && queue_.empty(); });
}

void Executor::stop() {
    std::vector<std::thread> threads;
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
        threads.swap(threads_);
    }
    work_came_.notify_all();
    for (std::thread& thread : threads) thread.join();
}

}  // namespace chronos::mcp
