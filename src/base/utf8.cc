#include "base/utf8.h"

namespace chronos::base {

std::size_t utf8_sequence_size(const char* at, const char* end) {
    const auto byte = [at](std::size_t i) { return static_cast<unsigned char>(at[i]); };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
    const auto left = static_cast<std::size_t>(end - at);
    const unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead < 0xC2) return 0;
    if (lead < 0xE0) return left >= 2 && follows(1) ? 2 : 0;
    if (lead < 0xF0) {
        if (left < 3 || !follows(1) || !follows(2)) return 0;
        if (lead == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
        if (lead == 0xED && byte(1) >= 0xA0) return 0;  // surrogate
        return 3;
    }
    if (lead > 0xF4 || left < 4 || !follows(1) || !follows(2) || !follows(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;   // overlong
    if (lead == 0xF4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
    return 4;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t size = utf8_sequence_size(text.data(), text.data() + text.size());
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

char32_t utf8_code_point(std::string_view sequence) {
    const auto byte = [&](std::size_t i) { return char32_t{static_cast<unsigned char>(sequence[i])}; };
    switch (sequence.size()) {
        case 1: return byte(0);
        case 2: return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
        case 3: return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
        default: return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    }
}

std::string_view utf8_prefix(std::string_view utf8, std::size_t size_max) {
    if (utf8.size() <= size_max) return utf8;
    std::size_t size = size_max;
    while (size > 0 && (static_cast<unsigned char>(utf8[size]) & 0xC0U) == 0x80U) --size;
    return utf8.substr(0, size);
}

bool is_steering(char32_t character) {
    return character < 0x20 || (character >= 0x7F && character <= 0x9F) || character == 0x061C || character == 0x200E ||
           character == 0x200F ||
           (character >= 0x2028 && character <= 0x202E) ||  // line separators, embeddings, overrides
           (character >= 0x2066 && character <= 0x2069);    // isolates
}

std::string harmless(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    const char* end = text.data() + text.size();
    for (const char* at = text.data(); at != end;) {
        const std::size_t size = utf8_sequence_size(at, end);
        const std::string_view character(at, size == 0 ? 1 : size);
        if (*at == '\t' || *at == '\n' || *at == '\r')
            out += ' ';
        else if (size == 0 || is_steering(utf8_code_point(character)))
            out += '?';
        else
            out += character;
        at += character.size();
    }
    return out;
}

std::string shortened(std::string_view text, std::size_t size_max) {
    const std::string_view start = utf8_prefix(text, size_max);
    return harmless(start) + (start.size() < text.size() ? "..." : "");
}

}  // namespace chronos::base
