#include "io/posix/posix_clock.h"

#include <sys/random.h>

#include <ctime>

#include "base/assert.h"
#include "io/posix/posix_error.h"

namespace chronos::io {

namespace {

std::int64_t now_ns(clockid_t clock) {
    timespec now = {};
    ASSERT(::clock_gettime(clock, &now) == 0);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + std::int64_t{now.tv_nsec};
}

}  // namespace

std::int64_t PosixClock::wall_ns() { return now_ns(CLOCK_REALTIME); }

std::int64_t PosixClock::monotonic_ns() { return now_ns(CLOCK_BOOTTIME); }

void PosixRandom::fill(std::span<std::byte> out) {
    while (!out.empty()) {
        const ssize_t count = retry_interrupted([&] { return ::getrandom(out.data(), out.size(), 0); });
        ASSERT(count > 0);
        out = out.subspan(static_cast<std::size_t>(count));
    }
}

}  // namespace chronos::io
