// chronos query: which events are there that ...
#include <algorithm>
#include <memory>
#include <optional>

#include "app/commands.h"
#include "app/event_table.h"
#include "app/failure.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "app/read_options.h"
#include "app/terminal.h"
#include "base/result.h"
#include "base/utf8.h"
#include "json/writer.h"
#include "wire/parameters.h"
#include "wire/relative_time.h"
#include "wire/similar_words.h"
#include "wire/view_json.h"

namespace chronos::app {
namespace {

constexpr std::uint32_t kPageEventsMax = 10'000;

constexpr std::size_t kTypesShown = 8;

std::string listed(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

struct QueryFlags {
    ViewFlags view;
    FilterFlags filter;
    std::string order = "forward";
    std::string cursor, after;
    std::uint64_t limit = 100;
    std::uint64_t last = 0;
    bool count = false;
};

/// Says which types there are: those that are spelled like one that is not, else the most frequent.
void say_types(const Program& program, const Stats& stats, const Filter& filter) {
    std::vector<std::string> types;
    for (const EventTypeCount& type : stats.event_types) types.push_back(type.event_type);
    for (const std::string& wanted : filter.event_types) {
        if (std::find(types.begin(), types.end(), wanted) != types.end()) continue;
        const std::vector<std::string> near = wire::similar_words(wanted, types, 3);
        if (!near.empty()) program.note("no event has the type " + wanted + "; did you mean " + listed(near) + "?");
    }
    const bool is_cut = types.size() > kTypesShown;
    if (is_cut) types.resize(kTypesShown);
    program.note("event types there are: " + listed(types) + (is_cut ? ", ..." : ""));
}

/// Says on standard error what was looked at in vain.
void say_nothing_found(Program& program, const client::EndpointView& view, const Filter& filter,
                       const ViewOptions& options) {
    const Result<Stats> stats = view.stats();
    if (!stats.ok()) return;
    const std::string filters = filter_text(filter);
    std::string text = "no event matches";
    if (!filters.empty()) text += " " + filters;
    text += "; searched " + counted(stats->event_count, "event") + " of " +
            (program.common.url.empty() ? program.common.directory : program.common.url);
    if (const ViewInfo info = view.info(); info.at) text += ", positions 0 to " + std::to_string(info.at->value);
    const std::optional<Timestamp> first = stats->first_recorded_at;
    const std::optional<Timestamp> last = stats->last_recorded_at;
    if (first && last) text += ", recorded " + first->to_string() + " to " + last->to_string();
    program.note(text + view_text(options));
    if (filter.event_types.empty() || stats->event_types.empty()) return;
    say_types(program, *stats, filter);
}

/// Reads the events of one entity when that answers the question alone; false: it does not.
Result<bool> print_entity(const client::EndpointView& view, const ReadOptions& read, std::uint64_t limit,
                          EventTable& printer, client::EventPage& page) {
    if (!read.cursor.empty() || read.after || !is_single_entity(read.filter) || limit > kPageEventsMax) return false;
    RETURN_IF_ERROR(view.read_entity(read.filter.entity_ids.front(),
                                     {.order = read.order, .limit = static_cast<std::uint32_t>(limit)}, page));
    if (page.has_more()) return false;  // a page that can be continued comes from a read of all events
    printer.print(page.events());
    return true;
}

struct Printed {
    std::uint64_t events = 0;
    std::string next_cursor;
};

Result<Printed> print_events(Program& program, const client::EndpointView& view, ReadOptions read,
                             std::uint64_t limit) {
    EventTable printer(program);
    client::EventPage page;
    ASSIGN_OR_RETURN(const bool done, print_entity(view, read, limit, printer, page));
    if (done) return Printed{.events = page.events().size()};
    Printed printed;
    while (printed.events < limit && interrupted_by() == 0 && !program.out.broken()) {
        read.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(limit - printed.events, kPageEventsMax));
        RETURN_IF_ERROR(view.read(read, page));
        printer.print(page.events());
        printed.events += page.events().size();
        printed.next_cursor = page.has_more() ? page.next_cursor() : std::string();
        if (!page.has_more()) break;
        read.cursor = page.next_cursor();
    }
    return printed;
}

Result<int> run_count(Program& program, const client::EndpointView& view, const Filter& filter,
                      const ViewOptions& options) {
    ASSIGN_OR_RETURN(const std::uint64_t count, view.count(filter));
    if (program.common.json) {
        std::string out;
        json::ObjectWriter(out).field("count", count).raw_field("view", wire::view_as_json(view.info())).end();
        program.out.line(out);
    } else {
        program.out.line(std::to_string(count));
    }
    if (count == 0) say_nothing_found(program, view, filter, options);
    return kExitOk;
}

bool has_relative_time(const FilterFlags& filter) {
    wire::Parameters times;
    times.add("since", filter.since);
    times.add("until", filter.until);
    times.add("occurred_since", filter.occurred_since);
    times.add("occurred_until", filter.occurred_until);
    return wire::has_relative_time(times);
}

Result<int> run_query(Program& program, const QueryFlags& flags) {
    ReadOptions read;
    read.cursor = flags.cursor;
    const Timestamp now = wire::take_moment(read.cursor, program.now());
    ASSIGN_OR_RETURN(ViewOptions view_options, flags.view.resolve(now));
    ASSIGN_OR_RETURN(read.filter, flags.filter.resolve(now));
    read.order = flags.order == "backward" || flags.last > 0 ? Order::kBackward : Order::kForward;
    if (!flags.after.empty()) {
        ASSIGN_OR_RETURN(read.after, parse_position(flags.after, "--after"));
    }
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.view.fork));
    view_options.branch = branch.name;
    ASSIGN_OR_RETURN(const auto pinned, store.view(view_options));
    const client::EndpointView& view = *pinned;
    if (flags.count) return run_count(program, view, read.filter, view_options);
    catch_interrupts();
    ASSIGN_OR_RETURN(Printed printed, print_events(program, view, read, flags.last > 0 ? flags.last : flags.limit));
    if (printed.events == 0) say_nothing_found(program, view, read.filter, view_options);
    const bool continued = flags.last == 0 && !printed.next_cursor.empty();
    if (has_relative_time(flags.filter)) printed.next_cursor = wire::dated_cursor(printed.next_cursor, now);
    if (continued && program.common.json) {
        std::string out;
        json::ObjectWriter(out).field("next_cursor", printed.next_cursor).end();
        program.out.line(out);
    } else if (continued) {
        RETURN_IF_ERROR(program.out.flush());
        program.note("there are more; add --limit N, or --cursor " + printed.next_cursor);
    }
    return interrupted_by() != 0 ? interrupted_exit_code() : kExitOk;
}

}  // namespace

