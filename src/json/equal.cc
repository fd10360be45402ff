#include "json/equal.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "json/number.h"
#include "json/scan.h"
#include "json/validate.h"

namespace chronos::json {
namespace {

constexpr Limits kAnyValue = {.keys_per_object_max = std::numeric_limits<std::size_t>::max(),
                              .tokens_max = std::numeric_limits<std::size_t>::max()};

struct Field {
    std::string key;
    std::string_view value;
};

bool is_equal(std::string_view a, std::string_view b, std::size_t depth);

/// The field the scanner is at and all after it, by key.
std::vector<Field> take_sorted_fields(ObjectScanner& scanner) {
    std::vector<Field> fields;
    std::string scratch;
    do {
        const std::string_view key = unescaped(scanner.raw_key(), scratch);
        fields.push_back({.key = std::string(key), .value = scanner.value()});
    } while (scanner.next());
    std::ranges::sort(fields, {}, &Field::key);
    return fields;
}

bool equal_in_any_order(ObjectScanner& left, ObjectScanner& right, std::size_t depth) {
    const auto is_same = [depth](const Field& l, const Field& r) {
        return l.key == r.key && is_equal(l.value, r.value, depth);
    };
    return std::ranges::equal(take_sorted_fields(left), take_sorted_fields(right), is_same);
}

/// Most pairs were written by the same program: walk along both, and sort only what comes after
/// they part. No value is compared twice, or hostile nesting would make this exponential.
bool equal_objects(std::string_view a, std::string_view b, std::size_t depth) {
    ObjectScanner left(a);
    ObjectScanner right(b);
    for (;;) {
        const bool has_left = left.next();
        const bool has_right = right.next();
        if (has_left != has_right) return false;
        if (!has_left) return true;
        if (left.raw_key() != right.raw_key()) return equal_in_any_order(left, right, depth);
        if (!is_equal(left.value(), right.value(), depth)) return false;
    }
}

bool equal_arrays(std::string_view a, std::string_view b, std::size_t depth) {
    ArrayScanner left(a);
    ArrayScanner right(b);
    for (;;) {
        const bool has_left = left.next();
        const bool has_right = right.next();
        if (has_left != has_right) return false;
        if (!has_left) return true;
        if (!is_equal(left.value(), right.value(), depth)) return false;
    }
}

bool equal_strings(std::string_view a, std::string_view b) {
    std::string scratch_a;
    std::string scratch_b;
    return unescaped(string_body(a), scratch_a) == unescaped(string_body(b), scratch_b);
}

bool is_number(std::string_view value) {
    return value.front() == '-' || (value.front() >= '0' && value.front() <= '9');
}

/// Requires: no white space around the values.
bool is_equal(std::string_view a, std::string_view b, std::size_t depth) {
    if (a == b) return true;
    if (a.empty() || b.empty() || depth > kDepthMax) return false;
    if (is_number(a)) return is_number(b) && compare_numbers(a, b) == 0;
    if (a.front() != b.front()) return false;
    switch (a.front()) {
        case '"': return equal_strings(a, b);
        case '[': return equal_arrays(a, b, depth + 1);
        case '{': return equal_objects(a, b, depth + 1);
        default: return false;  // true, false and null have one spelling
    }
}

}  // namespace

bool equal_as_values(std::string_view a, std::string_view b) {
    if (a == b) return true;
    if (!validate_json(a, kAnyValue).ok() || !validate_json(b, kAnyValue).ok()) return false;
    return equal_valid_values(a, b);
}

bool equal_valid_values(std::string_view a, std::string_view b) { return is_equal(trimmed(a), trimmed(b), 0); }

}  // namespace chronos::json
