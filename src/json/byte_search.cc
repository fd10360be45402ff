#include "json/byte_search.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace chronos::json {
namespace {

constexpr std::ptrdiff_t kBlock = 64;

#if defined(__x86_64__)

__attribute__((target("avx2"))) const char* skip_with_avx2(const char* at, const char* end) {
    const auto is_special = [](const char* from) __attribute__((target("avx2"))) {
        __m256i bytes;
        std::memcpy(&bytes, from, sizeof bytes);
        const __m256i quotes = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"')),
                                               _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\')));
        return _mm256_movemask_epi8(_mm256_or_si256(quotes, _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), bytes)));
    };
    for (; end - at >= kBlock; at += kBlock)
        if ((is_special(at) | is_special(at + kBlock / 2)) != 0) break;
    return at;
}

const char* skip_with_sse2(const char* at, const char* end) {
    for (; end - at >= kBlock; at += kBlock) {
        unsigned found = 0;
        for (std::ptrdiff_t i = 0; i < kBlock; i += 16) found |= special_in_string(load16(at + i));
        if (found != 0) break;
    }
    return at;
}

const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;

#endif

}  // namespace

const char* skip_plain_blocks(const char* at, const char* end) {
#if defined(__x86_64__)
    return has_avx2 ? skip_with_avx2(at, end) : skip_with_sse2(at, end);
#else
    (void)end;
    return at;
#endif
}

}  // namespace chronos::json
