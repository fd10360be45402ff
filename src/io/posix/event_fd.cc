#include "io/posix/event_fd.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/result.h"

namespace chronos::io {

Result<std::unique_ptr<EventFd>> EventFd::create() {
    UniqueFd fd = above_standard(UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
    if (!fd.is_open()) return base::fail(ErrorCode::kIo, "eventfd: too many open descriptors, or none to be had");
    return std::unique_ptr<EventFd>(new EventFd(std::move(fd)));
}

void EventFd::signal() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof(one));  // A full counter is readable already.
}

void EventFd::clear() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(fd_.get(), &count, sizeof(count));
}

}  // namespace chronos::io
