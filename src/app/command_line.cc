#include "app/command_line.h"

#include <exception>
#include <memory>
#include <string>

#include "app/commands.h"
#include "app/failure.h"
#include "app/help_text.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "base/result.h"
#include "server/version.h"

namespace chronos::app {
namespace {

void add_commands(CLI::App& app, Program& program) {
    app.set_version_flag("--version", "chronos " + std::string(server::kVersion));
    app.footer(
        "\nExample:\n  chronos init --dir data\n  chronos append --dir data --entity order:1 "
        "--type order.placed "
        "--payload '{\"total\": 42}'\n  chronos state --dir data order:1\n\n"
        "`chronos <command> --help` says more.");
    app.require_subcommand(1);
    add_common_options(app, program.common);
    add_init_command(app, program);
    add_append_command(app, program);
    add_ingest_command(app, program);
    add_import_commands(app, program);
    add_export_command(app, program);
    add_query_command(app, program);
    add_state_command(app, program);
    add_history_command(app, program);
    add_diff_command(app, program);
    add_entities_command(app, program);
    add_stats_command(app, program);
    add_fork_commands(app, program);
    add_tail_command(app, program);
    add_top_command(app, program);
    add_serve_command(app, program);
    add_mcp_command(app, program);
    add_config_commands(app, program);
    add_backup_command(app, program);
    add_restore_command(app, program);
    add_verify_command(app, program);
    add_salvage_command(app, program);
    add_bench_commands(app, program);
    add_demo_command(app, program);
    add_completions_command(app, program);
    add_version_command(app, program);
}

int report(const Program& program, const Error& error) {
    write_to_stderr(program.common.json ? error_as_json(error, program.appends) + "\n" : error_as_text(error));
    return exit_code_of(error.code);
}

/// The innermost command that was named, for a hint on where to read on.
std::string named_command(const CLI::App& app) {
    const auto commands = app.get_subcommands();
    return app.get_name() + (commands.empty() ? "" : " " + named_command(*commands.front()));
}

int report_usage(const CLI::App& app, const Program& program, Error error) {
    if (!program.common.json) error.message += "\n`" + named_command(app) + " --help` says more";
    return report(program, error);
}

/// Nothing when a command is to be run, else the exit code.
std::optional<int> parse(CLI::App& app, Program& program, int argc, const char* const* argv) {
    try {
        app.parse(argc, argv);
        if (const Status status = check_no_value_is_empty(app); !status.ok())
            return report_usage(app, program, status.error());
        return std::nullopt;
    } catch (const CLI::CallForHelp&) {
        program.out.write(app.help());
        return kExitOk;
    } catch (const CLI::CallForVersion& version) {
        program.out.line(version.what());
        return kExitOk;
    } catch (const CLI::ParseError& error) {
        if (app.remaining_size(true) > 0) return report_usage(app, program, unknown_arguments(app));
        std::string message = error.what();
        if (message == "A subcommand is required") message = "a command is needed";
        return report_usage(app, program, base::fail(ErrorCode::kInvalidArgument, std::move(message)));
    }
}

/// A failed flush counts only when nothing else went wrong.
int finish(Program& program, int exit_code) {
    const Status flushed = program.out.flush();
    if (flushed.ok()) return exit_code;
    if (program.out.reader_left()) return exit_code == kExitOk ? kExitReaderLeft : exit_code;
    program.appends = false;  // It has been done; only the answer is lost.
    return report(program, flushed.error());
}

int run_chosen(Program& program) {
    if (const Status status = complete_common_options(program.common, program.reach); !status.ok())
        return report(program, status.error());
    const Result<int> result = program.chosen(program);
    if (result.ok()) return finish(program, *result);
    const bool silent = program.out.reader_left();
    (void)program.out.flush();
    return silent ? kExitReaderLeft : report(program, result.error());
}

}  // namespace

int run_command_line(int argc, const char* const* argv) {
    ignore_signals_of_failed_writes();
    Program program;
    CLI::App app("Chronos, an event store", "chronos");
    app.formatter(std::make_shared<HelpText>());  // Which commands take from it.
    add_commands(app, program);
    try {
        if (const std::optional<int> exit_code = parse(app, program, argc, argv)) return finish(program, *exit_code);
        return run_chosen(program);
    } catch (const std::exception& error) {
        return report(program, base::fail(ErrorCode::kIo, std::string("stopped: ") + error.what()));
    }
}

}  // namespace chronos::app
