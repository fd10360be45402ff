#include "app/input.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include "app/decompression.h"
#include "app/interrupt.h"
#include "base/result.h"
#include "io/posix/posix_stream.h"

namespace chronos::app {
namespace {

constexpr std::size_t kChunkSize = std::size_t{256} << 10;

class DescriptorSource final : public ByteSource {
public:
    /// Does not close `fd`.
    explicit DescriptorSource(int fd) : fd_(fd) {}
    explicit DescriptorSource(io::UniqueFd owned) : owned_(std::move(owned)), fd_(owned_.get()) {}
    Result<std::size_t> read(std::span<char> out) override {
        for (;;) {
            const ssize_t size = ::read(fd_, out.data(), out.size());
            if (size >= 0) return static_cast<std::size_t>(size);
            if (errno == EINTR && interrupted_by() != 0) return std::size_t{0};
            if (errno != EINTR)
                return base::fail(ErrorCode::kIo, "cannot be read: " + std::generic_category().message(errno));
        }
    }

private:
    io::UniqueFd owned_;
    int fd_;
};

std::optional<int> descriptor_of(const std::string& path) {
    if (path == "-" || path == "/dev/stdin") return STDIN_FILENO;
    constexpr std::string_view kPrefix = "/dev/fd/";
    if (!path.starts_with(kPrefix)) return std::nullopt;
    int fd = -1;
    const auto [end, error] = std::from_chars(path.data() + kPrefix.size(), path.data() + path.size(), fd);
    if (error != std::errc() || end != path.data() + path.size()) return std::nullopt;
    return fd;
}

}  // namespace

/// The bytes as they lie in the file, counted; the first few can be looked at before they are read.
class Input::Raw final : public ByteSource {
public:
    explicit Raw(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

    Result<std::string_view> peek() {
        while (head_size_ < head_.size()) {
            ASSIGN_OR_RETURN(const std::size_t size, source_->read(std::span(head_).subspan(head_size_)));
            if (size == 0) break;
            head_size_ += size;
        }
        return std::string_view(head_.data(), head_size_);
    }

    Result<std::size_t> read(std::span<char> out) override {
        if (head_given_ < head_size_) {
            const std::size_t size = std::min(out.size(), head_size_ - head_given_);
            std::memcpy(out.data(), head_.data() + head_given_, size);
            head_given_ += size;
            count_ += size;
            return size;
        }
        ASSIGN_OR_RETURN(const std::size_t size, source_->read(out));
        count_ += size;
        return size;
    }

    [[nodiscard]] std::uint64_t count() const { return count_; }

private:
    std::unique_ptr<ByteSource> source_;
    std::array<char, 4> head_{};
    std::size_t head_size_ = 0;
    std::size_t head_given_ = 0;
    std::uint64_t count_ = 0;
};

Input::Input(std::string name, std::unique_ptr<Raw> raw, std::uint64_t raw_total)
    : name_(std::move(name)), raw_(std::move(raw)), raw_total_(raw_total) {}

Input::~Input() = default;

Status Input::check(const std::string& path) { return descriptor_of(path) ? Status() : io::check_stream(path); }

Result<std::unique_ptr<Input>> Input::open(const std::string& path) {
    std::unique_ptr<Input> input;
    if (const std::optional<int> fd = descriptor_of(path)) {
        input.reset(new Input(path == "-" ? "standard input" : path,
                              std::make_unique<Raw>(std::make_unique<DescriptorSource>(*fd)), 0));
    } else {
        ASSIGN_OR_RETURN(io::Stream stream, io::open_stream(path));
        input.reset(new Input(path, std::make_unique<Raw>(std::make_unique<DescriptorSource>(std::move(stream.fd))),
                              stream.size));
    }
    if (Status status = input->detect(); !status.ok())
        return base::with_context(std::move(status).error(), input->name_);
    return input;
}

Status Input::detect() {
    ASSIGN_OR_RETURN(const std::string_view head, raw_->peek());
    if (is_gzip(head)) plain_ = decompress_gzip(*raw_);
    if (is_zstd(head)) plain_ = decompress_zstd(*raw_);
    return {};
}

Result<std::size_t> Input::read(std::span<char> out) {
    Result<std::size_t> size = plain_ ? plain_->read(out) : raw_->read(out);
    if (!size.ok()) return base::with_context(std::move(size).error(), name_);
    return size;
}

std::uint64_t Input::raw_bytes() const { return raw_->count(); }

Result<std::string> read_all(Input& input, std::size_t size_max) {
    std::string text;
    for (;;) {
        const std::size_t size = text.size();
        text.resize(size + kChunkSize);
        ASSIGN_OR_RETURN(const std::size_t count, input.read(std::span(text).subspan(size)));
        text.resize(size + count);
        if (text.size() > size_max) {
            return base::fail(ErrorCode::kLimitExceeded,
                              input.name() + ": more than " + std::to_string(size_max) + " bytes");
        }
        if (count == 0) return text;
    }
}

Result<bool> LineReader::fill() {
    if (begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (buffer_.size() - end_ < kChunkSize) buffer_.resize(end_ + kChunkSize);
    ASSIGN_OR_RETURN(const std::size_t size, input_.read(std::span(buffer_).subspan(end_)));
    end_ += size;
    at_end_ = size == 0;
    return !at_end_;
}

Result<std::optional<std::string_view>> LineReader::next() {
    std::size_t searched = 0;  // of the line, without finding its end
    for (;;) {
        const char* line = buffer_.data() + begin_;
        const std::size_t have = end_ - begin_;
        const void* found = have == searched ? nullptr : std::memchr(line + searched, '\n', have - searched);
        if (found != nullptr || (at_end_ && have > 0)) {
            std::size_t size =
                found != nullptr ? static_cast<std::size_t>(static_cast<const char*>(found) - line) : have;
            begin_ += found != nullptr ? size + 1 : size;
            ++line_number_;
            if (size > 0 && line[size - 1] == '\r') --size;
            std::string_view text(line, size);
            if (line_number_ == 1 && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
            return std::optional(text);
        }
        if (at_end_) return std::optional<std::string_view>();
        if (have > kLineSizeMax) {
            ++line_number_;
            return base::fail(ErrorCode::kLimitExceeded, input_.name() + ": line " + std::to_string(line_number_) +
                                                             " has more than " + std::to_string(kLineSizeMax) +
                                                             " bytes");
        }
        searched = have;
        ASSIGN_OR_RETURN(const bool more, fill());
        (void)more;
    }
}

}  // namespace chronos::app
