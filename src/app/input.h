// Bytes and lines of an input: a file or standard input, plain, gzip or zstd as its first bytes
// say.
//
// Use:
//     ASSIGN_OR_RETURN(auto input, Input::open("events.ndjson.gz"));
//     LineReader lines(*input);
//     for (;;) { ASSIGN_OR_RETURN(auto line, lines.next()); if (!line) break; ... }
//
// Memory is bounded whatever the input holds: a zstd window of at most 128 MiB, a line of at most 4
// MiB.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "chronos/result.h"

namespace chronos::app {

/// Somewhere bytes come from, one after the other.
class ByteSource {
public:
    ByteSource() = default;
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;
    virtual ~ByteSource() = default;

    /// Fills some of `out`; 0 at the end. An interrupted read of a terminal or pipe is the end.
    virtual Result<std::size_t> read(std::span<char> out) = 0;
};

class Input {
public:
    /// `path` may be "-" or "/dev/stdin" for standard input, "/dev/fd/<n>", or a named pipe.
    static Result<std::unique_ptr<Input>> open(const std::string& path);
    /// Whether it can be opened; takes nothing from it. Errors: as `open`.
    static Status check(const std::string& path);

    /// Fills some of `out` with plain bytes; 0 at the end. Errors: kIo; kInvalidArgument — cut off
    /// or damaged.
    Result<std::size_t> read(std::span<char> out);

    /// Bytes taken from the file so far, as it lies there, and in all (0: not known).
    [[nodiscard]] std::uint64_t raw_bytes() const;
    [[nodiscard]] std::uint64_t raw_total() const { return raw_total_; }
    /// As it was opened; "standard input" for "-".
    [[nodiscard]] const std::string& name() const { return name_; }

    ~Input();

private:
    class Raw;
    Input(std::string name, std::unique_ptr<Raw> raw, std::uint64_t raw_total);
    Status detect();

    std::string name_;
    std::unique_ptr<Raw> raw_;
    std::unique_ptr<ByteSource> plain_;
    std::uint64_t raw_total_;
};

/// Everything that is left, at most `size_max` bytes. Errors: kLimitExceeded.
Result<std::string> read_all(Input& input, std::size_t size_max);

/// Lines without their end ("\n" or "\r\n"). A byte order mark at the very start is left out.
class LineReader {
public:
    static constexpr std::size_t kLineSizeMax = std::size_t{4} << 20;

    explicit LineReader(Input& input) : input_(input) {}

    /// The next line, valid until the next call; nothing at the end.
    ///
    /// Errors: kLimitExceeded — it is too long; it counts as given. Those of the input.
    Result<std::optional<std::string_view>> next();
    /// Of the line given last, counted from 1.
    [[nodiscard]] std::uint64_t line_number() const { return line_number_; }

private:
    Result<bool> fill();

    Input& input_;
    std::string buffer_;
    std::size_t begin_ = 0;  // of what was not given yet
    std::size_t end_ = 0;
    bool at_end_ = false;
    std::uint64_t line_number_ = 0;
};

}  // namespace chronos::app
