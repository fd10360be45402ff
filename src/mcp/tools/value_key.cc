#include "mcp/tools/value_key.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

#include "json/scan.h"
#include "mcp/json_rpc.h"

namespace chronos::mcp {
namespace {

/// Digits before or behind the point that are written out; beyond them there is an exponent.
constexpr std::int64_t kPlainDigitsMax = 20;

/// What is left of a number without its sign: 0.<digits> × 10^exponent, no zero at either end of the digits.
struct Decimal {
    std::string digits;
    std::int64_t exponent = 0;
};

Decimal decimal_of(std::string_view number) {
    constexpr std::int64_t kExponentMax = std::int64_t{1} << 60;
    Decimal out;
    const std::size_t mark = std::min(number.find_first_of("eE"), number.size());
    const std::string_view mantissa = number.substr(0, mark);
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    out.exponent = static_cast<std::int64_t>(point);
    for (const char c : mantissa) {
        if (c != '.') out.digits += c;
    }
    if (mark < number.size()) {
        std::string_view text = number.substr(mark + 1);
        if (text.starts_with('+')) text.remove_prefix(1);
        std::int64_t shift = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), shift);
        if (error != std::errc()) shift = text.starts_with('-') ? -kExponentMax : kExponentMax;
        out.exponent += std::clamp(shift, -kExponentMax, kExponentMax);
    }
    const std::size_t first = std::min(out.digits.find_first_not_of('0'), out.digits.size());
    out.exponent -= static_cast<std::int64_t>(first);
    out.digits.erase(0, first);
    out.digits.erase(out.digits.find_last_not_of('0') + 1);
    return out;
}

std::string canonical_number(std::string_view number) {
    const bool is_negative = number.starts_with('-');
    const auto [digits, exponent] = decimal_of(number.substr(is_negative ? 1 : 0));
    if (digits.empty()) return "0";
    std::string out = is_negative ? "-" : "";
    const auto size = static_cast<std::int64_t>(digits.size());
    if (exponent > kPlainDigitsMax || exponent < -kPlainDigitsMax) {
        out += digits.substr(0, 1);
        if (size > 1) out += "." + digits.substr(1);
        return out + "e" + std::to_string(exponent - 1);
    }
    if (exponent <= 0) return out + "0." + std::string(static_cast<std::size_t>(-exponent), '0') + digits;
    if (exponent >= size) return out + digits + std::string(static_cast<std::size_t>(exponent - size), '0');
    const auto point = static_cast<std::size_t>(exponent);
    return out + digits.substr(0, point) + "." + digits.substr(point);
}

std::string canonical_string(std::string_view raw_body) {
    if (raw_body.find('\\') == std::string_view::npos) return '"' + std::string(raw_body) + '"';
    std::string scratch;
    return mcp::text_of(Json(json::unescaped(raw_body, scratch)));
}

std::string canonical_object(std::string_view value) {
    std::vector<std::pair<std::string, std::string>> members;
    json::ObjectScanner scanner(value);
    while (scanner.next()) members.emplace_back(canonical_string(scanner.raw_key()), canonical_json(scanner.value()));
    std::sort(members.begin(), members.end());
    std::string out = "{";
    for (const auto& [name, member] : members) {
        if (out.size() > 1) out += ',';
        out += name;
        out += ':';
        out += member;
    }
    return out + "}";
}

std::string canonical_array(std::string_view value) {
    std::string out = "[";
    json::ArrayScanner scanner(value);
    while (scanner.next()) {
        if (out.size() > 1) out += ',';
        out += canonical_json(scanner.value());
    }
    return out + "]";
}

}  // namespace

std::string canonical_json(std::string_view value) {
    if (value.starts_with('"')) return canonical_string(json::string_body(value));
    if (value.starts_with('{')) return canonical_object(value);
    if (value.starts_with('[')) return canonical_array(value);
    if (value.starts_with('-') || (!value.empty() && value.front() >= '0' && value.front() <= '9'))
        return canonical_number(value);
    return std::string(value);
}

}  // namespace chronos::mcp
