// chronos diff: what changed between two views.
#include <algorithm>
#include <memory>
#include <utility>

#include "app/absence.h"
#include "app/changes_text.h"
#include "app/commands.h"
#include "app/failure.h"
#include "app/fork_option.h"
#include "app/options.h"
#include "app/read_options.h"
#include "base/result.h"
#include "base/utf8.h"
#include "wire/changes_json.h"

namespace chronos::app {
namespace {

/// --from-at, --from-known-at and so on: one of the two views.
struct SideFlags {
    std::string name;  ///< "from" or "to".
    std::string at, known_at, as_of, fork;

    void add_to(CLI::App* command) {
        const std::string of = name == "from" ? "The earlier view: " : "The later view: ";
        command->add_option(option("at"), at, of + "only events up to this position")->type_name("POSITION");
        command->add_option(option("known-at"), known_at, of + "only what was recorded by this time")
            ->type_name("TIME");
        command->add_option(option("as-of"), as_of, of + "only what had happened by this time")->type_name("TIME");
        command->add_option(option("fork"), fork, of + "the fork it is of, or main (default: that of --fork)")
            ->type_name("FORK");
    }
    [[nodiscard]] bool is_empty() const { return at.empty() && known_at.empty() && as_of.empty() && fork.empty(); }
    [[nodiscard]] std::string option(const char* part) const { return "--" + name + "-" + part; }
    /// `branch` is where the side is unless it names a fork itself.
    [[nodiscard]] Result<ViewOptions> resolve(const client::Endpoint& store, const std::string& branch,
                                              Timestamp now) const {
        ViewOptions options{.branch = branch};
        if (!fork.empty()) {
            ASSIGN_OR_RETURN(options.branch, find_branch(store, fork));
        }
        if (!at.empty()) {
            ASSIGN_OR_RETURN(options.at, parse_position(at, option("at")));
        }
        ASSIGN_OR_RETURN(options.known_at, parse_time_option(known_at, option("known-at"), now));
        ASSIGN_OR_RETURN(options.as_of, parse_time_option(as_of, option("as-of"), now));
        return options;
    }
};

struct DiffFlags {
    std::vector<std::string> entities;
    SideFlags from{.name = "from"}, to{.name = "to"};
    ForkFlag fork;
    std::string since, entity_prefix, after;
    FoldFlags fold;
    std::uint32_t limit = 100, events_max = 100;
    bool summary = false;
};

struct Views {
    std::unique_ptr<client::EndpointView> before, after;
};

Status check_something_differs(const DiffFlags& flags) {
    if (!flags.from.is_empty() || !flags.to.is_empty() || !flags.since.empty()) return {};
    return base::fail(ErrorCode::kInvalidArgument,
                      "say what to compare: --since TIME, or a view with --from-at, --from-known-at, --from-as-of or "
                      "--from-fork");
}

Result<Views> open_views(Program& program, const client::Endpoint& store, const DiffFlags& flags) {
    // Who names both branches does not ask about a third.
    Branch branch;
    if (flags.from.fork.empty() || flags.to.fork.empty()) {
        ASSIGN_OR_RETURN(branch, choose_branch(program, store, flags.fork));
    }
    SideFlags from = flags.from;
    if (!flags.since.empty()) from.known_at = flags.since;
    const Timestamp now = program.now();
    ASSIGN_OR_RETURN(const ViewOptions before_options, from.resolve(store, branch.name, now));
    ASSIGN_OR_RETURN(const ViewOptions after_options, flags.to.resolve(store, branch.name, now));
    ASSIGN_OR_RETURN(auto before, store.view(before_options));
    ASSIGN_OR_RETURN(auto after, store.view(after_options));
    return Views{std::move(before), std::move(after)};
}

ChangesOptions changes_options(const DiffFlags& flags) {
    const StateOptions fold = flags.fold.resolve();
    return {.entity_ids = flags.entities,
            .entity_id_prefix = flags.entity_prefix,
            .fold = fold.fold,
            .order = fold.order,
            .after = flags.after,
            .limit = flags.summary ? 1 : flags.limit,
            .events_max = flags.summary ? 0 : flags.events_max};
}

void write_summary(Program& program, const DiffFlags& flags, Changes& changes) {
    if (flags.summary) changes.has_more = false;  // Nothing was listed that could go on.
    if (program.common.json) {
        program.out.line(wire::changes_summary_as_json(changes));
        return;
    }
    program.out.line(changes_summary_as_text(changes));
    if (changes.has_more)
        program.note("there are more entities; add --limit N, or --after " + base::harmless(changes.next_after));
}

/// A name that is misspelled must not read as "nothing differs".
Status check_entities_are_known(const client::Endpoint& store, const Views& views, const DiffFlags& flags,
                                const Changes& changes) {
    for (const std::string& entity : flags.entities) {
        const bool differs = std::any_of(changes.entities.begin(), changes.entities.end(),
                                         [&](const EntityChange& change) { return change.entity_id == entity; });
        if (differs) continue;
        ASSIGN_OR_RETURN(const State before, views.before->state(entity));
        ASSIGN_OR_RETURN(const State after, views.after->state(entity));
        const bool is_known = before.exists || after.exists || before.first_event_at || after.first_event_at;
        if (!is_known) return entity_not_there(store, {.branch = views.after->info().branch}, after);
    }
    return {};
}

Result<int> run_diff(Program& program, const DiffFlags& flags) {
    RETURN_IF_ERROR(check_something_differs(flags));
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const Views views, open_views(program, store, flags));
    ASSIGN_OR_RETURN(Changes changes, views.after->changes(*views.before, changes_options(flags)));
    RETURN_IF_ERROR(check_entities_are_known(store, views, flags, changes));
    const ValueStyle values = value_style(program);
    if (!flags.summary) {
        for (const EntityChange& change : changes.entities)
            program.out.write(program.common.json ? wire::entity_change_as_json(change) + "\n"
                                                  : entity_change_as_text(change, values));
    }
    write_summary(program, flags, changes);
    return kExitOk;
}

}  // namespace

void add_diff_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<DiffFlags>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "diff",
                     .about = "Show what changed between two views: entities, fields and events",
                     .example = "chronos diff --since '2 hours ago'\n"
                                "  chronos diff order:1 --from-as-of 2026-01-01 --to-as-of 2026-02-01"});
    command->add_option("entity", flags->entities, "Only these entities")->type_name("ENTITY");
    flags->from.add_to(command);
    flags->to.add_to(command);
    flags->fork.add_to(command);
    command->add_option("--since", flags->since, "Short for --from-known-at")
        ->type_name("TIME")
        ->excludes(command->get_option("--from-known-at"));
    command->add_option("--entity-prefix", flags->entity_prefix, "Only entities that start with this")
        ->type_name("TEXT");
    flags->fold.add_to(command);
    command->add_option("--limit", flags->limit, "At most this many entities")
        ->check(whole_number(1, 10'000))
        ->capture_default_str();
    command->add_option("--after", flags->after, "Only entities behind this one")->type_name("ENTITY");
    command->add_option("--events-max", flags->events_max, "At most this many events listed for each entity and side")
        ->check(whole_number(0, 10'000))
        ->capture_default_str();
    command->add_flag("--summary", flags->summary, "Only how much differs");
    on_chosen(command, program, [flags](Program& p) { return run_diff(p, *flags); });
}

}  // namespace chronos::app
