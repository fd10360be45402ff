// A descriptor that becomes readable when it is signalled: lets a poll loop wait for the store.
//
// Threads: `signal` and `clear` from any thread.
#pragma once

#include <memory>

#include "chronos/result.h"

namespace chronos::io {

class EventFd {
public:
    static Result<std::unique_ptr<EventFd>> create();
    ~EventFd();
    EventFd(const EventFd&) = delete;
    EventFd& operator=(const EventFd&) = delete;

    [[nodiscard]] int fd() const { return fd_; }
    /// Makes the descriptor readable.
    void signal();
    /// Makes it unreadable until the next signal.
    void clear();

private:
    explicit EventFd(int fd) : fd_(fd) {}
    const int fd_;
};

}  // namespace chronos::io
