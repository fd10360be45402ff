// Comma-separated values, record by record. Source: RFC 4180; also other delimiters, "\n" and a
// byte order mark.
//
// Stricter than most readers: a quote inside an unquoted field, text behind a closing quote and
// bytes that are not UTF-8 are errors, because what was meant is not known.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "chronos/result.h"

namespace chronos::app {

/// Of the bytes; fields are UTF-8 always.
enum class CsvEncoding : std::uint8_t { kUtf8, kLatin1 };

class CsvReader {
public:
    using Read = std::function<Result<std::size_t>(std::span<char>)>;

    CsvReader(Read read, char delimiter, CsvEncoding encoding = CsvEncoding::kUtf8)
        : read_(std::move(read)), delimiter_(delimiter), encoding_(encoding) {}

    /// Reads the next record into `fields`; false at the end. Empty lines are passed over.
    ///
    /// Errors: kInvalidArgument, kLimitExceeded (4 MiB in a record), with the line; those of
    /// reading.
    Result<bool> next(std::vector<std::string>& fields);

    /// Line on which the record read last begins, from 1.
    [[nodiscard]] std::uint64_t line_number() const { return record_line_; }

private:
    static constexpr int kEnd = -1;

    Result<int> peek();
    Result<int> take();
    Status check_utf8(int c);
    void append(std::string& field, int c) const;
    Status read_quoted(std::string& field);
    Status read_unquoted(std::string& field);
    Status check_size();
    Error wrong(const std::string& what) const;

    Read read_;
    char delimiter_;
    CsvEncoding encoding_;
    std::string buffer_;
    std::size_t begin_ = 0;
    bool started_ = false;
    bool at_end_ = false;
    std::uint64_t line_ = 1;
    std::uint64_t column_ = 0;  // characters of the line taken so far
    std::string sequence_;      // of UTF-8, not complete
    std::string sequence_place_;
    std::uint64_t record_line_ = 0;
    std::size_t record_size_ = 0;
};

}  // namespace chronos::app
