#include "mcp/tools/asked_time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace chronos::mcp {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"january",   "february", "march",    "april",
                                                   "may",       "june",     "july",     "august",
                                                   "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 3> kFrom{"since", "from", "after"};
constexpr std::array<std::string_view, 4> kTo{"until", "till", "by", "before"};
constexpr std::array<std::string_view, 7> kWithin{"in", "of", "during", "for", "on", "last", "between"};

template <std::size_t kCount>
bool is_one_of(std::string_view word, const std::array<std::string_view, kCount>& words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::optional<int> number_of(std::string_view text) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// What "2026" is, and neither "1200" nor "20260".
std::optional<int> year_of(std::string_view word) {
    const auto year = word.size() == 4 ? number_of(word) : std::nullopt;
    return year && *year >= 1970 && *year < 2200 ? year : std::nullopt;
}

std::optional<Timestamp> begin_of(int year, int month) {
    const auto time =
        Timestamp::parse(std::to_string(year) + (month < 10 ? "-0" : "-") + std::to_string(month) + "-01");
    return time.ok() ? std::optional(*time) : std::nullopt;
}

/// Both sides of what begins at the one and ends before the other.
AskedTime between(const std::optional<Timestamp>& begin, const std::optional<Timestamp>& end) {
    if (!begin || !end) return {};
    return {.since = begin, .until = Timestamp{end->ns - 1}};
}

AskedTime month_of(int year, int month) {
    return between(begin_of(year, month), month == 12 ? begin_of(year + 1, 1) : begin_of(year, month + 1));
}

AskedTime day_of(std::string_view word) {
    constexpr std::int64_t kDayNs = 86'400'000'000'000;
    const auto day = Timestamp::parse(word.substr(0, 10));
    if (!day.ok()) return {};
    return between(*day, Timestamp{day->ns + kDayNs});
}

bool is_date(std::string_view word) { return word.size() >= 10 && word[4] == '-' && word[7] == '-'; }

/// What the word stands for, with the word before it and behind it.
AskedTime time_of(const std::vector<std::string>& words, std::size_t index, Timestamp now) {
    const std::string& word = words[index];
    const std::string_view before = index > 0 ? std::string_view(words[index - 1]) : std::string_view();
    const std::string_view behind = index + 1 < words.size() ? std::string_view(words[index + 1]) : std::string_view();
    const bool is_led_in = is_one_of(before, kFrom) || is_one_of(before, kTo) || is_one_of(before, kWithin);
    if (is_date(word)) return day_of(word);
    if (const auto month = std::find(kMonths.begin(), kMonths.end(), word); month != kMonths.end()) {
        const auto given_year = year_of(behind);
        // May and march are other words too.
        if (!given_year && !is_led_in) return {};
        const int number = static_cast<int>(month - kMonths.begin()) + 1;
        const std::string today = now.to_string();
        const int this_year = number_of(today.substr(0, 4)).value_or(0);
        const bool has_begun = number <= number_of(today.substr(5, 2)).value_or(0);
        return month_of(given_year.value_or(has_begun ? this_year : this_year - 1), number);
    }
    if (const auto year = year_of(word); year && is_led_in) return between(begin_of(*year, 1), begin_of(*year + 1, 1));
    if (word == "today") return day_of(now.to_string());
    constexpr std::int64_t kDayNs = 86'400'000'000'000;
    if (word == "yesterday") return day_of(Timestamp{now.ns - kDayNs}.to_string());
    return {};
}

}  // namespace

AskedTime asked_time(const std::vector<std::string>& words, Timestamp now) {
    AskedTime all;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const AskedTime one = time_of(words, i, now);
        if (!one.is_there()) continue;
        const std::string_view before = i > 0 ? std::string_view(words[i - 1]) : std::string_view();
        if (is_one_of(before, kFrom) && before != "from") {
            all.since = one.since;
        } else if (is_one_of(before, kTo)) {
            all.until = before == "before" ? Timestamp{one.since->ns - 1} : one.until;
        } else {
            // From the first that is named to the last.
            if (!all.since || *one.since < *all.since) all.since = one.since;
            if (before != "from" && (!all.until || *one.until > *all.until)) all.until = one.until;
        }
    }
    return all;
}

}  // namespace chronos::mcp
