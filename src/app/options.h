// Options that several commands have, and the checks that every option gets.
//
// Threads: one, while the command line is built and read.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "chronos/result.h"
#include "chronos/types.h"

namespace chronos::app {

/// More than any store holds, and far from where sums overflow.
inline constexpr std::uint64_t kCountMax = 1'000'000'000'000;

/// The value must be a whole number, in decimal digits and without leading zeros.
CLI::Validator whole_number(std::uint64_t min, std::uint64_t max);

/// The value must be one of these.
CLI::Validator one_of(const std::vector<std::string>& words);

/// An option that may be repeated and takes one value each time.
CLI::Option* add_repeatable(CLI::App* command, const std::string& name, std::vector<std::string>& values,
                            const std::string& about);

/// The words of a command to run: everything from the first word that is no option, or behind --. They may be empty.
CLI::Option* add_passed_on(CLI::App* command, const std::string& name, std::vector<std::string>& words,
                           const std::string& about);

/// --durability.
void add_durability(CLI::App* command, Durability& durability);

/// --accept-clock.
void add_accept_clock(CLI::App* command, bool& accept_clock);

/// An empty value, as an unset variable of a shell leaves it behind, must not read as "not given".
///
/// Errors: kInvalidArgument, naming the option of `app` or its chosen commands that has one.
Status check_no_value_is_empty(const CLI::App& app);

/// What is wrong with the arguments that `app` could not place, with the word that may have been
/// meant. Requires: there are some.
Error unknown_arguments(const CLI::App& app);

}  // namespace chronos::app
