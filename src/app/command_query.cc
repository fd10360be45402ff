// chronos query: which events are there that ...
#include <algorithm>
#include <memory>
#include <optional>

#include "app/commands.h"
#include "app/failure.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "app/read_options.h"
#include "app/terminal.h"
#include "base/result.h"
#include "base/utf8.h"
#include "json/writer.h"
#include "wire/view_json.h"

namespace chronos::app {
namespace {

constexpr std::uint32_t kPageEventsMax = 10'000;
/// Wider entity ids and types are cut in the table; --json shows them whole.
constexpr std::size_t kColumnWidthMax = 40;

struct QueryFlags {
    ViewFlags view;
    FilterFlags filter;
    std::string order = "forward";
    std::string cursor, after;
    std::uint64_t limit = 100;
    std::uint64_t last = 0;
    bool count = false;
};

/// Prints events as an aligned table, or as lines of JSON.
class EventPrinter {
public:
    explicit EventPrinter(Program& program)
        : program_(program),
          style_(program.style()),
          width_(is_terminal(Stream::kOutput) ? terminal_width(Stream::kOutput) : 0) {}

    void print(const std::vector<EventView>& events) {
        if (program_.common.json) {
            for (const EventView& event : events) program_.out.line(to_json(event));
            return;
        }
        if (events.empty()) return;
        if (!started_) print_header(events);
        for (const EventView& event : events) print_row(event);
    }

private:
    void print_header(const std::vector<EventView>& events) {
        started_ = true;
        for (const EventView& event : events) {
            position_width_ = std::max(position_width_, std::to_string(event.position.value).size());
            time_width_ = std::max(time_width_, event.occurred_at.to_string().size());
            entity_width_ = std::max(entity_width_, std::min(text_width(event.entity_id), kColumnWidthMax));
            type_width_ = std::max(type_width_, std::min(text_width(event.event_type), kColumnWidthMax));
        }
        program_.out.line(style_.bold(padded("position", position_width_) + "  " + padded("occurred at", time_width_) +
                                      "  " + padded("entity", entity_width_) + "  " + padded("type", type_width_) +
                                      "  payload"));
    }

    void print_row(const EventView& event) {
        const std::string position = std::to_string(event.position.value);
        const std::size_t indent = position_width_ > position.size() ? position_width_ - position.size() : 0;
        const std::size_t used = position_width_ + time_width_ + entity_width_ + type_width_ + 8;
        const std::string payload = base::harmless(event.payload);
        program_.out.line(std::string(indent, ' ') + style_.dim(position) + "  " +
                          style_.dim(padded(event.occurred_at.to_string(), time_width_)) + "  " +
                          padded(event.entity_id, entity_width_) + "  " +
                          style_.cyan(padded(event.event_type, type_width_)) + "  " +
                          (width_ == 0 ? payload : fitted(payload, std::max<std::size_t>(width_, used + 20) - used)));
    }

    Program& program_;
    Style style_;
    std::size_t width_;  // 0: whole payloads
    bool started_ = false;
    std::size_t position_width_ = 8, time_width_ = 11, entity_width_ = 6, type_width_ = 4;
};

/// Says on standard error what was looked at in vain.
void say_nothing_found(Program& program, const View& view, const Filter& filter, const ViewOptions& options) {
    const Result<Stats> stats = view.stats();
    if (!stats.ok()) return;
    const std::string filters = filter_text(filter);
    std::string text = "no event matches";
    if (!filters.empty()) text += " " + filters;
    text += "; searched " + with_separators(stats->event_count) + " events of " + program.common.directory;
    if (const ViewInfo info = view.info(); info.at) text += ", positions 0 to " + std::to_string(info.at->value);
    const std::optional<Timestamp> first = stats->first_recorded_at;
    const std::optional<Timestamp> last = stats->last_recorded_at;
    if (first && last) text += ", recorded " + first->to_string() + " to " + last->to_string();
    program.note(text + view_text(options));
    if (filter.event_types.empty() || stats->event_types.empty()) return;
    std::string known;
    for (std::size_t i = 0; i < std::min<std::size_t>(stats->event_types.size(), 8); ++i)
        known += (known.empty() ? "" : ", ") + stats->event_types[i].event_type;
    program.note("event types there are: " + known + (stats->event_types.size() > 8 ? ", ..." : ""));
}

/// Reads the events of one entity when that answers the question alone; false: it does not.
Result<bool> print_entity(const View& view, const ReadOptions& read, std::uint64_t limit, EventPrinter& printer,
                          Page& page) {
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

Result<Printed> print_events(Program& program, const View& view, ReadOptions read, std::uint64_t limit) {
    EventPrinter printer(program);
    Page page;
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

Result<int> run_count(Program& program, const View& view, const Filter& filter, const ViewOptions& options) {
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

Result<int> run_query(Program& program, const QueryFlags& flags) {
    ASSIGN_OR_RETURN(ViewOptions view_options, flags.view.resolve(program.now()));
    ReadOptions read;
    ASSIGN_OR_RETURN(read.filter, flags.filter.resolve(program.now()));
    read.order = flags.order == "backward" || flags.last > 0 ? Order::kBackward : Order::kForward;
    read.cursor = flags.cursor;
    if (!flags.after.empty()) {
        ASSIGN_OR_RETURN(read.after, parse_position(flags.after, "--after"));
    }
    ASSIGN_OR_RETURN(Store store, open_for_reading(program));
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.view.fork));
    view_options.branch = branch.name;
    ASSIGN_OR_RETURN(const View view, store.view(view_options));
    if (flags.count) return run_count(program, view, read.filter, view_options);
    catch_interrupts();
    ASSIGN_OR_RETURN(const Printed printed,
                     print_events(program, view, read, flags.last > 0 ? flags.last : flags.limit));
    if (printed.events == 0) say_nothing_found(program, view, read.filter, view_options);
    const bool continued = flags.last == 0 && !printed.next_cursor.empty();
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
                             ->check(CLI::IsMember({"forward", "backward"}))
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
