// Questions about fields of a payload: "is /customer/country equal to "DE"?"
//
// Use:
//     ASSIGN_OR_RETURN(Operator op, parse_operator(">="));
//     ASSIGN_OR_RETURN(CompiledPredicate predicate, CompiledPredicate::compile("/total", op,
//     "100")); if (predicate.matches(payload)) ...
//
// Fields are named by JSON Pointer (RFC 6901): "" is the whole payload, "/items/0/sku" goes into an
// array, "~1" stands for '/' and "~0" for '~'.
//
// A predicate on a field that is not there is false, whatever the operator: `!=` asks for a field
// that is there and differs. null is a value like any other.
//
// Threads: immutable after compile(); matches() may be called from any number of threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/result.h"

namespace chronos::json {

enum class Operator : std::uint8_t {
    kEqual,     ///< The same value: 1 equals 1.0, the order of keys does not matter.
    kNotEqual,  ///< There, and another value.
    kLess,      ///< Number with number by value, string with string bytewise; else false.
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kContains,  ///< Part of a string; element of an array; key of an object.
    kExists,    ///< There, be it null. The operand is not looked at.
};

/// Reads "=", "==", "!=", "<", "<=", ">", ">=", "contains" or "exists".
Result<Operator> parse_operator(std::string_view text);

/// One step of a JSON Pointer.
struct PointerSegment {
    static constexpr std::size_t kNoIndex = std::numeric_limits<std::size_t>::max();

    std::string key;
    std::size_t index = kNoIndex;  ///< What `key` means in an array.
};

/// Reads a JSON Pointer: "" has no segments.
///
/// Errors: kInvalidArgument — does not start with '/', or '~' without 0 or 1; kLimitExceeded.
Result<std::vector<PointerSegment>> parse_pointer(std::string_view pointer);

/// Appends '/' and `key`, escaped, to a pointer.
void append_pointer_segment(std::string& pointer, std::string_view key);

/// The value `segments` lead to from `value`; a slice of it. Requires: `value` is valid JSON.
std::optional<std::string_view> find_value(std::string_view value, const std::vector<PointerSegment>& segments,
                                           std::size_t first_segment = 0);

/// One question, ready to be asked often.
class CompiledPredicate {
public:
    /// Errors: kInvalidArgument — a malformed pointer, or an operand that is not JSON.
    static Result<CompiledPredicate> compile(std::string_view pointer, Operator op, std::string_view operand_json);

    /// Requires: `payload` is valid JSON; the answer about other text is false or meaningless.
    bool matches(std::string_view payload) const;

    const std::vector<PointerSegment>& segments() const { return segments_; }

    /// Whether a field that is there with `value` satisfies the predicate.
    bool accepts(std::string_view value) const;

private:
    CompiledPredicate() = default;
    bool is_ordered(std::string_view value) const;
    bool is_contained_in(std::string_view value) const;

    std::vector<PointerSegment> segments_;
    Operator op_ = Operator::kExists;
    std::string operand_;                      ///< JSON, without white space around it.
    std::optional<std::string> operand_text_;  ///< What a string operand stands for.
};

/// Several predicates that must all hold, answered in one walk over the payload.
class PredicateSet {
public:
    static constexpr std::size_t kPredicatesMax = 64;

    /// Errors: kLimitExceeded — more than kPredicatesMax.
    static Result<PredicateSet> create(std::vector<CompiledPredicate> predicates);

    /// Whether all hold; an empty set holds for everything. Requires: `payload` is valid JSON.
    bool matches(std::string_view payload) const;

    bool empty() const { return predicates_.empty(); }

private:
    bool all_hold(std::uint64_t candidates, std::string_view value, std::size_t depth) const;

    std::vector<CompiledPredicate> predicates_;
};

}  // namespace chronos::json
