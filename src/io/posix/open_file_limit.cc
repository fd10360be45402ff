#include "io/posix/open_file_limit.h"

#include <sys/resource.h>

#include <cstddef>

namespace chronos::io {

void raise_open_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

std::size_t open_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1'024;
    return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace chronos::io
