// ASSERT: what cannot happen. On in every build; bytes from disk, network or users are checked instead.
#pragma once

#include <cstdio>
#include <cstdlib>

#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) [[unlikely]] {                                                           \
            std::fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                          \
        }                                                                                          \
    } while (false)
