#include "io/posix/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "io/posix/posix_error.h"

namespace chronos::io {

namespace {

constexpr std::size_t kWriteSizeMax = std::size_t{4} << 20;

off_t offset_of(std::uint64_t offset) { return static_cast<off_t>(offset); }

bool is_aligned(std::uint64_t offset, std::span<const std::byte> bytes) {
    const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
    return (offset | bytes.size() | address) % kBlockSize == 0;
}

/// One pwrite of at most kWriteSizeMax bytes; -1 and errno as the system call.
ssize_t write_some(int fd, std::uint64_t offset, std::span<const std::byte> bytes) {
    const std::size_t size = std::min(bytes.size(), kWriteSizeMax);
    return retry_interrupted([&] { return ::pwrite(fd, bytes.data(), size, offset_of(offset)); });
}

}  // namespace

PosixFile::PosixFile(UniqueFd fd, Options options) : fd_(std::move(fd)), options_(std::move(options)) {}

Error PosixFile::error(const char* call, int error_number) const {
    return posix_error(call, options_.path, error_number);
}

Result<std::size_t> PosixFile::read_at(std::uint64_t offset, std::span<std::byte> out) {
    return read_by(fd_.get(), offset, out);
}

Result<std::size_t> PosixFile::read_disk_at(std::uint64_t offset, std::span<std::byte> out) {
    ASSERT(is_aligned(offset, out));
    const bool is_direct = options_.durable_write->load(std::memory_order_relaxed) == DurableWrite::kDirect;
    return read_by(is_direct && can_write_direct() ? direct_fd_.get() : fd_.get(), offset, out);
}

Result<std::size_t> PosixFile::read_by(int fd, std::uint64_t offset, std::span<std::byte> out) const {
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t count = retry_interrupted(
            [&] { return ::pread(fd, out.data() + done, out.size() - done, offset_of(offset + done)); });
        if (count < 0) return error("pread", errno);
        if (count == 0) break;
        done += static_cast<std::size_t>(count);
    }
    return done;
}

Status PosixFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t count = write_some(fd_.get(), offset + done, bytes.subspan(done));
        if (count < 0) return error("pwrite", errno);
        if (count == 0) return error("pwrite", EIO);  // Never seen on Linux; must not loop.
        done += static_cast<std::size_t>(count);
    }
    return {};
}

Status PosixFile::write_durable_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    ASSERT(is_aligned(offset, bytes));
    if (options_.durable_write->load(std::memory_order_relaxed) == DurableWrite::kDirect) {
        ASSIGN_OR_RETURN(const std::size_t done, write_direct(offset, bytes));
        offset += done;
        bytes = bytes.subspan(done);
    }
    if (bytes.empty()) return {};
    RETURN_IF_ERROR(write_at(offset, bytes));
    return sync();
}

Result<std::size_t> PosixFile::write_direct(std::uint64_t offset, std::span<const std::byte> bytes) {
    std::size_t done = 0;
    while (done < bytes.size() && can_write_direct()) {
        const ssize_t count = write_some(direct_fd_.get(), offset + done, bytes.subspan(done));
        if (count < 0 && errno != EINVAL && errno != EOPNOTSUPP) return error("pwrite", errno);
        if (count <= 0) {
            direct_refused_.store(true, std::memory_order_relaxed);  // A hint: no data hangs on it.
            break;
        }
        done += static_cast<std::size_t>(count);
        if (done % kBlockSize != 0) break;  // What remains is not aligned any more.
    }
    return done;
}

bool PosixFile::can_write_direct() {
    if (!options_.is_writable) return false;
    std::call_once(direct_once_, [this] {
        // By the open descriptor and not by the path, which may name another file by now.
        const std::string self = "/proc/self/fd/" + std::to_string(fd_.get());
        direct_fd_ = above_standard(
            UniqueFd(retry_interrupted([&] { return ::open(self.c_str(), O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC); })));
    });
    return direct_fd_.is_open() && !direct_refused_.load(std::memory_order_relaxed);
}

Status PosixFile::sync() {
    if (retry_interrupted([&] { return ::fdatasync(fd_.get()); }) < 0) {
        return error("fdatasync", errno);
    }
    return {};
}

Result<std::uint64_t> PosixFile::size() {
    struct stat status = {};
    if (::fstat(fd_.get(), &status) < 0) return error("fstat", errno);
    return static_cast<std::uint64_t>(status.st_size);
}

Result<std::uint64_t> PosixFile::size_on_disk() {
    constexpr std::uint64_t kStatBlockSize = 512;  // Whatever the file system's own is.
    struct stat status = {};
    if (::fstat(fd_.get(), &status) < 0) return error("fstat", errno);
    return static_cast<std::uint64_t>(status.st_blocks) * kStatBlockSize;
}

Status PosixFile::truncate(std::uint64_t size) {
    if (retry_interrupted([&] { return ::ftruncate(fd_.get(), offset_of(size)); }) < 0) {
        return error("ftruncate", errno);
    }
    return {};
}

Result<bool> PosixFile::allocate(std::uint64_t size) {
    if (retry_interrupted([&] { return ::fallocate(fd_.get(), 0, 0, offset_of(size)); }) == 0) return true;
    if (errno == EOPNOTSUPP || errno == ENOSYS) return false;
    return error("fallocate", errno);
}

}  // namespace chronos::io
