// The commands of mcp-cli.
//
// Threads: one.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "app/program.h"

namespace chronos::mcp_cli {

struct Options {
    app::Program program;
    std::string command;  ///< That starts a server; empty: the directory or URL of the common options.
};

void add_query_command(CLI::App& parent, Options& options);
void add_create_fork_command(CLI::App& parent, Options& options);
void add_tools_command(CLI::App& parent, Options& options);
void add_call_command(CLI::App& parent, Options& options);
void add_ask_advice_command(CLI::App& parent, Options& options);

}  // namespace chronos::mcp_cli
