// JSON numbers as exact decimals: compared by value, whatever way they were written.
//
// 1, 1.0, 10e-1 and 0.1E1 are one number; 9007199254740993 and 9007199254740992 are two,
// although a double cannot tell them apart. No rounding means that equality is transitive.
//
// Threads: free functions.
#pragma once

#include <compare>
#include <string_view>

namespace chronos::json {

/// Orders two numbers by value. Requires: both are valid JSON numbers.
std::strong_ordering compare_numbers(std::string_view left, std::string_view right);

/// Whether the number is too large for a finite double. Requires: a valid JSON number.
bool overflows_double(std::string_view number);

}  // namespace chronos::json
