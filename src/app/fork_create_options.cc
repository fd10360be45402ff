#include "app/fork_create_options.h"

#include <utility>

#include "app/fork_option.h"
#include "app/read_options.h"
#include "base/result.h"
#include "wire/duration_text.h"

namespace chronos::app {

void ForkCreateFlags::add_to(CLI::App* command) {
    command->add_option("--name", name, "Of the fork, unique among live ones")->type_name("NAME");
    command->add_option("--from", parent, "The branch it begins on: main or a fork (default: $CHRONOS_FORK, or main)")
        ->type_name("BRANCH");
    CLI::Option* position =
        command->add_option("--at", at, "The last position it inherits (default: the head)")->type_name("POSITION");
    command->add_option("--known-at", known_at, "It inherits what was recorded by this time")
        ->type_name("TIME")
        ->excludes(position);
    command->add_option("--ttl", ttl, "How long it lives, as in 10m, 2h or 7d; at most 7d")
        ->type_name("DURATION")
        ->capture_default_str();
    command->add_option("--creator", creator, "Who makes it, for people to read")->type_name("TEXT");
}

Result<ForkOptions> ForkCreateFlags::resolve(Timestamp now) const {
    ForkOptions options{.name = name, .creator = creator};
    if (!at.empty()) {
        ASSIGN_OR_RETURN(options.at, parse_position(at, "--at"));
    }
    ASSIGN_OR_RETURN(options.known_at, parse_time_option(known_at, "--known-at", now));
    ASSIGN_OR_RETURN(options.ttl_ns, parse_ttl(ttl));
    return options;
}

Result<std::int64_t> parse_ttl(const std::string& text) {
    Result<std::int64_t> ttl_ns = wire::parse_duration(text);
    if (!ttl_ns.ok()) return base::with_context(std::move(ttl_ns).error(), "--ttl");
    return ttl_ns;
}

Result<ForkInfo> create_fork(client::Endpoint& store, const ForkCreateFlags& flags, ForkOptions options) {
    const ForkFlag parent{.fork = flags.parent};
    ASSIGN_OR_RETURN(options.parent, find_branch(store, parent.text()));
    return store.create_fork(options);
}

}  // namespace chronos::app
