// The parameters of a request, from a query string or from the members of a JSON object: the same names and meanings
// in both.
//
// Use:
//     ASSIGN_OR_RETURN(Parameters parameters, Parameters::from_query("limit=10&event_type=a&event_type=b"));
//     ASSIGN_OR_RETURN(const auto limit, parameters.take_number("limit"));
//     RETURN_IF_ERROR(parameters.check_all_taken());     // whatever nobody asked for is a mistake, not ignored
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/result.h"

namespace chronos::wire {

/// Undoes percent-encoding. Errors: kInvalidArgument — cut off, not hexadecimal, not UTF-8, or a NUL.
Result<std::string> percent_decoded(std::string_view text, bool plus_is_space);

/// The query string without the parameters of this name.
std::string without_parameter(std::string_view query, std::string_view name);

class Parameters {
public:
    /// Errors: kInvalidArgument, kLimitExceeded — more than 1,000.
    static Result<Parameters> from_query(std::string_view query);
    /// Strings are taken as what they say, other values as their JSON text, arrays of scalars as one value each; null
    /// counts as left out. Empty text counts as {}.
    ///
    /// Errors: kInvalidArgument, kLimitExceeded.
    static Result<Parameters> from_json(std::string_view json);

    void add(std::string name, std::string value) {
        entries_.push_back({.name = std::move(name), .value = std::move(value)});
    }
    /// What `other` has besides.
    void add_all(Parameters other);

    [[nodiscard]] bool has(std::string_view name) const;
    /// Its values, which stay to be taken; valid as long as this is there and nothing is added.
    [[nodiscard]] std::vector<std::string_view> values_of(std::string_view name) const;
    /// The value, or nothing. Errors: kInvalidArgument — given more than once.
    Result<std::optional<std::string>> take(std::string_view name);
    /// The same; empty when it is not there.
    Result<std::string> take_text(std::string_view name);
    std::vector<std::string> take_all(std::string_view name);
    /// Errors: kInvalidArgument — not a whole number, or twice.
    Result<std::optional<std::uint64_t>> take_number(std::string_view name);
    /// true, false, 1, 0. Errors: kInvalidArgument.
    Result<bool> take_flag(std::string_view name, bool otherwise);
    /// One of `words`, else the first of them when it is not there. Errors: kInvalidArgument, listing them.
    Result<std::string> take_word(std::string_view name, const std::vector<std::string>& words);

    /// Errors: kInvalidArgument — one that nobody took, with the name that may have been meant.
    [[nodiscard]] Status check_all_taken() const;

private:
    struct Entry {
        std::string name;
        std::string value;
        bool is_taken = false;
    };
    std::vector<Entry> entries_;
    std::vector<std::string> asked_for_;
};

}  // namespace chronos::wire
