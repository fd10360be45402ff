// chronos stats: how much of what is in the store.
#include <algorithm>
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/read_options.h"
#include "app/terminal.h"
#include "base/result.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

std::string type_as_json(const EventTypeCount& type) {
    std::string out;
    json::ObjectWriter(out)
        .field("event_type", type.event_type)
        .field("count", type.count)
        .field("first_timestamp", type.first_recorded_at.to_string())
        .field("last_timestamp", type.last_recorded_at.to_string())
        .end();
    return out;
}

std::string stats_as_json(const Stats& stats, std::string_view view_json) {
    std::string types = "[";
    for (const EventTypeCount& type : stats.event_types) {
        if (types.size() > 1) types += ',';
        types += type_as_json(type);
    }
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("database", stats.database.to_string())
        .field("events", stats.event_count)
        .field("entities", stats.entity_count)
        .field("log_bytes", stats.log_bytes)
        .field("file_bytes", stats.file_bytes)
        .field("segments", stats.segment_count)
        .field("epoch", stats.writer_epoch)
        .field("commit_method", stats.commit_method)
        .field("index_files", stats.index_files)
        .field("index_bytes", stats.index_bytes)
        .field("memory_budget", stats.memory_budget)
        .field("memory_bytes", stats.memory_bytes);
    if (stats.first_recorded_at) writer.field("first_timestamp", stats.first_recorded_at->to_string());
    if (stats.last_recorded_at) writer.field("last_timestamp", stats.last_recorded_at->to_string());
    writer.raw_field("event_types", types + "]").raw_field("view", view_json).end();
    return out;
}

void write_stats(Program& program, const Stats& stats) {
    Output& out = program.out;
    const auto row = [&](std::string_view name, const std::string& value) {
        out.line(padded(name, 10) + "  " + value);
    };
    row("database", stats.database.to_string());
    row("events", with_separators(stats.event_count));
    row("entities", with_separators(stats.entity_count));
    row("log", human_bytes(stats.log_bytes) + " in " + std::to_string(stats.segment_count) + " segments, " +
                   human_bytes(stats.file_bytes) + " of files");
    row("index", human_bytes(stats.index_bytes) + " in " + std::to_string(stats.index_files) + " files");
    row("memory", human_bytes(stats.memory_bytes) + " of " + human_bytes(stats.memory_budget));
    row("commits", stats.commit_method);
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
    ASSIGN_OR_RETURN(Store store, open_for_reading(program));
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.fork));
    view_options.branch = branch.name;
    ASSIGN_OR_RETURN(const View view, store.view(view_options));
    ASSIGN_OR_RETURN(const Stats stats, view.stats());
    if (program.common.json)
        program.out.line(stats_as_json(stats, view_as_json(view.info(), branch.expires_at)));
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
