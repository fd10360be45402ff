#include "io/posix/posix_environment.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "io/posix/posix_clock.h"

namespace chronos::io {

// Made with `new` and never deleted, so that threads may use them while the process exits.

PosixFileSystem& posix_file_system() {
    static auto& files = *new PosixFileSystem();
    return files;
}

Environment posix_environment() {
    static auto& clock = *new PosixClock();
    static auto& random = *new PosixRandom();
    return {.files = posix_file_system(), .clock = clock, .random = random};
}

std::uint64_t system_memory_bytes() {
    const std::uint64_t machine =
        static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
    std::ifstream limit("/sys/fs/cgroup/memory.max");
    std::uint64_t bytes = 0;  // "max" when there is none
    return limit >> bytes && bytes > 0 ? std::min(machine, bytes) : machine;
}

}  // namespace chronos::io
