// chronos import: the group of commands that make events of what was kept elsewhere.
#include "app/commands.h"

namespace chronos::app {

void add_import_commands(CLI::App& parent, Program& program) {
    CLI::App* group =
        parent.add_subcommand("import", "Make events of a git history, a CSV file or CloudEvents");
    group->require_subcommand(1);
    add_import_git_command(*group, program);
    add_import_csv_command(*group, program);
    add_import_cloudevents_command(*group, program);
}

}  // namespace chronos::app
