// A command of the user's, run in this terminal as a shell would run it.
//
// Threads: one, and one command at a time.
#pragma once

#include <string>
#include <vector>

#include "chronos/result.h"

namespace chronos::app {

/// Runs `words[0]`, looked up on the PATH, with our standard streams and our environment with `variables`
/// ("NAME=value") set in it, and waits for its end. Meanwhile Ctrl-C is for the command alone, and SIGTERM is handed on
/// to it.
///
/// Answers its exit code; 128 and the number of the signal that ended it.
/// Errors: kNotFound — there is no such program; kIo. It was not run then.
Result<int> run_in_foreground(const std::vector<std::string>& words, const std::vector<std::string>& variables);

}  // namespace chronos::app
