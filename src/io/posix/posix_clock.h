// The operating system's time and randomness.
//
// Threads: all calls from any thread.
#pragma once

#include "io/clock.h"

namespace chronos::io {

class PosixClock final : public Clock {
public:
    std::int64_t wall_ns() override;
    std::int64_t monotonic_ns() override;
};

/// The kernel's generator (getrandom); stops the process if the kernel has none.
class PosixRandom final : public Random {
public:
    void fill(std::span<std::byte> out) override;
};

}  // namespace chronos::io
