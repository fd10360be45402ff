// chronos fork reclaim.
#include "app/commands.h"
#include "app/failure.h"
#include "app/progress.h"
#include "app/terminal.h"
#include "base/result.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

std::string events_text(std::uint64_t count) { return with_separators(count) + (count == 1 ? " event" : " events"); }

Result<int> run_fork_reclaim(Program& program) {
    ASSIGN_OR_RETURN(Store store, open_for_reading(program));
    ProgressBar progress(program, "reclaim");
    ASSIGN_OR_RETURN(const ReclaimResult result, store.reclaim_forks([&](std::uint64_t done, std::uint64_t total) {
        progress.set_total(total);
        progress.update({.done = done, .bytes = done});
    }));
    progress.finish();
    if (program.common.json) {
        std::string out;
        json::ObjectWriter(out)
            .field("reclaimed_bytes", result.reclaimed_bytes)
            .field("removed_events", result.removed_events)
            .field("rewritten_segments", result.rewritten_segments)
            .field("waiting_files", result.waiting_files)
            .end();
        program.out.line(out);
    } else if (result.rewritten_segments == 0) {
        program.out.line("nothing to give back: no fork that ended has enough events in a finished segment");
    } else {
        program.out.line("gave back " + human_bytes(result.reclaimed_bytes) + ": " +
                         events_text(result.removed_events) + " of forks that ended, in " +
                         std::to_string(result.rewritten_segments) +
                         (result.rewritten_segments == 1 ? " segment" : " segments"));
    }
    RETURN_IF_ERROR(store.close());
    return kExitOk;
}

}  // namespace

void add_fork_reclaim_command(CLI::App& parent, Program& program) {
    CLI::App* command = add_command(parent, program,
                                    {.name = "reclaim",
                                     .about = "Give back the disk space of forks that can be read no more, now",
                                     .example = "chronos fork reclaim",
                                     .reach = Reach::kFiles});
    on_chosen(command, program, [](Program& p) { return run_fork_reclaim(p); });
}

}  // namespace chronos::app
