// chronos history: how an entity became what it is.
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/state_options.h"
#include "app/state_text.h"
#include "app/terminal.h"
#include "base/result.h"

namespace chronos::app {
namespace {

/// Longer values of changed fields are cut on a terminal.
constexpr std::size_t kValueWidthMax = 60;

Result<int> run_history(Program& program, const StateFlags& flags) {
    ASSIGN_OR_RETURN(ViewOptions view_options, flags.view.resolve(program.now()));
    ASSIGN_OR_RETURN(Store store, open_for_reading(program));
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.view.fork));
    view_options.branch = branch.name;
    ASSIGN_OR_RETURN(const View view, store.view(view_options));
    ASSIGN_OR_RETURN(const auto entries, view.history(flags.entity, flags.fold.resolve()));
    if (entries.empty()) {
        ASSIGN_OR_RETURN(const State state, view.state(flags.entity));
        return entity_not_there(flags.entity, view_options, state);
    }
    const Style style = program.style();
    const std::size_t width = is_terminal(Stream::kOutput) ? kValueWidthMax : 0;
    for (const HistoryEntry& entry : entries) {
        if (program.common.json)
            program.out.line(history_entry_as_json(entry));
        else
            program.out.write(history_entry_as_text(entry, style, width));
    }
    return kExitOk;
}

}  // namespace

void add_history_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<StateFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "history",
                                     .about = "Show each event of an entity and the fields it changed",
                                     .example = "chronos history order:1"});
    flags->add_to(command);
    on_chosen(command, program, [flags](Program& p) { return run_history(p, *flags); });
}

}  // namespace chronos::app
