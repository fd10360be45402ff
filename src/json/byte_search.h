// Looking for the few bytes that matter inside JSON text. Inlined into the loops that walk it.
//
// Sixteen bytes at a time on x86; elsewhere, and in the last bytes of a text, one at a time.
// Each function answers the first match at or after `at`, or `end`.
//
// Threads: free functions.
#pragma once

#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace chronos::json {

#if defined(__SSE2__)
inline __m128i load16(const char* at) {
    __m128i bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

inline __m128i is_byte(__m128i bytes, char wanted) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted)); }

inline const char* first_of(const char* at, __m128i matches) {
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(matches));
    return mask == 0 ? nullptr : at + std::countr_zero(mask);
}
#endif

/// First '"' or '\\'.
inline const char* find_quote_or_backslash(const char* at, const char* end) {
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = load16(at);
        const char* found = first_of(at, _mm_or_si128(is_byte(bytes, '"'), is_byte(bytes, '\\')));
        if (found != nullptr) return found;
    }
#endif
    while (at != end && *at != '"' && *at != '\\') ++at;
    return at;
}

/// First quote, brace or bracket.
inline const char* find_structure(const char* at, const char* end) {
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = load16(at);
        const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));  // '[' to '{', ']' to '}'
        const __m128i pairs = _mm_or_si128(is_byte(folded, '{'), is_byte(folded, '}'));
        const char* found = first_of(at, _mm_or_si128(pairs, is_byte(bytes, '"')));
        if (found != nullptr) return found;
    }
#endif
    while (at != end && *at != '"' && (*at | 0x20) != '{' && (*at | 0x20) != '}') ++at;
    return at;
}

/// First '"', '\\', control byte or byte that is not ASCII.
inline const char* find_special_in_string(const char* at, const char* end) {
#if defined(__SSE2__)
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = load16(at);
        const __m128i quotes = _mm_or_si128(is_byte(bytes, '"'), is_byte(bytes, '\\'));
        // Signed: bytes from 0x80 on are negative, so this finds control bytes and non-ASCII at
        // once.
        const __m128i outside = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
        const char* found = first_of(at, _mm_or_si128(quotes, outside));
        if (found != nullptr) return found;
    }
#endif
    while (at != end && *at != '"' && *at != '\\' && static_cast<signed char>(*at) >= 0x20) ++at;
    return at;
}

}  // namespace chronos::json
