#include "io/posix/posix_stream.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/result.h"
#include "io/posix/posix_error.h"

namespace chronos::io {

Result<Stream> open_stream(const std::string& path) {
    Stream stream{
        .fd = above_standard(UniqueFd(retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); })))};
    if (!stream.fd.is_open()) return posix_error("open", path, errno);
    struct stat status = {};
    if (::fstat(stream.fd.get(), &status) < 0) return posix_error("fstat", path, errno);
    if (S_ISDIR(status.st_mode)) return posix_error("open", path, EISDIR);
    if (S_ISREG(status.st_mode)) stream.size = static_cast<std::uint64_t>(status.st_size);
    return stream;
}

Status check_stream(const std::string& path) {
    struct stat status = {};
    if (::stat(path.c_str(), &status) < 0) return posix_error("open", path, errno);
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
        Result<Stream> stream = open_stream(path);
        return stream.ok() ? Status() : Status(std::move(stream).error());
    }
    return ::access(path.c_str(), R_OK) == 0 ? Status() : posix_error("open", path, errno);
}

}  // namespace chronos::io
