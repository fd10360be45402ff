// chronos fork extend.
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/fork_create_options.h"
#include "app/fork_option.h"
#include "app/fork_text.h"
#include "base/result.h"
#include "wire/duration_text.h"
#include "wire/fork_json.h"

namespace chronos::app {
namespace {

struct ExtendFlags {
    std::string fork, ttl;
};

Result<int> run_fork_extend(Program& program, const ExtendFlags& flags) {
    ASSIGN_OR_RETURN(const std::int64_t ttl_ns, parse_ttl(flags.ttl));
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const ForkInfo found, find_fork(store, flags.fork));
    ASSIGN_OR_RETURN(const ForkInfo fork, store.extend_fork(found.id, ttl_ns));
    if (program.common.json)
        program.out.line(wire::fork_as_json(fork));
    else
        program.out.line(fork_title(fork) + " expires " + fork.expires_at.to_string() + " (in " +
                         wire::duration_text(ttl_ns) + ")");
    RETURN_IF_ERROR(store.close());
    return kExitOk;
}

}  // namespace

void add_fork_extend_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<ExtendFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "extend",
                                     .about = "Let a fork live for so long from now on",
                                     .example = "chronos fork extend what-if --ttl 7d"});
    command->add_option("fork", flags->fork, "Its id, the start of its id, or its name")->required()->type_name("FORK");
    command->add_option("--ttl", flags->ttl, "From now, as in 10m, 2h or 7d; at most 7d")
        ->required()
        ->type_name("DURATION");
    on_chosen(command, program, [flags](Program& p) { return run_fork_extend(p, *flags); });
}

}  // namespace chronos::app
