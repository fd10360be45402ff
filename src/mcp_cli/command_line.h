// The command line of mcp-cli as a whole: reads it, runs the command, reports how it went.
//
// Threads: called once.
#pragma once

namespace chronos::mcp_cli {

/// Answers the exit code; they are those of chronos.
int run_command_line(int argc, const char* const* argv);

}  // namespace chronos::mcp_cli
