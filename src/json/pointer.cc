#include "json/pointer.h"

#include <array>
#include <bit>
#include <charconv>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "json/equal.h"
#include "json/number.h"
#include "json/scan.h"
#include "json/validate.h"

namespace chronos::json {
namespace {

constexpr std::array<std::pair<std::string_view, Operator>, 9> kOperators = {{
    {"=", Operator::kEqual},
    {"==", Operator::kEqual},
    {"!=", Operator::kNotEqual},
    {"<", Operator::kLess},
    {"<=", Operator::kLessOrEqual},
    {">", Operator::kGreater},
    {">=", Operator::kGreaterOrEqual},
    {"contains", Operator::kContains},
    {"exists", Operator::kExists},
}};

bool is_number(std::string_view value) {
    return !value.empty() && (value.front() == '-' || (value.front() >= '0' && value.front() <= '9'));
}

bool holds(Operator op, std::strong_ordering order) {
    switch (op) {
        case Operator::kLess: return order < 0;
        case Operator::kLessOrEqual: return order <= 0;
        case Operator::kGreater: return order > 0;
        case Operator::kGreaterOrEqual: return order >= 0;
        default: return false;
    }
}

/// What the segment means in an array: digits without a leading zero ("-" is the element not there
/// yet).
std::size_t array_index(std::string_view key) {
    if (key.empty() || (key.front() == '0' && key.size() > 1)) return PointerSegment::kNoIndex;
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    const bool is_index = error == std::errc() && end == key.data() + key.size();
    return is_index ? index : PointerSegment::kNoIndex;
}

Result<PointerSegment> read_segment(std::string_view escaped) {
    PointerSegment segment;
    for (std::size_t i = 0; i < escaped.size(); ++i) {
        if (escaped[i] != '~') {
            segment.key += escaped[i];
            continue;
        }
        const char next = i + 1 < escaped.size() ? escaped[i + 1] : '\0';
        if (next != '0' && next != '1') {
            return base::fail(ErrorCode::kInvalidArgument, "'~' in a JSON Pointer must be followed by 0 or 1");
        }
        segment.key += next == '0' ? '~' : '/';
        ++i;
    }
    segment.index = array_index(segment.key);
    return segment;
}

std::optional<std::string_view> find_child(std::string_view value, const PointerSegment& segment) {
    if (value.starts_with('{')) {
        std::string scratch;
        for (ObjectScanner fields(value); fields.next();) {
            if (unescaped(fields.raw_key(), scratch) == segment.key) return fields.value();
        }
    } else if (value.starts_with('[') && segment.index != PointerSegment::kNoIndex) {
        std::size_t index = 0;
        for (ArrayScanner elements(value); elements.next(); ++index) {
            if (index == segment.index) return elements.value();
        }
    }
    return std::nullopt;
}

}  // namespace

Result<Operator> parse_operator(std::string_view text) {
    for (const auto& [name, op] : kOperators) {
        if (name == text) return op;
    }
    std::string known;
    for (const auto& [name, op] : kOperators) known += (known.empty() ? "" : ", ") + std::string(name);
    return base::fail(ErrorCode::kInvalidArgument,
                      "unknown operator '" + base::shortened(text) + "'; known are " + known);
}

Result<std::vector<PointerSegment>> parse_pointer(std::string_view pointer) {
    std::vector<PointerSegment> segments;
    std::string_view rest = pointer;
    while (!rest.empty()) {
        if (rest.front() != '/') {
            return base::fail(ErrorCode::kInvalidArgument,
                              "a JSON Pointer is empty or starts with '/': '" + base::shortened(pointer) + "'");
        }
        if (segments.size() == kDepthMax) {
            return base::fail(ErrorCode::kLimitExceeded,
                              "a JSON Pointer has at most " + std::to_string(kDepthMax) + " segments");
        }
        rest.remove_prefix(1);
        const std::size_t size = std::min(rest.find('/'), rest.size());
        ASSIGN_OR_RETURN(PointerSegment segment, read_segment(rest.substr(0, size)));
        segments.push_back(std::move(segment));
        rest.remove_prefix(size);
    }
    return segments;
}

void append_pointer_segment(std::string& pointer, std::string_view key) {
    pointer += '/';
    for (const char c : key) {
        if (c == '~') {
            pointer += "~0";
        } else if (c == '/') {
            pointer += "~1";
        } else {
            pointer += c;
        }
    }
}

std::optional<std::string_view> find_value(std::string_view value, const std::vector<PointerSegment>& segments,
                                           std::size_t first_segment) {
    std::optional<std::string_view> found = trimmed(value);
    if (found->empty()) return std::nullopt;
    for (std::size_t i = first_segment; found && i < segments.size(); ++i) {
        found = find_child(*found, segments[i]);
    }
    return found;
}

Result<CompiledPredicate> CompiledPredicate::compile(std::string_view pointer, Operator op,
                                                     std::string_view operand_json) {
    CompiledPredicate predicate;
    ASSIGN_OR_RETURN(predicate.segments_, parse_pointer(pointer));
    predicate.op_ = op;
    if (op == Operator::kExists) return predicate;
    Status status = validate_json(operand_json);
    if (!status.ok()) {
        return base::with_context(std::move(status).error(), "operand for '" + base::shortened(pointer) + "'");
    }
    predicate.operand_ = trimmed(operand_json);
    if (predicate.operand_.starts_with('"')) {
        std::string scratch;
        predicate.operand_text_ = std::string(unescaped(string_body(predicate.operand_), scratch));
    }
    return predicate;
}

bool CompiledPredicate::matches(std::string_view payload) const {
    const std::optional<std::string_view> value = find_value(payload, segments_);
    return value && accepts(*value);
}

bool CompiledPredicate::accepts(std::string_view value) const {
    switch (op_) {
        case Operator::kExists: return true;
        case Operator::kEqual: return equal_valid_values(value, operand_);
        case Operator::kNotEqual: return !equal_valid_values(value, operand_);
        case Operator::kContains: return is_contained_in(value);
        default: return is_ordered(value);
    }
}

bool CompiledPredicate::is_ordered(std::string_view value) const {
    if (operand_text_) {
        std::string scratch;
        return value.starts_with('"') &&
               holds(op_, unescaped(string_body(value), scratch) <=> std::string_view(*operand_text_));
    }
    return is_number(value) && is_number(operand_) && holds(op_, compare_numbers(value, operand_));
}

bool CompiledPredicate::is_contained_in(std::string_view value) const {
    if (value.starts_with('[')) {
        for (ArrayScanner elements(value); elements.next();) {
            if (equal_valid_values(elements.value(), operand_)) return true;
        }
        return false;
    }
    if (!operand_text_) return false;
    std::string scratch;
    if (value.starts_with('"')) {
        return unescaped(string_body(value), scratch).find(*operand_text_) != std::string_view::npos;
    }
    return find_child(value, {.key = *operand_text_}).has_value();
}

Result<PredicateSet> PredicateSet::create(std::vector<CompiledPredicate> predicates) {
    if (predicates.size() > kPredicatesMax) {
        return base::fail(ErrorCode::kLimitExceeded,
                          "at most " + std::to_string(kPredicatesMax) + " predicates at once");
    }
    PredicateSet set;
    set.predicates_ = std::move(predicates);
    return set;
}

bool PredicateSet::matches(std::string_view payload) const {
    if (predicates_.empty()) return true;
    const std::uint64_t all = ~std::uint64_t{0} >> (kPredicatesMax - predicates_.size());
    const std::string_view value = trimmed(payload);
    return !value.empty() && all_hold(all, value, 0);
}

/// Whether all `candidates` (a bit for each predicate) hold for `value`, to which the first `depth`
/// segments of each led. Stops at the first that does not.
bool PredicateSet::all_hold(std::uint64_t candidates, std::string_view value, std::size_t depth) const {
    std::uint64_t deeper = 0;
    for (; candidates != 0; candidates &= candidates - 1) {
        const auto index = static_cast<std::size_t>(std::countr_zero(candidates));
        if (predicates_[index].segments().size() > depth) {
            deeper |= std::uint64_t{1} << index;
        } else if (!predicates_[index].accepts(value)) {
            return false;
        }
    }

    const auto hold_for_child = [&](std::string_view child, const auto& leads_to_child) {
        std::uint64_t chosen = 0;
        for (std::uint64_t left = deeper; left != 0; left &= left - 1) {
            const auto index = static_cast<std::size_t>(std::countr_zero(left));
            if (leads_to_child(predicates_[index].segments()[depth])) chosen |= std::uint64_t{1} << index;
        }
        deeper &= ~chosen;
        return chosen == 0 || all_hold(chosen, child, depth + 1);
    };
    if (value.starts_with('{')) {
        std::string scratch;
        for (ObjectScanner fields(value); deeper != 0 && fields.next();) {
            const std::string_view key = unescaped(fields.raw_key(), scratch);
            const auto is_key = [key](const PointerSegment& segment) { return segment.key == key; };
            if (!hold_for_child(fields.value(), is_key)) return false;
        }
    } else if (value.starts_with('[')) {
        std::size_t index = 0;
        for (ArrayScanner elements(value); deeper != 0 && elements.next(); ++index) {
            const auto is_index = [index](const PointerSegment& segment) { return segment.index == index; };
            if (!hold_for_child(elements.value(), is_index)) return false;
        }
    }
    return deeper == 0;  // what is left asks for a field that is not there
}

}  // namespace chronos::json
