// chronos stats: how much of what is in the store.
#include <algorithm>
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/read_options.h"
#include "app/terminal.h"
#include "base/result.h"
#include "base/utf8.h"
#include "json/writer.h"
#include "wire/stats_json.h"
#include "wire/view_json.h"

namespace chronos::app {
namespace {

void write_stats(Program& program, const Stats& stats) {
    Output& out = program.out;
    const auto row = [&](std::string_view name, const std::string& value) {
        out.line(padded(name, 10) + "  " + value);
    };
    row("database", stats.database.to_string());
    row("events", with_separators(stats.event_count));
    row("entities", with_separators(stats.entity_count));
    row("log", human_bytes(stats.log_bytes) + " in " + counted(stats.segment_count, "segment") + ", " +
                   human_bytes(stats.file_bytes) + " of files");
    row("index", human_bytes(stats.index_bytes) + " in " + counted(stats.index_files, "file"));
    row("snapshots", human_bytes(stats.snapshot_bytes) + " in " + counted(stats.snapshot_files, "file"));
    row("memory", human_bytes(stats.memory_bytes) + " of " + human_bytes(stats.memory_budget));
    row("commits", stats.commit_method);
    if (!stats.reclaim_error.empty()) row("reclaim", base::harmless(stats.reclaim_error));
    if (stats.first_recorded_at && stats.last_recorded_at)
        row("recorded", stats.first_recorded_at->to_string() + " to " + stats.last_recorded_at->to_string());
    if (stats.event_types.empty()) return;
    std::size_t width = 0;
    for (const EventTypeCount& type : stats.event_types) width = std::max(width, text_width(type.event_type));
    out.line("\n" + program.style().bold(padded("event type", std::max<std::size_t>(width, 10)) + "  events"));
    for (const EventTypeCount& type : stats.event_types)
        out.line(padded(type.event_type, std::max<std::size_t>(width, 10)) + "  " + with_separators(type.count));
}

Result<int> run_stats(Program& program, const ViewFlags& flags) {
    ASSIGN_OR_RETURN(ViewOptions view_options, flags.resolve(program.now()));
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.fork));
    view_options.branch = branch.name;
    ASSIGN_OR_RETURN(const auto pinned, store.view(view_options));
    const client::EndpointView& view = *pinned;
    ASSIGN_OR_RETURN(const Stats stats, view.stats());
    if (program.common.json)
        program.out.line(wire::stats_as_json(stats, wire::view_as_json(view.info())));
    else
        write_stats(program, stats);
    return kExitOk;
}

}  // namespace

void add_stats_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<ViewFlags>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "stats", .about = "Count events, entities and bytes", .example = "chronos stats --json"});
    flags->add_to(command);
    on_chosen(command, program, [flags](Program& p) { return run_stats(p, *flags); });
}

}  // namespace chronos::app
