#include "app/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <system_error>

#include "base/result.h"

namespace chronos::app {
namespace {

constexpr std::size_t kBufferedMax = std::size_t{64} << 10;

/// Writes all of `text`; answers errno, or 0.
int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return 0;
}

}  // namespace

void Output::write(std::string_view text) {
    if (broken()) return;
    buffer_ += text;
    if (buffer_.size() >= kBufferedMax) (void)flush();
}

void Output::line(std::string_view text) {
    write(text);
    write("\n");
}

Status Output::flush() {
    if (!broken()) error_number_ = write_all(STDOUT_FILENO, buffer_);
    buffer_.clear();
    if (!broken()) return {};
    const bool no_space = error_number_ == ENOSPC || error_number_ == EDQUOT || error_number_ == EFBIG;
    return base::fail(no_space ? ErrorCode::kNoSpace : ErrorCode::kIo,
                      "cannot write to standard output: " + std::generic_category().message(error_number_));
}

bool Output::reader_left() const { return error_number_ == EPIPE; }

void write_to_stderr(std::string_view text) { (void)write_all(STDERR_FILENO, text); }

std::string Style::wrapped(std::string_view code, std::string_view text) const {
    if (!enabled) return std::string(text);
    return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

}  // namespace chronos::app
