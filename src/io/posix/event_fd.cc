#include "io/posix/event_fd.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/result.h"

namespace chronos::io {

Result<std::unique_ptr<EventFd>> EventFd::create() {
    const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) return base::fail(ErrorCode::kIo, "eventfd: too many open descriptors, or none to be had");
    return std::unique_ptr<EventFd>(new EventFd(fd));
}

EventFd::~EventFd() { ::close(fd_); }

void EventFd::signal() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof(one));  // A full counter is readable already.
}

void EventFd::clear() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(fd_, &count, sizeof(count));
}

}  // namespace chronos::io
