// Asking the person at the terminal.
//
// Threads: one.
#pragma once

#include <string_view>

#include "app/program.h"

namespace chronos::app {

/// Somebody is there to read a question and to answer it, and JSON was not asked for.
bool can_ask(const Program& program);

/// Asks on standard error; answers the first letter of what was typed. `otherwise` for an empty answer, the end of the
/// input, and after a few answers that start with none of `letters`. Requires: `letters` are lower-case.
char ask(std::string_view question, std::string_view letters, char otherwise);

}  // namespace chronos::app
