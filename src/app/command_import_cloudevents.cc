// chronos import cloudevents.
#include <memory>

#include "app/commands.h"
#include "app/fork_option.h"
#include "app/input.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "app/record_import.h"
#include "base/result.h"
#include "ingest/cloud_event.h"
#include "json/scan.h"

namespace chronos::app {
namespace {

/// A JSON array is read whole; lines have no bound in all.
constexpr std::size_t kArraySizeMax = std::size_t{256} << 20;

struct CloudEventsFlags {
    std::string file;
    std::string entity = "subject";
    ForkFlag fork;
    bool accept_clock = false;
};

Status add_event(std::string_view json, const std::string& where, std::uint64_t line, ingest::CloudEvents& events,
                 RecordImport& import) {
    if (Status status = events.add(json, import.batch()); !status.ok())
        return base::with_context(std::move(status).error(), where);
    return import.added(line);
}

/// `text` is a JSON array; events are counted from 0.
Status read_array(const std::string& text, ingest::CloudEvents& events, RecordImport& import) {
    constexpr json::Limits kLimits{.depth_max = json::kDepthMax + 2, .tokens_max = 100'000'000};
    RETURN_IF_ERROR(json::validate_json(text, kLimits));
    std::uint64_t index = 0;
    for (json::ArrayScanner elements(json::trimmed(text)); elements.next() && interrupted_by() == 0; ++index)
        RETURN_IF_ERROR(add_event(elements.value(), "event " + std::to_string(index), index, events, import));
    return {};
}

/// One event on each line, or one array over all of them.
Status read_events(Input& input, ingest::CloudEvents& events, RecordImport& import) {
    LineReader lines(input);
    while (interrupted_by() == 0) {
        ASSIGN_OR_RETURN(const std::optional<std::string_view> line, lines.next());
        // An interrupted read ends in the middle of a line.
        if (!line || interrupted_by() != 0) return {};
        const std::string_view text = json::trimmed(*line);
        if (text.empty()) continue;
        if (text.starts_with('[')) {
            std::string array(*line);
            for (;;) {
                ASSIGN_OR_RETURN(const std::optional<std::string_view> more, lines.next());
                if (!more) return read_array(array, events, import);
                array.append("\n").append(*more);
                if (array.size() > kArraySizeMax)
                    return base::fail(ErrorCode::kLimitExceeded,
                                      "the array has more than 256 MiB; give one event a line");
            }
        }
        RETURN_IF_ERROR(
            add_event(text, "line " + std::to_string(lines.line_number()), lines.line_number(), events, import));
    }
    return {};
}

Result<int> run_import_cloudevents(Program& program, const CloudEventsFlags& flags) {
    ASSIGN_OR_RETURN(const auto input, Input::open(flags.file));
    ASSIGN_OR_RETURN(const auto endpoint, open_for_writing(program, flags.fork, {.accept_clock = flags.accept_clock}));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.fork));
    catch_interrupts();
    ingest::CloudEvents events(flags.entity == "source" ? ingest::CloudEvents::Entity::kSource
                                                        : ingest::CloudEvents::Entity::kSubject);
    RecordImport import(program, store, branch.name, *input);
    Status read = read_events(*input, events, import);
    return import.finish(std::move(read));
}

}  // namespace

void add_import_cloudevents_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<CloudEventsFlags>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "cloudevents",
                     .about = "CloudEvents 1.0 in JSON, one a line or in an array. Again: only what is new",
                     .example = "chronos import cloudevents events.ndjson --entity subject",
                     .appends = true});
    command->add_option("file", flags->file, "Plain or compressed, or -")->required()->type_name("FILE");
    command->add_option("--entity", flags->entity, "Which attribute names the entity; source where there is no subject")
        ->check(one_of({"subject", "source"}))
        ->capture_default_str();
    flags->fork.add_to(command);
    add_accept_clock(command, flags->accept_clock);
    on_chosen(command, program, [flags](Program& p) { return run_import_cloudevents(p, *flags); });
}

}  // namespace chronos::app
