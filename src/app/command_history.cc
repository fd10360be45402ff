// chronos history: how an entity became what it is.
#include <algorithm>
#include <memory>

#include "app/absence.h"
#include "app/commands.h"
#include "app/failure.h"
#include "app/options.h"
#include "app/state_options.h"
#include "app/state_text.h"
#include "base/result.h"
#include "base/utf8.h"
#include "event/time_span.h"
#include "json/writer.h"
#include "wire/late_events.h"
#include "wire/state_json.h"

namespace chronos::app {
namespace {

using Entries = std::vector<HistoryEntry>;

struct HistoryFlags {
    StateFlags state;
    bool fields = false;
    std::vector<std::string> expected_types;
};

/// The time for which the view speaks: what has not ended by then lasts until then.
Result<Timestamp> time_of(const client::EndpointView& view, const ViewOptions& options, Timestamp now) {
    if (options.as_of) return *options.as_of;
    if (options.known_at) return *options.known_at;
    if (!options.at) return now;
    client::EventPage page;
    RETURN_IF_ERROR(view.read({.filter = {}, .order = Order::kBackward, .after = {}, .limit = 1, .cursor = {}}, page));
    return page.events().empty() ? now : page.events().front().recorded_at;
}

/// By an end that is a time of occurrence it cannot be said how long something is recorded.
wire::FieldSpan span_of(const Entries& entries, const FieldHistory& field, Timestamp until) {
    const Event& event = entries[field.entry_index].event;
    if (!wire::is_set_late(entries, field)) return {.duration_ns = event::span_ns(event.occurred_at, until)};
    if (until < event.recorded_at) return {.duration_ns = {}, .is_set_late = true};
    return {.duration_ns = event::span_ns(event.recorded_at, until), .is_set_late = true};
}

void write_fields(Program& program, const Entries& entries, Timestamp until, FoldOrder order) {
    for (const FieldHistory& field : field_histories(entries)) {
        const HistoryEntry& entry = entries[field.entry_index];
        const wire::FieldSpan span =
            order == FoldOrder::kStream
                ? span_of(entries, field, until)
                : wire::FieldSpan{.duration_ns = event::span_ns(entry.event.occurred_at, until)};
        if (program.common.json)
            program.out.line(wire::field_history_as_json(field, entry, span));
        else
            program.out.write(field_history_as_text(field, entry, span, value_style(program)));
    }
}

void write_entries(Program& program, const Entries& entries) {
    const ValueStyle values = value_style(program);
    for (const HistoryEntry& entry : entries) {
        if (program.common.json)
            program.out.line(wire::history_entry_as_json(entry));
        else
            program.out.write(history_entry_as_text(entry, values.style, values.width));
    }
}

/// The types of which the history has no event.
std::vector<std::string> absent_types(const Entries& entries, const std::vector<std::string>& expected) {
    std::vector<std::string> absent;
    for (const std::string& type : expected) {
        const bool is_there = std::any_of(entries.begin(), entries.end(), [&type](const HistoryEntry& entry) {
            return entry.event.event_type == type;
        });
        if (!is_there) absent.push_back(type);
    }
    return absent;
}

/// What did not happen is part of the answer, so it is said where the answer is.
void write_absent_types(Program& program, const std::vector<std::string>& types) {
    if (!program.common.json) {
        for (const std::string& type : types)
            program.out.line("no event of type " + base::harmless(type) + " in this view");
        return;
    }
    std::string list = "[";
    for (const std::string& type : types) {
        if (list.size() > 1) list += ',';
        json::append_string(list, type);
    }
    std::string out;
    json::ObjectWriter(out).raw_field("absent_types", list + "]").end();
    program.out.line(out);
}

Result<int> run_history(Program& program, const HistoryFlags& flags) {
    ASSIGN_OR_RETURN(ViewOptions view_options, flags.state.view.resolve(program.now()));
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.state.view.fork));
    view_options.branch = branch.name;
    ASSIGN_OR_RETURN(const auto pinned, store.view(view_options));
    const client::EndpointView& view = *pinned;
    const StateOptions fold = flags.state.fold.resolve();
    ASSIGN_OR_RETURN(const Entries entries, view.history(flags.state.entity, fold));
    if (entries.empty()) {
        ASSIGN_OR_RETURN(const State state, view.state(flags.state.entity));
        return entity_not_there(store, view_options, state);
    }
    if (flags.fields) {
        ASSIGN_OR_RETURN(const Timestamp until, time_of(view, view_options, program.now()));
        write_fields(program, entries, until, fold.order);
    } else {
        write_entries(program, entries);
    }
    const std::uint64_t late = wire::count_late_events(entries);
    if (late > 0 && fold.order == FoldOrder::kStream) program.note(wire::late_events_hint(late));
    if (!flags.expected_types.empty()) write_absent_types(program, absent_types(entries, flags.expected_types));
    return kExitOk;
}

}  // namespace

void add_history_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<HistoryFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "history",
                                     .about = "Show each event of an entity, who did it, and the fields it changed",
                                     .example = "chronos history order:1\n"
                                                "  chronos history order:1 --fields --expect-type order.shipped"});
    flags->state.add_to(command);
    command->add_flag("--fields", flags->fields,
                      "Instead of the events, each field that is there: since when, by which event, and how long");
    add_repeatable(command, "--expect-type", flags->expected_types,
                   "Say so if there is no event of this type; repeat for more")
        ->type_name("TYPE");
    on_chosen(command, program, [flags](Program& p) { return run_history(p, *flags); });
}

}  // namespace chronos::app
