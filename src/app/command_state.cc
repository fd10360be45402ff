// chronos state and chronos history: what an entity is, and how it became so.
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/json_text.h"
#include "app/read_options.h"
#include "app/state_text.h"
#include "app/terminal.h"
#include "base/result.h"
#include "base/utf8.h"

namespace chronos::app {
namespace {

/// Longer values of changed fields are cut on a terminal.
constexpr std::size_t kValueWidthMax = 60;

struct StateFlags {
    std::string entity;
    ViewFlags view;
    FoldFlags fold;
    bool origins = false;

    void add_to(CLI::App* command) {
        command->add_option("entity", entity, "The entity")->required()->type_name("ENTITY");
        view.add_to(command);
        fold.add_to(command);
    }
};

Error not_there(const std::string& entity, const ViewOptions& view, const State& state) {
    std::string message = "there is no entity " + entity + view_text(view);
    if (state.first_event_at)
        message += "; its first event is of " + state.first_event_at->to_string();
    return base::fail(ErrorCode::kNotFound, std::move(message));
}

void write_origins(Program& program, const State& state) {
    std::size_t width = 0;
    for (const FieldOrigin& origin : state.origins)
        width = std::max(width, text_width(origin.pointer));
    for (const FieldOrigin& origin : state.origins) {
        program.out.line("  " + padded(origin.pointer, width) + "  version " +
                         std::to_string(origin.version.value) + "  " + base::harmless(origin.event_type) + "  " +
                         origin.occurred_at.to_string());
    }
}

Result<int> run_state(Program& program, const StateFlags& flags) {
    ASSIGN_OR_RETURN(const ViewOptions view_options, flags.view.resolve(program.now()));
    StateOptions options = flags.fold.resolve();
    options.with_origins = flags.origins;
    ASSIGN_OR_RETURN(Store store, open_for_reading(program));
    ASSIGN_OR_RETURN(const View view, store.view(view_options));
    ASSIGN_OR_RETURN(const State state, view.state(flags.entity, options));
    if (program.common.json) {
        program.out.line(state_as_json(state, options.fold, view.info()));
    } else if (state.exists) {
        if (!program.common.quiet) program.out.line(program.style().bold(state_title(state)));
        program.out.line(pretty_json(state.json));
        write_origins(program, state);
    }
    if (!state.exists) return not_there(flags.entity, view_options, state);
    return kExitOk;
}

Result<int> run_history(Program& program, const StateFlags& flags) {
    ASSIGN_OR_RETURN(const ViewOptions view_options, flags.view.resolve(program.now()));
    ASSIGN_OR_RETURN(Store store, open_for_reading(program));
    ASSIGN_OR_RETURN(const View view, store.view(view_options));
    ASSIGN_OR_RETURN(const auto entries, view.history(flags.entity, flags.fold.resolve()));
    if (entries.empty()) {
        ASSIGN_OR_RETURN(const State state, view.state(flags.entity));
        return not_there(flags.entity, view_options, state);
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

void add_state_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<StateFlags>();
    CLI::App* command = add_command(
        parent, program,
        {.name = "state",
         .about = "Show what the events of an entity add up to, now or at an earlier time",
         .example = "chronos state order:1 --as-of 2026-01-01"});
    flags->add_to(command);
    command->add_flag("--origins", flags->origins, "Also say which event set each field");
    on_chosen(command, program, [flags](Program& p) { return run_state(p, *flags); });
}

void add_history_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<StateFlags>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "history",
                     .about = "Show each event of an entity and the fields it changed",
                     .example = "chronos history order:1"});
    flags->add_to(command);
    on_chosen(command, program, [flags](Program& p) { return run_history(p, *flags); });
}

}  // namespace chronos::app
