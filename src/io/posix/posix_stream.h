// Reading a file of any kind once, from its start to its end: also a named pipe or a device.
//
// Threads: free functions.
#pragma once

#include <cstdint>
#include <string>

#include "chronos/result.h"
#include "io/posix/unique_fd.h"

namespace chronos::io {

struct Stream {
    UniqueFd fd;
    std::uint64_t size = 0;  ///< Of a regular file; else 0.
};

/// Waits for somebody who writes, if `path` is a named pipe. Errors: as FileSystem::open.
Result<Stream> open_stream(const std::string& path);

/// Whether `open_stream` can work, as far as can be said without taking anything from a pipe.
Status check_stream(const std::string& path);

}  // namespace chronos::io
