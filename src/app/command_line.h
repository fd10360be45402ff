// The command line as a whole: reads it, runs the command, reports how it went.
//
// Threads: called once.
#pragma once

namespace chronos::app {

/// Answers the exit code; docs/reference/command-line.md lists them.
int run_command_line(int argc, const char* const* argv);

}  // namespace chronos::app
