// The help of commands in words of people instead of those of the parser.
//
// Threads: values.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace chronos::app {

/// "--batch N   Events appended as one (1 to 100000; default: 1000)".
class HelpText : public CLI::Formatter {
public:
    [[nodiscard]] std::string make_option_opts(const CLI::Option* option) const override;
    [[nodiscard]] std::string make_option_desc(const CLI::Option* option) const override;
};

}  // namespace chronos::app
