// Owns one file descriptor and closes it.
//
// Threads: as an int.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace chronos::io {

class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() {
        if (fd_ >= 0) ::close(fd_);  // Linux frees the descriptor even on EINTR: never repeat.
    }

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool is_open() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

/// Moves a descriptor that took the place of a closed standard one (0 to 2) out of the way: what
/// any code prints must never end up in a file of a store. Not open, with errno, if that fails.
inline UniqueFd above_standard(UniqueFd fd) {
    constexpr int kFirst = 3;
    if (!fd.is_open() || fd.get() >= kFirst) return fd;
    return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirst));  // `fd` is closed on the way out
}

}  // namespace chronos::io