void add_query_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<QueryFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "query",
                                     .about = "Show the events that match",
                                     .example = "chronos query --entity order:1 --last 10\n"
                                                "  chronos query --type order.placed --where "
                                                "'/total >= 100' --since '2 hours ago' --json"});
    flags->filter.add_to(command);
    flags->view.add_to(command);
    CLI::Option* order = command->add_option("--order", flags->order, "By position")
                             ->check(one_of({"forward", "backward"}))
                             ->capture_default_str();
    CLI::Option* limit = command->add_option("--limit", flags->limit, "At most this many events")
                             ->check(whole_number(1, kCountMax))
                             ->capture_default_str();
    CLI::Option* last =
        command->add_option("--last", flags->last, "The last so many, newest first")->check(whole_number(1, kCountMax));
    CLI::Option* cursor =
        command
            ->add_option("--cursor", flags->cursor, "Go on after an earlier answer, in its view, with the same filters")
            ->type_name("CURSOR");
    CLI::Option* after =
        command->add_option("--after", flags->after, "Only events after this position (backward: before it)")
            ->type_name("POSITION");
    CLI::Option* count = command->add_flag("--count", flags->count, "Only how many there are");
    last->excludes(limit)->excludes(order)->excludes(cursor);
    for (CLI::Option* option : {limit, last, order, cursor, after}) count->excludes(option);
    // The cursor knows its view and its place; others beside it would be ignored.
    for (const char* name : {"--at", "--known-at", "--as-of"}) cursor->excludes(command->get_option(name));
    cursor->excludes(after);
    on_chosen(command, program, [flags](Program& p) { return run_query(p, *flags); });
}

}  // namespace chronos::app
