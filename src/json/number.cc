#include "json/number.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace chronos::json {
namespace {

/// Exponents stop growing here, far beyond what any text can name with its digits alone.
constexpr std::int64_t kExponentMax = 1'000'000'000'000'000;

/// ±0.d1d2d3… × 10^magnitude with d1 not 0; the digits are `head` and then `tail`.
struct Decimal {
    bool is_negative = false;
    bool is_zero = false;
    std::int64_t magnitude = 0;
    std::string_view head;
    std::string_view tail;

    std::size_t digit_count() const { return head.size() + tail.size(); }
    char digit(std::size_t index) const {
        if (index < head.size()) return head[index];
        index -= head.size();
        return index < tail.size() ? tail[index] : '0';
    }
};

std::string_view take_digits(std::string_view& text) {
    std::size_t count = 0;
    while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
    const std::string_view digits = text.substr(0, count);
    text.remove_prefix(count);
    return digits;
}

/// Reads what follows the 'e'.
std::int64_t read_exponent(std::string_view text) {
    const bool is_negative = text.starts_with('-');
    if (is_negative || text.starts_with('+')) text.remove_prefix(1);
    std::int64_t exponent = 0;
    for (const char c : take_digits(text)) exponent = std::min(exponent * 10 + (c - '0'), kExponentMax);
    return is_negative ? -exponent : exponent;
}

Decimal read_decimal(std::string_view text) {
    Decimal decimal;
    decimal.is_negative = text.starts_with('-');
    if (decimal.is_negative) text.remove_prefix(1);
    decimal.head = take_digits(text);
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        decimal.tail = take_digits(text);
    }
    if (!text.empty()) decimal.magnitude = read_exponent(text.substr(1));
    if (decimal.head == "0") {
        const std::size_t zeros = std::min(decimal.tail.find_first_not_of('0'), decimal.tail.size());
        decimal.head = {};
        decimal.tail.remove_prefix(zeros);
        decimal.magnitude -= static_cast<std::int64_t>(zeros);
    }
    decimal.magnitude += static_cast<std::int64_t>(decimal.head.size());
    decimal.is_zero = decimal.digit_count() == 0;
    return decimal;
}

std::strong_ordering compare_absolute(const Decimal& left, const Decimal& right) {
    if (left.magnitude != right.magnitude) return left.magnitude <=> right.magnitude;
    const std::size_t count = std::max(left.digit_count(), right.digit_count());
    for (std::size_t i = 0; i < count; ++i) {
        if (left.digit(i) != right.digit(i)) return left.digit(i) <=> right.digit(i);
    }
    return std::strong_ordering::equal;
}

/// Reads an integer that fits; false for every other number.
bool read_small_integer(std::string_view text, std::int64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

int sign(const Decimal& decimal) {
    if (decimal.is_zero) return 0;
    return decimal.is_negative ? -1 : 1;
}

}  // namespace

std::strong_ordering compare_numbers(std::string_view left, std::string_view right) {
    std::int64_t left_integer = 0;
    std::int64_t right_integer = 0;
    if (read_small_integer(left, left_integer) && read_small_integer(right, right_integer)) {
        return left_integer <=> right_integer;
    }
    const Decimal l = read_decimal(left);
    const Decimal r = read_decimal(right);
    if (sign(l) != sign(r)) return sign(l) <=> sign(r);
    if (l.is_zero) return std::strong_ordering::equal;
    return l.is_negative ? compare_absolute(r, l) : compare_absolute(l, r);
}

bool overflows_double(std::string_view number) {
    const Decimal decimal = read_decimal(number);
    if (decimal.is_zero || decimal.magnitude < 309) return false;
    if (decimal.magnitude > 309) return true;
    double value = 0;  // between 1e308 and 1e309: only exact rounding can tell
    return std::from_chars(number.data(), number.data() + number.size(), value).ec != std::errc();
}

}  // namespace chronos::json
