// chronos fork create.
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/fork_create_options.h"
#include "app/fork_text.h"
#include "base/result.h"
#include "base/utf8.h"
#include "wire/duration_text.h"
#include "wire/fork_json.h"

namespace chronos::app {
namespace {

void write_created(Program& program, const ForkInfo& fork) {
    if (program.common.json) return program.out.line(wire::fork_as_json(fork));
    // The id alone is what a script keeps.
    if (program.common.quiet) return program.out.line(fork.id);
    program.out.line("Fork created: " + program.style().bold(fork.id));
    if (!fork.name.empty()) program.out.line("  name     " + base::harmless(fork.name));
    program.out.line("  from     " + fork_begin_text(fork));
    program.out.line("  expires  " + fork.expires_at.to_string() + " (in " +
                     wire::duration_text(fork.expires_at.ns - fork.created_at.ns) + ")");
}

Result<int> run_fork_create(Program& program, const ForkCreateFlags& flags) {
    ASSIGN_OR_RETURN(const ForkOptions options, flags.resolve(program.now()));
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const ForkInfo fork, create_fork(store, flags, options));
    write_created(program, fork);
    RETURN_IF_ERROR(store.close());
    return kExitOk;
}

}  // namespace

void add_fork_create_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<ForkCreateFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "create",
                                     .about = "Make a fork: it begins as everything its parent was at one position",
                                     .example = "chronos fork create --name what-if --ttl 2h\n"
                                                "  FORK=$(chronos fork create --quiet --at 41)"});
    flags->add_to(command);
    on_chosen(command, program, [flags](Program& p) { return run_fork_create(p, *flags); });
}

}  // namespace chronos::app
