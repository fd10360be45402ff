#include "mcp/tools/numbers.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace chronos::mcp {
namespace {

constexpr int kDecimals = 9;
constexpr int kDigitsMax = 18;
constexpr std::int64_t kBillion = 1'000'000'000;

/// Splits "-12.50" into sign, "12" and "50"; false for what has an exponent or too many digits.
bool split(std::string_view number, bool& is_negative, std::string_view& whole, std::string_view& decimals) {
    is_negative = number.starts_with('-');
    if (is_negative) number.remove_prefix(1);
    if (number.find_first_of("eE") != std::string_view::npos) return false;
    const std::size_t dot = std::min(number.find('.'), number.size());
    whole = number.substr(0, dot);
    decimals = dot < number.size() ? number.substr(dot + 1) : std::string_view();
    while (decimals.ends_with('0')) decimals.remove_suffix(1);
    return whole.size() <= kDigitsMax && decimals.size() <= kDecimals;
}

std::int64_t digits(std::string_view text) {
    std::int64_t value = 0;
    for (const char c : text) value = value * 10 + (c - '0');
    return value;
}

}  // namespace

void DecimalSum::add(std::string_view number) {
    approximate_ += std::strtod(std::string(number).c_str(), nullptr);
    bool is_negative = false;
    std::string_view whole;
    std::string_view decimals;
    if (!split(number, is_negative, whole, decimals)) {
        is_exact_ = false;
        return;
    }
    std::string billionths(decimals);
    billionths.resize(kDecimals, '0');
    const Wide value = static_cast<Wide>(digits(whole)) * kBillion + digits(billionths);
    billionths_ += is_negative ? -value : value;
}

double DecimalSum::as_double() const {
    return is_exact_ ? static_cast<double>(billionths_) / static_cast<double>(kBillion) : approximate_;
}

Json DecimalSum::value() const {
    if (!is_exact_) return approximate_;
    const Wide whole = billionths_ / kBillion;
    if (billionths_ % kBillion == 0 && whole <= INT64_MAX && whole >= INT64_MIN)
        return static_cast<std::int64_t>(whole);
    return as_double();
}

}  // namespace chronos::mcp
