// What the terminal can show, and fitting text to it.
//
// Threads: free functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chronos::app {

enum class Stream : std::uint8_t { kInput = 0, kOutput = 1, kErrors = 2 };

bool is_terminal(Stream stream);
/// False with NO_COLOR (no-color.org) or TERM=dumb.
bool terminal_has_colors();
/// Columns of the terminal at `stream`; 80 when it does not say.
std::size_t terminal_width(Stream stream);

/// How many characters of valid UTF-8 there are.
std::size_t text_width(std::string_view utf8);
/// Harmless (base/utf8.h), at most `width` characters, the last an ellipsis if something was cut
/// off.
std::string fitted(std::string_view utf8, std::size_t width);
/// `fitted` and filled up with spaces.
std::string padded(std::string_view utf8, std::size_t width);
/// Each line harmless (base/utf8.h), the line ends kept.
std::string harmless_lines(std::string_view text);

/// "1,234,567".
std::string with_separators(std::uint64_t number);
/// "1 event", "1,000 events": `word` with an s unless there is one.
std::string counted(std::uint64_t count, std::string_view word);
/// "12.3 MiB".
std::string human_bytes(std::uint64_t bytes);
/// "850 ns", "12.3 µs", "4.5 ms", "2.1 s".
std::string human_duration(std::int64_t ns);

}  // namespace chronos::app
