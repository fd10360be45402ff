// UTF-8: where characters begin and end, and text from elsewhere made fit to be shown.
//
// Threads: free functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chronos::base {

/// Bytes of the well-formed sequence at `at`, or 0. Requires: `at` < `end`.
/// Source: Unicode 15, table 3-7.
std::size_t utf8_sequence_size(const char* at, const char* end);

/// Whether all of it is well-formed.
bool is_utf8(std::string_view text);

/// What a well-formed sequence stands for.
char32_t utf8_code_point(std::string_view sequence);

/// The first `size_max` bytes of valid UTF-8, or a few less so that no character is cut.
std::string_view utf8_prefix(std::string_view utf8, std::size_t size_max);

/// Whether showing the character does something else than show it: control characters (C0, DEL,
/// C1), and those that turn the direction of the text around them.
bool is_steering(char32_t character);

/// `text` on one line and harmless: each steering character, and each byte that is not UTF-8,
/// becomes a '?', white space a space. As many characters as before.
std::string harmless(std::string_view text);

/// The start of `text` for a message: harmless, about `size_max` bytes, "..." where it was cut.
std::string shortened(std::string_view text, std::size_t size_max = 60);

}  // namespace chronos::base
