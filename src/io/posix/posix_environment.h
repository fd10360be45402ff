// The operating system's files, clock and randomness in one value.
//
// Threads: all calls from any thread.
#pragma once

#include <cstdint>

#include "io/environment.h"
#include "io/posix/posix_file_system.h"

namespace chronos::io {

/// The file system inside `posix_environment()`, for choosing how it writes durably.
PosixFileSystem& posix_file_system();

/// References to objects of the whole process that are never destroyed.
Environment posix_environment();

/// Memory this process may use: the machine's, or what its control group allows.
std::uint64_t system_memory_bytes();

}  // namespace chronos::io
