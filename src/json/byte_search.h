// Looking for the few bytes that matter inside JSON text. Inlined into the loops that walk it.
//
// Sixteen bytes at a time on x86; elsewhere, and in the last bytes of a text, one at a time.
// Each function answers the first match at or after `at`, or `end`.
//
// Threads: free functions.
#pragma once

#include <bit>
#include <cstddef>
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

/// Skips whole blocks of 64 bytes in which find_special_in_string would find nothing. Thirty-two bytes at a time where
/// the processor can.
const char* skip_plain_blocks(const char* at, const char* end);

#if defined(__SSE2__)
/// One bit for each '"', '\\', control byte or byte that is not ASCII.
inline unsigned special_in_string(__m128i bytes) {
    const __m128i quotes = _mm_or_si128(is_byte(bytes, '"'), is_byte(bytes, '\\'));
    // Signed: bytes from 0x80 on are negative, so this finds control bytes and non-ASCII at once.
    const __m128i outside = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(quotes, outside)));
}
#endif

/// First '"', '\\', control byte or byte that is not ASCII. Bytes from `begin` on may be looked at, which spares the
/// end of a text a look at each byte. Requires: begin ≤ at.
inline const char* find_special_in_string(const char* at, const char* begin, const char* end) {
#if defined(__SSE2__)
    constexpr std::ptrdiff_t kBlock = 16;
    for (bool is_first = true; end - at >= kBlock; at += kBlock, is_first = false) {
        const unsigned found = special_in_string(load16(at));
        if (found != 0) return at + std::countr_zero(found);
        if (is_first && end - at >= 5 * kBlock) at = skip_plain_blocks(at + kBlock, end) - kBlock;
    }
    if (end - begin >= kBlock) {
        const char* last = end - kBlock;
        const unsigned found = special_in_string(load16(last)) >> (at - last);
        return found == 0 ? end : at + std::countr_zero(found);
    }
#else
    (void)begin;
#endif
    while (at != end && *at != '"' && *at != '\\' && static_cast<signed char>(*at) >= 0x20) ++at;
    return at;
}

}  // namespace chronos::json
