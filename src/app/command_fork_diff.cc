// chronos fork diff.
#include <memory>
#include <vector>

#include "app/commands.h"
#include "app/failure.h"
#include "app/fork_changes.h"
#include "app/fork_option.h"
#include "app/fork_text.h"
#include "app/options.h"
#include "app/read_options.h"
#include "base/result.h"

namespace chronos::app {
namespace {

constexpr std::uint32_t kEntitiesMax = 10'000;

struct DiffFlags {
    std::string fork, against;
    ChangesOptions changes;
    FoldFlags fold;
};

Result<Changes> changes_asked_for(const client::Endpoint& store, const ForkInfo& fork, const DiffFlags& flags) {
    ChangesOptions options = flags.changes;
    options.fold = flags.fold.resolve().fold;
    options.order = flags.fold.resolve().order;
    if (flags.against.empty()) return store.fork_changes(fork, "", options);
    ASSIGN_OR_RETURN(const std::string branch, find_branch(store, flags.against));
    return store.fork_changes(fork, branch, options);
}

Result<int> run_fork_diff(Program& program, const DiffFlags& flags) {
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const ForkInfo fork, find_fork(store, flags.fork));
    ASSIGN_OR_RETURN(const Changes changes, changes_asked_for(store, fork, flags));
    program.note(fork_title(fork) + " compared with " +
                 (flags.against.empty() ? fork_begin_text(fork) : flags.against + " as it is now"));
    RETURN_IF_ERROR(write_changes(program, changes));
    if (changes.has_more) program.note("there are more; add --limit N, or --after " + changes.next_after);
    return kExitOk;
}

}  // namespace

void add_fork_diff_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<DiffFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "diff",
                                     .about = "Show what a fork changed: entities, their fields, and the events",
                                     .example = "chronos fork diff what-if\n"
                                                "  chronos fork diff what-if --against main"});
    command->add_option("fork", flags->fork, "Its id, the start of its id, or its name")->required()->type_name("FORK");
    command
        ->add_option("--against", flags->against,
                     "A branch as it is now: main or a fork (default: its parent at the position where it began)")
        ->type_name("BRANCH");
    add_repeatable(command, "--entity", flags->changes.entity_ids, "Only this entity; repeat for more")
        ->type_name("ENTITY");
    command->add_option("--entity-prefix", flags->changes.entity_id_prefix, "Only entities that start with this")
        ->type_name("TEXT");
    command->add_option("--limit", flags->changes.limit, "At most this many entities")
        ->check(whole_number(1, kEntitiesMax))
        ->capture_default_str();
    command->add_option("--after", flags->changes.after, "Only entities behind this one")->type_name("ENTITY");
    flags->fold.add_to(command);
    on_chosen(command, program, [flags](Program& p) { return run_fork_diff(p, *flags); });
}

}  // namespace chronos::app
