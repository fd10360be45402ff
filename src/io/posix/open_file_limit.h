// How many files a process may have open: a store has one or two for each segment and each index file.
//
// Threads: call before there are any.
#pragma once

#include <cstddef>

namespace chronos::io {

/// Raises the limit to what the system allows this process. Best effort.
void raise_open_file_limit();

/// How many this process may have open now.
std::size_t open_file_limit();

}  // namespace chronos::io
