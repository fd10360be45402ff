// chronos verify: is every byte of the store as it was written?
#include <memory>
#include <string>
#include <unordered_map>

#include "app/commands.h"
#include "app/failure.h"
#include "app/findings_text.h"
#include "app/progress.h"
#include "app/terminal.h"
#include "base/result.h"
#include "json/validate.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

/// Reads every event through the store and checks what only their sequence shows.
class DeepCheck {
public:
    explicit DeepCheck(VerifyReport& report) : report_(report) {}

    void look_at(const EventView& event) {
        if (event.position.value != next_position_) found(event, "a position is missing before it");
        next_position_ = event.position.value + 1;
        if (event.recorded_at < last_recorded_at_) found(event, "it was recorded before the event in front of it");
        last_recorded_at_ = event.recorded_at;
        if (!event.entity_id.empty() && event.version.value != ++versions_[std::string(event.entity_id)])
            found(event, "its version does not follow the one before");
        if (!event.payload_is_unvalidated && !json::validate_json(event.payload).ok())
            found(event, "its payload is not valid JSON");
    }
    [[nodiscard]] std::uint64_t event_count() const { return next_position_; }

private:
    void found(const EventView& event, std::string what) {
        report_.intact = false;
        report_.findings.push_back(
            {.first_position = event.position, .end_position = event.position + 1, .what = std::move(what)});
    }

    VerifyReport& report_;
    std::uint64_t next_position_ = 0;
    Timestamp last_recorded_at_{INT64_MIN};
    std::unordered_map<std::string, std::uint64_t> versions_;
};

Status verify_deeply(Program& program, VerifyReport& report) {
    ASSIGN_OR_RETURN(Store store, open_for_reading(program));
    ASSIGN_OR_RETURN(const View view, store.view());
    ProgressBar progress(program, "events", report.event_count);
    DeepCheck check(report);
    ReadOptions read{.limit = 10'000};
    Page page;
    do {
        RETURN_IF_ERROR(view.read(read, page));
        for (const EventView& event : page.events()) check.look_at(event);
        read.cursor = page.next_cursor();
        progress.update({.done = check.event_count(), .events = check.event_count()});
    } while (page.has_more());
    return {};
}

Result<int> run_verify(Program& program, bool deep) {
    ProgressBar progress(program, "verify");
    ASSIGN_OR_RETURN(VerifyReport report,
                     verify(program.common.directory, [&](std::uint64_t done, std::uint64_t total) {
                         progress.set_total(total);
                         progress.update({.done = done, .bytes = done});
                     }));
    progress.finish();
    if (deep && report.intact) RETURN_IF_ERROR(verify_deeply(program, report));
    if (program.common.json) {
        std::string out;
        json::ObjectWriter(out)
            .field("intact", report.intact)
            .field("deep", deep)
            .field("bytes", report.bytes)
            .field("segments", report.segment_count)
            .field("records", report.record_count)
            .field("events", report.event_count)
            .raw_field("findings", findings_as_json(report.findings))
            .end();
        program.out.line(out);
    } else {
        const Style style = program.style();
        program.out.line((report.intact ? style.green("intact") : style.red("damaged")) + "  " +
                         counted(report.event_count, "event") + " in " + counted(report.record_count, "record") + ", " +
                         human_bytes(report.bytes) + " in " + counted(report.segment_count, "segment"));
        write_findings(program.out, report.findings);
    }
    if (report.intact) return kExitOk;
    RETURN_IF_ERROR(program.out.flush());
    program.note("`chronos salvage --to NEWDIR` copies what can be read");
    return kExitCorrupt;
}

}  // namespace

void add_verify_command(CLI::App& parent, Program& program) {
    auto deep = std::make_shared<bool>(false);
    CLI::App* command = add_command(parent, program,
                                    {.name = "verify",
                                     .about = "Read everything of a store and check it; nothing is changed",
                                     .example = "chronos verify --deep",
                                     .reach = Reach::kFiles});
    command->add_flag("--deep", *deep, "Also open it and check order, versions and the JSON of every event");
    on_chosen(command, program, [deep](Program& p) { return run_verify(p, *deep); });
}

}  // namespace chronos::app
