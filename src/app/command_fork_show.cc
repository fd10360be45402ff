// chronos fork show.
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/fork_option.h"
#include "app/fork_text.h"
#include "base/result.h"
#include "wire/fork_json.h"

namespace chronos::app {
namespace {

Result<int> run_fork_show(Program& program, const std::string& name) {
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const ForkInfo fork, find_fork(store, name));
    if (program.common.json)
        program.out.line(wire::fork_as_json(fork));
    else
        program.out.write(fork_as_text(fork, program.style(), program.now()));
    return kExitOk;
}

}  // namespace

void add_fork_show_command(CLI::App& parent, Program& program) {
    auto name = std::make_shared<std::string>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "show",
                                     .about = "Show a fork: where it begins, what it has, when it ends",
                                     .example = "chronos fork show what-if"});
    command->add_option("fork", *name, "Its id, the start of its id, or its name")->required()->type_name("FORK");
    on_chosen(command, program, [name](Program& p) { return run_fork_show(p, *name); });
}

}  // namespace chronos::app
