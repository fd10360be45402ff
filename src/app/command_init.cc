// chronos init: makes a store.
#include "app/commands.h"
#include "app/failure.h"
#include "base/result.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

Result<int> run_init(Program& program) {
    const std::string& directory = program.common.directory;
    bool created = false;
    Result<Store> store = Store::open({.directory = directory, .create_if_missing = false});
    if (!store.ok() && store.error().code == ErrorCode::kNotFound) {
        store = Store::open({.directory = directory});
        created = true;
    }
    if (!store.ok()) return std::move(store).error();
    const std::string database = store->database().to_string();
    if (program.common.json) {
        std::string out;
        json::ObjectWriter(out)
            .field("database", database)
            .field("directory", directory)
            .field("created", created)
            .end();
        program.out.line(out);
    } else if (!program.common.quiet) {
        program.out.line((created ? "made the store " : "there is a store already: ") + database + " in " + directory);
    }
    RETURN_IF_ERROR(store->close());
    return kExitOk;
}

}  // namespace

void add_init_command(CLI::App& parent, Program& program) {
    CLI::App* command = add_command(parent, program,
                                    {.name = "init",
                                     .about = "Make a store; one that is there already stays as it is",
                                     .example = "chronos init --dir data",
                                     .reach = Reach::kFiles});
    on_chosen(command, program, run_init);
}

}  // namespace chronos::app
