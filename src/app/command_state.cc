// chronos state: what an entity is, or was.
#include <memory>

#include "app/absence.h"
#include "app/commands.h"
#include "app/failure.h"
#include "app/json_text.h"
#include "app/state_options.h"
#include "app/state_text.h"
#include "app/terminal.h"
#include "base/result.h"
#include "base/utf8.h"
#include "wire/late_events.h"
#include "wire/state_json.h"
#include "wire/view_json.h"

namespace chronos::app {
namespace {

void write_origins(Program& program, const State& state) {
    std::size_t width = 0;
    for (const FieldOrigin& origin : state.origins) width = std::max(width, text_width(origin.pointer));
    for (const FieldOrigin& origin : state.origins) {
        program.out.line("  " + padded(origin.pointer, width) + "  version " + std::to_string(origin.version.value) +
                         "  " + base::harmless(origin.event_type) + "  " + origin.occurred_at.to_string());
    }
}

Result<int> run_state(Program& program, const StateFlags& flags, bool with_origins) {
    ASSIGN_OR_RETURN(ViewOptions view_options, flags.view.resolve(program.now()));
    StateOptions options = flags.fold.resolve();
    options.with_origins = with_origins;
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.view.fork));
    view_options.branch = branch.name;
    ASSIGN_OR_RETURN(const auto pinned, store.view(view_options));
    const client::EndpointView& view = *pinned;
    ASSIGN_OR_RETURN(const State state, view.state(flags.entity, options));
    if (program.common.json) {
        program.out.line(wire::state_as_json(state, options.fold, wire::view_as_json(view.info())));
    } else if (state.exists) {
        if (!program.common.quiet) program.out.line(program.style().bold(state_title(state)));
        program.out.line(pretty_json(state.json));
        write_origins(program, state);
        if (state.late_events > 0 && options.order == FoldOrder::kStream)
            program.note(wire::late_events_hint(state.late_events));
    }
    if (!state.exists) return entity_not_there(store, view_options, state);
    return kExitOk;
}

}  // namespace

void add_state_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<StateFlags>();
    auto origins = std::make_shared<bool>(false);
    CLI::App* command = add_command(parent, program,
                                    {.name = "state",
                                     .about = "Show what the events of an entity add up to, now or at an earlier time",
                                     .example = "chronos state order:1 --as-of 2026-01-01"});
    flags->add_to(command);
    command->add_flag("--origins", *origins, "Also say which event set each field");
    on_chosen(command, program, [flags, origins](Program& p) { return run_state(p, *flags, *origins); });
}

}  // namespace chronos::app
