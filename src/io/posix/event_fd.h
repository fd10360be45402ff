// A descriptor that becomes readable when it is signalled: lets a poll loop wait for the store.
//
// Threads: `signal` and `clear` from any thread.
#pragma once

#include <memory>

#include "chronos/result.h"
#include "io/posix/unique_fd.h"

namespace chronos::io {

class EventFd {
public:
    static Result<std::unique_ptr<EventFd>> create();

    [[nodiscard]] int fd() const { return fd_.get(); }
    /// Makes the descriptor readable.
    void signal();
    /// Makes it unreadable until the next signal.
    void clear();

private:
    explicit EventFd(UniqueFd fd) : fd_(std::move(fd)) {}
    const UniqueFd fd_;
};

}  // namespace chronos::io
