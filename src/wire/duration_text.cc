#include "wire/duration_text.h"

#include <array>
#include <charconv>

#include "base/result.h"
#include "base/utf8.h"

namespace chronos::wire {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kMinuteNs = 60 * kSecondNs;
constexpr std::int64_t kHourNs = 60 * kMinuteNs;
constexpr std::int64_t kDayNs = 24 * kHourNs;

/// 0 for a unit that is not known.
std::int64_t unit_ns(std::string_view unit) {
    if (unit.empty() || unit == "s") return kSecondNs;
    if (unit == "m" || unit == "min") return kMinuteNs;
    if (unit == "h") return kHourNs;
    if (unit == "d") return kDayNs;
    if (unit == "w") return 7 * kDayNs;
    return 0;
}

}  // namespace

Result<std::int64_t> parse_duration(std::string_view text) {
    std::int64_t count = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, count);
    std::string_view unit(stop, static_cast<std::size_t>(end - stop));
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    const std::int64_t length_ns = unit_ns(unit);
    std::int64_t ns = 0;
    if (error == std::errc() && count >= 0 && length_ns != 0 && !__builtin_mul_overflow(count, length_ns, &ns))
        return ns;
    return base::fail(ErrorCode::kInvalidArgument,
                      "'" + base::shortened(text) +
                          "' is no length of time: write a whole number and s, m, h, d or w, as in 10m or 7d; "
                          "without a unit it is seconds");
}

std::string duration_text(std::int64_t ns) {
    if (ns < kSecondNs) return "0s";
    struct Unit {
        std::int64_t ns;
        const char* name;
    };
    static constexpr std::array<Unit, 4> kUnits{{{kDayNs, "d"}, {kHourNs, "h"}, {kMinuteNs, "m"}, {kSecondNs, "s"}}};
    // A life of a day or two is told in hours.
    std::size_t index = ns < 2 * kDayNs ? 1 : 0;
    while (ns < kUnits[index].ns) ++index;
    std::string text = std::to_string(ns / kUnits[index].ns) + kUnits[index].name;
    if (index + 1 == kUnits.size()) return text;
    const std::int64_t rest = ns % kUnits[index].ns / kUnits[index + 1].ns;
    if (rest > 0) text += " " + std::to_string(rest) + kUnits[index + 1].name;
    return text;
}

}  // namespace chronos::wire
