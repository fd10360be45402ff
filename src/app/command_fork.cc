// chronos fork: the group of commands for branches to try something out on.
#include "app/commands.h"

namespace chronos::app {

void add_fork_commands(CLI::App& parent, Program& program) {
    CLI::App* group = add_command(parent, program,
                                  {.name = "fork",
                                   .about = "Try something out on a branch of its own, then merge it or throw it away",
                                   .example = "chronos fork create --name what-if --ttl 2h\n"
                                              "  chronos append --fork what-if --entity order:1 --type order.paid\n"
                                              "  chronos fork diff what-if\n"
                                              "  chronos fork merge what-if"});
    group->require_subcommand(1);
    add_fork_create_command(*group, program);
    add_fork_list_command(*group, program);
    add_fork_show_command(*group, program);
    add_fork_extend_command(*group, program);
    add_fork_discard_command(*group, program);
    add_fork_merge_command(*group, program);
    add_fork_diff_command(*group, program);
    add_fork_reclaim_command(*group, program);
    add_fork_run_command(*group, program);
}

}  // namespace chronos::app
