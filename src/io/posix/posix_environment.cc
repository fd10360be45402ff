#include "io/posix/posix_environment.h"

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

}  // namespace chronos::io
