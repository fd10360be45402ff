// chronos fork discard.
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/fork_option.h"
#include "app/fork_text.h"
#include "app/question.h"
#include "app/terminal.h"
#include "base/result.h"
#include "wire/fork_json.h"

namespace chronos::app {
namespace {

struct DiscardFlags {
    std::string fork;
    bool yes = false;
};

std::string fork_and_its_events(const ForkInfo& fork) {
    std::string text = fork_title(fork);
    if (fork.own_event_count > 0) {
        text +=
            " and its " + with_separators(fork.own_event_count) + (fork.own_event_count == 1 ? " event" : " events");
    }
    return text;
}

Result<int> run_fork_discard(Program& program, const DiscardFlags& flags) {
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const ForkInfo found, find_fork(store, flags.fork));
    const bool asks = !flags.yes && found.status == ForkStatus::kLive && can_ask(program);
    if (asks && ask("discard " + fork_and_its_events(found) + "? [y/N]", "yn", 'n') != 'y') {
        program.note("nothing was discarded");
        return kExitOther;
    }
    ASSIGN_OR_RETURN(const ForkInfo fork, store.discard_fork(found.id));
    if (program.common.json)
        program.out.line(wire::fork_as_json(fork));
    else
        program.out.line("discarded " + fork_and_its_events(found));
    RETURN_IF_ERROR(store.close());
    return kExitOk;
}

}  // namespace

void add_fork_discard_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<DiscardFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "discard",
                                     .about = "Throw a fork and its events away; asks on a terminal",
                                     .example = "chronos fork discard what-if --yes"});
    command->add_option("fork", flags->fork, "Its id, the start of its id, or its name")->required()->type_name("FORK");
    command->add_flag("--yes", flags->yes, "Do not ask");
    on_chosen(command, program, [flags](Program& p) { return run_fork_discard(p, *flags); });
}

}  // namespace chronos::app
