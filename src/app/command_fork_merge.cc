// chronos fork merge.
#include <algorithm>
#include <memory>
#include <vector>

#include "app/commands.h"
#include "app/failure.h"
#include "app/fork_option.h"
#include "app/merge_text.h"
#include "app/options.h"
#include "base/result.h"
#include "wire/merge_json.h"

namespace chronos::app {
namespace {

struct MergeFlags {
    std::string fork, others, actor;
    std::vector<std::string> skipped, forced;
    bool dry_run = false;
    bool append_if_moved = false;
};

Result<MergeOptions> options_of(const MergeFlags& flags) {
    MergeOptions options{.dry_run = flags.dry_run, .append_if_moved = flags.append_if_moved, .actor = flags.actor};
    for (const std::string& entity : flags.skipped) {
        if (std::find(flags.forced.begin(), flags.forced.end(), entity) != flags.forced.end())
            return base::fail(ErrorCode::kInvalidArgument, "--skip and --force both name " + entity);
        options.entities.push_back({.entity_id = entity, .resolution = MergeResolution::kSkip});
    }
    for (const std::string& entity : flags.forced)
        options.entities.push_back({.entity_id = entity, .resolution = MergeResolution::kForce});
    if (!flags.others.empty())
        options.others = flags.others == "force" ? MergeResolution::kForce : MergeResolution::kSkip;
    return options;
}

Result<int> run_fork_merge(Program& program, const MergeFlags& flags) {
    ASSIGN_OR_RETURN(const MergeOptions options, options_of(flags));
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const ForkInfo fork, find_fork(store, flags.fork));
    ASSIGN_OR_RETURN(const MergeResult result, store.merge_fork(fork.id, options));
    if (program.common.json)
        program.out.line(wire::merge_as_json(result, options.dry_run));
    else
        program.out.write(merge_as_text(result, options.dry_run, program.style()));
    RETURN_IF_ERROR(store.close());
    return is_refused(result) ? kExitConflict : kExitOk;
}

}  // namespace

void add_fork_merge_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<MergeFlags>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "merge",
                     .about = "Append the events of a fork to its parent, all or none: refused if what they were "
                              "appended under does not hold there",
                     .example = "chronos fork merge what-if --dry-run\n"
                                "  chronos fork merge what-if --skip order:1",
                     .appends = true});
    command->add_option("fork", flags->fork, "Its id, the start of its id, or its name")->required()->type_name("FORK");
    command->add_flag("--dry-run", flags->dry_run, "Only say what would happen");
    command->add_flag("--append-if-moved", flags->append_if_moved,
                      "Take entities that moved on the parent where the fork's appends had no condition");
    add_repeatable(command, "--skip", flags->skipped,
                   "Leave out what the fork did to this entity; repeat for more; refused if that would split a batch")
        ->type_name("ENTITY");
    add_repeatable(command, "--force", flags->forced,
                   "Append what the fork did to this entity despite conflicts; repeat for more; the merge records it")
        ->type_name("ENTITY");
    command->add_option("--others", flags->others, "What to do about conflicts of all other entities")
        ->check(one_of({"skip", "force"}));
    command->add_option("--actor", flags->actor, "Who merges, for people to read")->type_name("TEXT");
    on_chosen(command, program, [flags](Program& p) { return run_fork_merge(p, *flags); });
}

}  // namespace chronos::app
