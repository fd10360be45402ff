#include "json/scan.h"

#include <cstdint>
#include <cstring>

#include "json/byte_search.h"

namespace chronos::json {
namespace {

bool ends_scalar(char c) { return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

const char* skip_container(const char* at, const char* end) {
    std::size_t depth = 0;
    while ((at = find_structure(at, end)) != end) {
        const char c = *at++;
        if (c == '"') {
            at = find_string_end(at, end);
            if (at != end) ++at;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if (c == '}' || c == ']') {
            if (--depth == 0) return at;
        }
    }
    return end;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// The four hex digits at `at`, or -1.
std::int32_t hex4(const char* at, const char* end) {
    if (end - at < 4) return -1;
    std::int32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        const int digit = hex_digit(at[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

char* put_code_point(std::uint32_t code, char* out) {
    const auto put = [&out](std::uint32_t byte) { *out++ = static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3F));
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    }
    return out;
}

/// Unescapes the \uXXXX whose digits start at `at` and moves `at` behind it.
char* unescape_unicode(const char*& at, const char* end, char* out) {
    const std::int32_t high = hex4(at, end);
    if (high < 0) return out;
    at += 4;
    auto code = static_cast<std::uint32_t>(high);
    if (code >= 0xD800 && code < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        const std::int32_t low = hex4(at + 2, end);
        if (low >= 0xDC00 && low < 0xE000) {
            at += 6;
            code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<std::uint32_t>(low) - 0xDC00);
        }
    }
    return put_code_point(code, out);
}

char unescaped_letter(char c) {
    switch (c) {
        case 'b': return '\b';
        case 'f': return '\f';
        case 'n': return '\n';
        case 'r': return '\r';
        case 't': return '\t';
        default: return c;  // quote, backslash, slash
    }
}

}  // namespace

std::string_view trimmed(std::string_view text) {
    const char* begin = skip_space(text.data(), text.data() + text.size());
    const char* end = text.data() + text.size();
    while (end != begin && skip_space(end - 1, end) == end) --end;
    return {begin, static_cast<std::size_t>(end - begin)};
}

const char* find_string_end(const char* at, const char* end) {
    while ((at = find_quote_or_backslash(at, end)) != end && *at != '"') {
        if (end - at < 2) return end;
        at += 2;
    }
    return at;
}

const char* skip_value(const char* at, const char* end) {
    if (at == end) return end;
    if (*at == '"') {
        at = find_string_end(at + 1, end);
        return at == end ? end : at + 1;
    }
    if (*at == '{' || *at == '[') return skip_container(at, end);
    while (at != end && !ends_scalar(*at)) ++at;
    return at;
}

bool is_nested_deeper_than(std::string_view text, std::size_t depth_max) {
    const char* end = text.data() + text.size();
    std::size_t depth = 0;
    for (const char* at = find_structure(text.data(), end); at != end; at = find_structure(at + 1, end)) {
        if (*at == '"') {
            at = find_string_end(at + 1, end);
            if (at == end) return false;
        } else if (*at == '{' || *at == '[') {
            if (++depth > depth_max) return true;
        } else if (depth > 0) {
            --depth;
        }
    }
    return false;
}

ObjectScanner::ObjectScanner(std::string_view object) : at_(object.data()), end_(object.data() + object.size()) {
    at_ = skip_space(at_, end_);
    if (at_ != end_) ++at_;  // the brace
}

bool ObjectScanner::next() {
    at_ = skip_space(at_, end_);
    if (at_ != end_ && *at_ == ',') at_ = skip_space(at_ + 1, end_);
    if (at_ == end_ || *at_ != '"') return false;
    const char* key = ++at_;
    at_ = find_string_end(key, end_);
    if (at_ == end_) return false;
    raw_key_ = {key, static_cast<std::size_t>(at_ - key)};
    at_ = skip_space(at_ + 1, end_);
    if (at_ == end_ || *at_ != ':') return false;
    at_ = skip_space(at_ + 1, end_);
    const char* value = at_;
    at_ = skip_value(at_, end_);
    value_ = {value, static_cast<std::size_t>(at_ - value)};
    return at_ != value;
}

ArrayScanner::ArrayScanner(std::string_view array) : at_(array.data()), end_(array.data() + array.size()) {
    at_ = skip_space(at_, end_);
    if (at_ != end_) ++at_;  // the bracket
}

bool ArrayScanner::next() {
    at_ = skip_space(at_, end_);
    if (at_ != end_ && *at_ == ',') at_ = skip_space(at_ + 1, end_);
    if (at_ == end_ || *at_ == ']') return false;
    const char* value = at_;
    at_ = skip_value(at_, end_);
    value_ = {value, static_cast<std::size_t>(at_ - value)};
    return at_ != value;
}

char* unescape_to(std::string_view raw, char* out) {
    const char* at = raw.data();
    const char* end = at + raw.size();
    while (at != end) {
        const void* found = std::memchr(at, '\\', static_cast<std::size_t>(end - at));
        const char* stop = found == nullptr ? end : static_cast<const char*>(found);
        const auto plain = static_cast<std::size_t>(stop - at);
        if (out != at) std::memmove(out, at, plain);
        out += plain;
        at = stop;
        if (end - at < 2) break;
        const char letter = at[1];
        at += 2;
        if (letter == 'u') {
            out = unescape_unicode(at, end, out);
        } else {
            *out++ = unescaped_letter(letter);
        }
    }
    return out;
}

std::string_view unescaped(std::string_view raw, std::string& scratch) {
    if (raw.find('\\') == std::string_view::npos) return raw;
    scratch.resize(raw.size());
    scratch.resize(static_cast<std::size_t>(unescape_to(raw, scratch.data()) - scratch.data()));
    return scratch;
}

}  // namespace chronos::json
