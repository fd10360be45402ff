// chronos salvage: saving what can be saved of a damaged store.
#include <memory>
#include <string>

#include "app/commands.h"
#include "app/failure.h"
#include "app/findings_text.h"
#include "app/terminal.h"
#include "base/result.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

Result<int> run_salvage(Program& program, const std::string& target) {
    const std::string& directory = program.common.directory;
    const Result<bool> is_inside = io::PosixFileSystem::is_inside(target, directory);
    if (is_inside.ok() && *is_inside)
        return base::fail(ErrorCode::kInvalidArgument,
                          "--to " + target + " lies in the store " + directory + " itself; name a directory beside it");
    ASSIGN_OR_RETURN(const SalvageReport report, salvage(directory, target));
    if (program.common.json) {
        std::string out;
        json::ObjectWriter(out)
            .field("target", target)
            .field("recovered_events", report.recovered_events)
            .field("lost_events", report.lost_events)
            .raw_field("losses", findings_as_json(report.losses))
            .end();
        program.out.line(out);
    } else {
        program.out.line(with_separators(report.recovered_events) + " events are in " + target + ", " +
                         with_separators(report.lost_events) + " are lost");
        write_findings(program.out, report.losses);
    }
    return kExitOk;
}

}  // namespace

void add_salvage_command(CLI::App& parent, Program& program) {
    auto target = std::make_shared<std::string>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "salvage",
                                     .about = "Copy what can be read of a damaged store into a new one",
                                     .example = "chronos salvage --dir data --to data-salvaged",
                                     .reach = Reach::kFiles});
    command->add_option("--to", *target, "Directory of the new store")->required()->type_name("DIR");
    on_chosen(command, program, [target](Program& p) { return run_salvage(p, *target); });
}

}  // namespace chronos::app
