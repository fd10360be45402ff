#include "mcp_cli/command_line.h"

#include <exception>
#include <string>

#include "app/failure.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "base/result.h"
#include "mcp_cli/commands.h"
#include "server/version.h"

namespace chronos::mcp_cli {
namespace {

/// Errors of this program begin with its own name.
int report(const app::Program& program, const Error& error) {
    std::string text =
        program.common.json ? app::error_as_json(error, program.appends) + "\n" : app::error_as_text(error);
    constexpr std::string_view kOther = "chronos: ";
    if (text.starts_with(kOther)) text = "mcp-cli: " + text.substr(kOther.size());
    app::write_to_stderr(text);
    return app::exit_code_of(error.code);
}

int finish(app::Program& program, int exit_code) {
    const Status flushed = program.out.flush();
    if (flushed.ok()) return exit_code;
    if (program.out.reader_left()) return exit_code == app::kExitOk ? app::kExitReaderLeft : exit_code;
    program.appends = false;
    return report(program, flushed.error());
}

int parse_and_run(CLI::App& command_line, app::Program& program, int argc, const char* const* argv) {
    try {
        command_line.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        program.out.write(command_line.help());
        return finish(program, app::kExitOk);
    } catch (const CLI::CallForVersion& version) {
        program.out.line(version.what());
        return finish(program, app::kExitOk);
    } catch (const CLI::ParseError& error) {
        if (command_line.remaining_size(true) > 0) return report(program, app::unknown_arguments(command_line));
        return report(program, base::fail(ErrorCode::kInvalidArgument, error.what()));
    }
    if (const Status status = app::check_no_value_is_empty(command_line); !status.ok())
        return report(program, status.error());
    if (const Status status = app::complete_common_options(program.common, app::Reach::kEither); !status.ok())
        return report(program, status.error());
    const Result<int> result = program.chosen(program);
    if (result.ok()) return finish(program, *result);
    (void)program.out.flush();
    return report(program, result.error());
}

}  // namespace

int run_command_line(int argc, const char* const* argv) {
    app::ignore_signals_of_failed_writes();
    Options options;
    CLI::App command_line("A client for MCP servers, Chronos first of all", "mcp-cli");
    command_line.set_version_flag("--version", "mcp-cli " + std::string(server::kVersion));
    command_line.footer(
        "\nExample:\n  mcp-cli query --entity user-123 --time-travel 2024-01-01\n  mcp-cli create-fork --ttl 3600\n  "
        "mcp-cli tools --command 'chronos mcp --dir data'\n\nWithout --url or --command it opens the store of --dir.");
    command_line.require_subcommand(1);
    add_query_command(command_line, options);
    add_create_fork_command(command_line, options);
    add_tools_command(command_line, options);
    add_call_command(command_line, options);
    add_ask_advice_command(command_line, options);
    try {
        return parse_and_run(command_line, options.program, argc, argv);
    } catch (const std::exception& error) {
        return report(options.program, base::fail(ErrorCode::kIo, std::string("stopped: ") + error.what()));
    }
}

}  // namespace chronos::mcp_cli
