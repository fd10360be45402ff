// chronos import git: the command around import_git.
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/fork_option.h"
#include "app/import_git.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "app/terminal.h"
#include "base/result.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

struct GitFlags {
    GitImportOptions import;
    ForkFlag fork;
    bool accept_clock = false;
};

Result<int> run_import_git(Program& program, const GitFlags& flags) {
    GitImportOptions options = flags.import;
    RETURN_IF_ERROR(check_repository(options));
    ASSIGN_OR_RETURN(const auto endpoint, open_for_writing(program, flags.fork, {.accept_clock = flags.accept_clock}));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.fork));
    options.into = branch.name;
    catch_interrupts();
    const std::int64_t started_ns = program.world.clock.monotonic_ns();
    ASSIGN_OR_RETURN(const GitImportResult result, import_git(program, store, options));
    const std::int64_t elapsed_ns = program.world.clock.monotonic_ns() - started_ns;
    RETURN_IF_ERROR(store.close());
    if (program.common.json) {
        std::string out;
        json::ObjectWriter(out)
            .field("commits", result.commits)
            .field("duplicate_commits", result.duplicate_commits)
            .field("appended", result.appended_events)
            .field("seconds", static_cast<double>(elapsed_ns) / 1e9)
            .end();
        program.out.line(out);
    } else {
        program.out.line(counted(result.commits, "commit") + ", of which " + with_separators(result.duplicate_commits) +
                         " were there; " + counted(result.appended_events, "event") + " appended in " +
                         human_duration(elapsed_ns));
    }
    return interrupted_by() != 0 ? interrupted_exit_code() : kExitOk;
}

}  // namespace

void add_import_git_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<GitFlags>();
    GitImportOptions& options = flags->import;
    CLI::App* command =
        add_command(parent, program,
                    {.name = "git",
                     .about = "Each commit as one batch: commit.created, and file.added, file.modified, "
                              "file.deleted or file.renamed for each file. Again: only what is new",
                     .example = "chronos import git path/to/repository\n"
                                "  chronos state file:README.md --as-of 2026-01-01",
                     .appends = true});
    command->add_option("repository", options.repository, "Path of the repository")->required()->type_name("PATH");
    command->add_option("--branch", options.branch, "Branch, tag or commit to start from")->capture_default_str();
    command->add_option("--max-commits", options.max_commits, "Only the newest so many (default: all)")
        ->check(whole_number(1, kCountMax));
    command->add_flag("--accept-older", options.accept_older,
                      "Append commits that come before some that are there; then states are right "
                      "only with --fold-order occurred");
    flags->fork.add_to(command);
    add_accept_clock(command, flags->accept_clock);
    on_chosen(command, program, [flags](Program& p) { return run_import_git(p, *flags); });
}

}  // namespace chronos::app
