// Turns errno into the errors that `io/file_system.h` promises.
//
// Threads: free functions, from any thread.
#pragma once

#include <cerrno>
#include <string_view>

#include "chronos/result.h"

namespace chronos::io {

/// Makes "<call> <path>: <text of error_number>" with the code that callers act on.
Error posix_error(std::string_view call, std::string_view path, int error_number);

/// Repeats a system call for as long as a signal interrupts it.
template <typename Call>
auto retry_interrupted(Call call) {
    auto answer = call();
    while (answer < 0 && errno == EINTR) answer = call();
    return answer;
}

}  // namespace chronos::io
