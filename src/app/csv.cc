#include "app/csv.h"

#include "base/result.h"
#include "base/utf8.h"

namespace chronos::app {
namespace {

constexpr std::size_t kChunkSize = std::size_t{256} << 10;
constexpr std::size_t kRecordSizeMax = std::size_t{4} << 20;

}  // namespace

Error CsvReader::wrong(const std::string& what) const {
    return base::fail(ErrorCode::kInvalidArgument, "line " + std::to_string(line_) + ": " + what);
}

Result<int> CsvReader::peek() {
    while (begin_ == buffer_.size() && !at_end_) {
        buffer_.resize(kChunkSize);
        ASSIGN_OR_RETURN(const std::size_t size, read_(buffer_));
        buffer_.resize(size);
        begin_ = 0;
        at_end_ = size == 0;
        if (!started_ && buffer_.starts_with("\xEF\xBB\xBF")) begin_ = 3;
        started_ = true;
    }
    if (begin_ == buffer_.size()) return kEnd;
    return static_cast<unsigned char>(buffer_[begin_]);
}

Result<int> CsvReader::take() {
    ASSIGN_OR_RETURN(const int c, peek());
    if (encoding_ == CsvEncoding::kUtf8 && (c >= 0x80 || !sequence_.empty())) RETURN_IF_ERROR(check_utf8(c));
    if (c == kEnd) return c;
    ++begin_;
    ++record_size_;
    if ((c & 0xC0) != 0x80 || encoding_ != CsvEncoding::kUtf8) ++column_;
    if (c == '\n') {
        ++line_;
        column_ = 0;
    }
    return c;
}

/// `c` begins a sequence of several bytes or comes behind the beginning of one.
Status CsvReader::check_utf8(int c) {
    if (sequence_.empty())
        sequence_place_ = "line " + std::to_string(line_) + ", column " + std::to_string(column_ + 1);
    if (c != kEnd) sequence_ += static_cast<char>(c);
    const auto lead = static_cast<unsigned char>(sequence_.front());
    const std::size_t size = lead < 0xC2 || lead > 0xF4 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const bool can_go_on = sequence_.size() == 1 || (c & 0xC0) == 0x80;
    if (sequence_.size() < size && can_go_on && c != kEnd) return {};
    const char* begin = sequence_.data();
    if (sequence_.size() == size && base::utf8_sequence_size(begin, begin + size) == size) {
        sequence_.clear();
        return {};
    }
    return base::fail(ErrorCode::kInvalidArgument,
                      sequence_place_ + ": not UTF-8; convert the file, or say --encoding latin1 if it is that");
}

void CsvReader::append(std::string& field, int c) const {
    if (encoding_ == CsvEncoding::kLatin1 && c >= 0x80) {
        field += static_cast<char>(0xC0 | c >> 6);
        field += static_cast<char>(0x80 | (c & 0x3F));
    } else {
        field += static_cast<char>(c);
    }
}

Status CsvReader::check_size() {
    if (record_size_ <= kRecordSizeMax) return {};
    return base::fail(ErrorCode::kLimitExceeded, "line " + std::to_string(record_line_) +
                                                     ": a record has more than 4 MiB; is a quote not closed?");
}

Result<bool> CsvReader::next(std::vector<std::string>& fields) {
    fields.clear();
    for (;;) {
        ASSIGN_OR_RETURN(const int c, peek());
        if (c == kEnd) return false;
        if (c != '\n' && c != '\r') break;
        ASSIGN_OR_RETURN(const int skipped, take());
        (void)skipped;
    }
    record_line_ = line_;
    record_size_ = 0;
    for (;;) {
        std::string& field = fields.emplace_back();
        ASSIGN_OR_RETURN(const int first, peek());
        RETURN_IF_ERROR(first == '"' ? read_quoted(field) : read_unquoted(field));
        ASSIGN_OR_RETURN(const int separator, take());
        if (separator == kEnd || separator == '\n') return true;
        if (separator == '\r') {
            ASSIGN_OR_RETURN(const int line_feed, peek());
            if (line_feed == '\n') {
                ASSIGN_OR_RETURN(const int taken, take());
                (void)taken;
            }
            return true;
        }
        if (separator != static_cast<unsigned char>(delimiter_)) return wrong("text follows a closing quote");
    }
}

Status CsvReader::read_quoted(std::string& field) {
    const std::uint64_t opened_on = line_;
    ASSIGN_OR_RETURN(const int opening, take());
    (void)opening;
    for (;;) {
        ASSIGN_OR_RETURN(const int c, take());
        if (c == kEnd) return wrong("the quote that opens on line " + std::to_string(opened_on) + " is not closed");
        if (c == '"') {
            ASSIGN_OR_RETURN(const int after, peek());
            if (after != '"') return {};
            ASSIGN_OR_RETURN(const int second, take());
            (void)second;
        }
        append(field, c);
        RETURN_IF_ERROR(check_size());
    }
}

Status CsvReader::read_unquoted(std::string& field) {
    for (;;) {
        ASSIGN_OR_RETURN(const int c, peek());
        if (c == kEnd || c == '\n' || c == '\r' || c == static_cast<unsigned char>(delimiter_)) return {};
        if (c == '"') return wrong("a quote inside a field that does not begin with one; write \"\" inside quotes");
        append(field, c);
        ASSIGN_OR_RETURN(const int taken, take());
        (void)taken;
        RETURN_IF_ERROR(check_size());
    }
}

}  // namespace chronos::app
