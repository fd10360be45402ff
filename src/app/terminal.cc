#include "app/terminal.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "app/program.h"
#include "base/utf8.h"

namespace chronos::app {
namespace {

bool starts_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

/// Bytes of the first `count` characters.
std::size_t prefix_size(std::string_view utf8, std::size_t count) {
    std::size_t size = 0;
    for (; size < utf8.size(); ++size) {
        if (!starts_character(utf8[size])) continue;
        if (count == 0) break;
        --count;
    }
    return size;
}

}  // namespace

bool is_terminal(Stream stream) { return ::isatty(static_cast<int>(stream)) == 1; }

bool terminal_has_colors() {
    return !environment_variable("NO_COLOR") && environment_variable("TERM").value_or("") != "dumb";
}

std::size_t terminal_width(Stream stream) {
    winsize size{};
    if (::ioctl(static_cast<int>(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

std::size_t text_width(std::string_view utf8) {
    return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), starts_character));
}

std::string fitted(std::string_view utf8, std::size_t width) {
    const std::string text = base::harmless(utf8);
    if (text_width(text) <= width) return text;
    if (width == 0) return {};
    return text.substr(0, prefix_size(text, width - 1)) + "…";
}

std::string padded(std::string_view utf8, std::size_t width) {
    std::string text = fitted(utf8, width);
    text.append(width - text_width(text), ' ');
    return text;
}

std::string harmless_lines(std::string_view text) {
    std::string out;
    for (;;) {
        const std::size_t end = text.find('\n');
        out += base::harmless(text.substr(0, end));
        if (end == std::string_view::npos) return out;
        out += '\n';
        text.remove_prefix(end + 1);
    }
}

std::string with_separators(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
    return text;
}

std::string counted(std::uint64_t count, std::string_view word) {
    return with_separators(count) + " " + std::string(word) + (count == 1 ? "" : "s");
}

std::string human_bytes(std::uint64_t bytes) {
    if (bytes < 1024) return fmt::format("{} B", bytes);
    constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
    return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string human_duration(std::int64_t ns) {
    const auto value = static_cast<double>(ns);
    if (ns < 1'000) return fmt::format("{} ns", ns);
    if (ns < 1'000'000) return fmt::format("{:.1f} µs", value / 1e3);
    if (ns < 1'000'000'000) return fmt::format("{:.1f} ms", value / 1e6);
    return fmt::format("{:.2f} s", value / 1e9);
}

}  // namespace chronos::app
