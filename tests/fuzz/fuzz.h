// What fuzz targets share. A target is one file, tests/fuzz/x_fuzz.cc, with these two functions:
//
//     extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);   what is
//     tried with an input chronos::fuzz::Seeds chronos::fuzz::seeds(); inputs worth starting from
//
// The same file makes two programs: `x_fuzz`, which invents inputs (libFuzzer, `make fuzz`), and
// `x_corpus`, an ordinary test in every preset, which tries its seeds and the inputs of
// tests/fuzz/corpus/x. After a change of the seeds:
//
//     bin/x_corpus --write tests/fuzz/corpus/x
//
// A checksum would turn away nearly every input that was made by chance, so the first byte of an
// input is made of flags that let a target repair what stands in front of the code to be tried.
//
// Threads: one input at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace chronos::fuzz {

/// Inputs by the name of their file.
using Seeds = std::map<std::string, std::string>;

Seeds seeds();

inline std::span<const std::byte> input_bytes(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const std::byte*>(data), size};
}

/// The bytes of a number, for seeds.
template <typename T>
std::string bytes_of(T value) {
    std::byte bytes[sizeof(T)];
    base::store(bytes, value);
    return std::string(base::as_text(bytes));
}

}  // namespace chronos::fuzz

/// What must hold for every input; stops the program like any other fault where it does not.
#define FUZZ_CHECK(condition, message)                                                                             \
    do {                                                                                                           \
        if (!(condition)) [[unlikely]] {                                                                           \
            std::fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, std::string(message).c_str()); \
            std::abort();                                                                                          \
        }                                                                                                          \
    } while (false)
