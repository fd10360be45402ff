// chronos version.
#include <string>

#include "app/commands.h"
#include "app/failure.h"
#include "json/writer.h"
#include "server/version.h"

namespace chronos::app {

void add_version_command(CLI::App& parent, Program& program) {
    CLI::App* command =
        add_command(parent, program,
                    {.name = "version", .about = "Say which version this is", .example = "chronos version --json"});
    on_chosen(command, program, [](Program& p) -> Result<int> {
        std::string json;
        json::ObjectWriter(json).field("name", "chronos").field("version", server::kVersion).end();
        p.out.line(p.common.json ? json : "chronos " + std::string(server::kVersion));
        return kExitOk;
    });
}

}  // namespace chronos::app
