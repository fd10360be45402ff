// chronos import: the group of commands that make events of what was kept elsewhere.
#include "app/commands.h"

namespace chronos::app {

void add_import_commands(CLI::App& parent, Program& program) {
    CLI::App* group = add_command(parent, program,
                                  {.name = "import",
                                   .about = "Make events of a git history, a CSV file or CloudEvents",
                                   .example = "chronos import git path/to/repository\n"
                                              "  chronos import csv orders.csv --entity-column order --type "
                                              "order.placed"});
    group->require_subcommand(1);
    add_import_git_command(*group, program);
    add_import_csv_command(*group, program);
    add_import_cloudevents_command(*group, program);
}

}  // namespace chronos::app
