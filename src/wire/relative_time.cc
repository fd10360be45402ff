#include "wire/relative_time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "wire/time_text.h"

namespace chronos::wire {
namespace {

constexpr auto kTimes =
    std::to_array<std::string_view>({"known_at", "as_of", "time_travel", "since", "until", "occurred_since",
                                     "occurred_until", "from_known_at", "from_as_of"});

bool is_relative(std::string_view text) { return !Timestamp::parse(text).ok() && parse_time(text, {}).ok(); }

/// "since=1+hour+ago" with the time that it is; nothing where it is that already, or no time.
std::optional<std::string> made_absolute(std::string_view part, Timestamp now) {
    const std::size_t equals = std::min(part.find('='), part.size());
    const Result<std::string> name = percent_decoded(part.substr(0, equals), true);
    if (!name.ok() || std::find(kTimes.begin(), kTimes.end(), *name) == kTimes.end()) return std::nullopt;
    const Result<std::string> value = percent_decoded(part.substr(std::min(equals + 1, part.size())), true);
    if (!value.ok() || !is_relative(*value)) return std::nullopt;
    const Result<Timestamp> time = parse_time(*value, now);
    if (!time.ok()) return std::nullopt;
    return *name + "=" + time->to_string();
}

}  // namespace

bool has_relative_time(const Parameters& parameters) {
    return std::any_of(kTimes.begin(), kTimes.end(), [&](std::string_view name) {
        const std::vector<std::string_view> values = parameters.values_of(name);
        return std::any_of(values.begin(), values.end(), is_relative);
    });
}

std::string with_absolute_times(std::string_view query, Timestamp now) {
    std::string out;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view part = query.substr(0, end);
        out += made_absolute(part, now).value_or(std::string(part));
        if (end < query.size()) out += '&';
        query.remove_prefix(std::min(query.size(), end + 1));
    }
    return out;
}

std::string dated_cursor(std::string_view cursor, Timestamp now) {
    return std::string(cursor) + "." + std::to_string(now.ns);
}

Timestamp take_moment(std::string& cursor, Timestamp otherwise) {
    const std::size_t dot = cursor.find('.');
    if (dot == std::string::npos) return otherwise;
    Timestamp moment;
    const char* end = cursor.data() + cursor.size();
    const auto [stop, error] = std::from_chars(cursor.data() + dot + 1, end, moment.ns);
    // Left as it is, it is no cursor of any store.
    if (error != std::errc() || stop != end) return otherwise;
    cursor.resize(dot);
    return moment;
}

}  // namespace chronos::wire
