#include "wire/time_text.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/utf8.h"

namespace chronos::wire {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDayNs = 86'400 * kSecondNs;

Error unreadable(std::string_view text, std::string_view advice) {
    return base::fail(ErrorCode::kInvalidArgument,
                      "'" + base::shortened(text) + "' is no time: " + std::string(advice));
}

/// Splits at white space and between digits and letters, in lower case: "2h ago" is "2", "h",
/// "ago".
std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    char previous = ' ';
    for (const char raw : text) {
        const char c = static_cast<char>(std::tolower(static_cast<unsigned char>(raw)));
        const bool space = c == ' ' || c == '\t';
        const auto is_digit = [](char d) { return d >= '0' && d <= '9'; };
        const bool starts = previous == ' ' || (is_digit(previous) && !is_digit(c));
        if (!space && starts) words.emplace_back();
        if (!space) words.back() += c;
        previous = space ? ' ' : c;
    }
    return words;
}

Timestamp start_of_day(Timestamp time) {
    std::int64_t days = time.ns / kDayNs;
    if (time.ns % kDayNs < 0) --days;
    return {days * kDayNs};
}

/// Nanoseconds of a unit; 0 for one that is not known.
std::int64_t unit_ns(std::string_view unit) {
    if (unit.size() > 2 && unit.ends_with('s')) unit.remove_suffix(1);
    if (unit == "s" || unit == "sec" || unit == "second") return kSecondNs;
    if (unit == "min" || unit == "minute") return 60 * kSecondNs;
    if (unit == "h" || unit == "hour") return 3'600 * kSecondNs;
    if (unit == "d" || unit == "day") return kDayNs;
    if (unit == "w" || unit == "week") return 7 * kDayNs;
    return 0;
}

Result<Timestamp> parse_ago(std::string_view text, const std::vector<std::string>& words, Timestamp now) {
    const std::string& unit = words[1];
    if (unit == "m") return unreadable(text, "m may be minutes or months; write min, or a date");
    if (unit.starts_with("month") || unit.starts_with("year") || unit == "y")
        return unreadable(text, "months and years differ in length; write days, or a date");
    const std::int64_t length_ns = unit_ns(unit);
    if (length_ns == 0) return unreadable(text, "the units are seconds, minutes, hours, days and weeks");
    std::int64_t count = 0;
    const char* end = words[0].data() + words[0].size();
    const auto [stop, error] = std::from_chars(words[0].data(), end, count);
    std::int64_t ns = 0;
    if (error != std::errc() || stop != end || count < 0 || __builtin_mul_overflow(count, length_ns, &ns) ||
        __builtin_sub_overflow(now.ns, ns, &ns))
        return unreadable(text, "write a whole number before the unit, as in '2 hours ago'");
    return Timestamp{ns};
}

/// "10:00" and "2026-01-31T10:00": clear but for the place on earth.
bool lacks_offset(std::string_view text) {
    const bool has_time = text.find(':') != std::string_view::npos;
    const bool has_zone = text.ends_with('Z') || text.ends_with('z') || text.find('+') != std::string_view::npos ||
                          text.find('-', std::min<std::size_t>(text.size(), 10)) != std::string_view::npos;
    return has_time && !has_zone;
}

bool starts_like_a_date(std::string_view text) {
    const std::size_t digits = text.find_first_not_of("0123456789");
    return digits != std::string_view::npos && digits > 0 && text[digits] == '-';
}

}  // namespace

Result<Timestamp> parse_time(std::string_view text, Timestamp now) {
    const std::vector<std::string> words = words_of(text);
    if (words.size() == 1) {
        if (words[0] == "now") return now;
        if (words[0] == "today") return start_of_day(now);
        if (words[0] == "yesterday") return Timestamp{start_of_day(now).ns - kDayNs};
    }
    if (words.size() == 3 && words[2] == "ago") return parse_ago(text, words, now);
    Result<Timestamp> parsed = Timestamp::parse(text);
    if (parsed.ok()) return parsed;
    if (lacks_offset(text)) return unreadable(text, "say in which zone, as in 2026-01-31T10:00:00Z or ...+01:00");
    if (starts_like_a_date(text)) return parsed;  // its message says what a date can be
    if (words.size() == 2 && !words[0].empty() && unit_ns(words[1]) != 0)
        return unreadable(text, "write '" + std::string(text) + " ago'");
    return unreadable(text,
                      "write 2026-01-31, 2026-01-31T10:00:00Z, 2026-01-31T10:00:00+01:00, now, "
                      "today, yesterday or '2 hours ago'");
}

}  // namespace chronos::wire
