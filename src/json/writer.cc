#include "json/writer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/utf8.h"
#include "json/byte_search.h"
#include "json/scan.h"

namespace chronos::json {
namespace {

void append_ascii_escape(std::string& out, char c) {
    constexpr std::string_view kHex = "0123456789abcdef";
    switch (c) {
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        case '\b': out += "\\b"; return;
        case '\f': out += "\\f"; return;
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        default: break;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += "\\u00";
    out += kHex[byte >> 4];
    out += kHex[byte & 0xF];
}

/// Shorter than what is looked at sixteen bytes at a time: most names, and many values.
constexpr std::size_t kShortMax = 15;

/// Whether none of eight bytes is a quote, a backslash, a control byte or not ASCII. Source: "Determine if a word has a
/// zero byte", Bit Twiddling Hacks.
bool is_plain(std::uint64_t bytes) {
    constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
    constexpr std::uint64_t kHigh = kOnes * 0x80;
    const auto has_zero = [](std::uint64_t word) { return (word - kOnes) & ~word; };
    const std::uint64_t is_control = bytes - kOnes * 0x20;
    return ((bytes | is_control | has_zero(bytes ^ kOnes * '"') | has_zero(bytes ^ kOnes * '\\')) & kHigh) == 0;
}

/// Requires: at most kShortMax bytes.
bool is_plain_short(std::string_view text) {
    std::uint64_t first = 0x2020'2020'2020'2020;
    std::uint64_t last = first;
    if (text.size() >= sizeof first) {
        std::memcpy(&first, text.data(), sizeof first);
        std::memcpy(&last, text.data() + text.size() - sizeof last, sizeof last);
    } else {
        std::memcpy(&first, text.data(), text.size());
    }
    return is_plain(first) && is_plain(last);
}

template <typename Number>
void append_number(std::string& out, Number value) {
    std::array<char, 32> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    out.append(text.data(), end);
}

}  // namespace

void append_string(std::string& out, std::string_view utf8) {
    if (utf8.size() <= kShortMax && is_plain_short(utf8)) {
        std::array<char, kShortMax + 2> quoted;
        quoted[0] = '"';
        std::memcpy(quoted.data() + 1, utf8.data(), utf8.size());
        quoted[utf8.size() + 1] = '"';
        out.append(quoted.data(), utf8.size() + 2);
        return;
    }
    const char* at = utf8.data();
    const char* end = at + utf8.size();
    out += '"';
    while (at != end) {
        const char* special = find_special_in_string(at, utf8.data(), end);
        out.append(at, special);
        at = special;
        if (at == end) break;
        if ((*at & 0x80) == 0) {
            append_ascii_escape(out, *at++);
            continue;
        }
        const std::size_t size = base::utf8_sequence_size(at, end);
        out.append(size == 0 ? std::string_view("\xEF\xBF\xBD") : std::string_view(at, size));
        at += size == 0 ? 1 : size;
    }
    out += '"';
}

void append_integer(std::string& out, std::int64_t value) { append_number(out, value); }

void append_unsigned(std::string& out, std::uint64_t value) { append_number(out, value); }

void append_double(std::string& out, double value) {
    if (!std::isfinite(value)) {
        out += "null";
        return;
    }
    append_number(out, value);
}

}  // namespace chronos::json
