// chronos export: events as lines of JSON, in the order of their positions, from one view.
#include <memory>

#include "app/commands.h"
#include "app/compressed_output.h"
#include "app/failure.h"
#include "app/interrupt.h"
#include "app/progress.h"
#include "app/read_options.h"
#include "app/terminal.h"
#include "base/result.h"

namespace chronos::app {
namespace {

constexpr std::uint32_t kPageEvents = 10'000;

struct ExportFlags {
    ViewFlags view;
    FilterFlags filter;
    std::string out;
    bool gzip = false;
    bool zstd = false;
};

Result<int> run_export(Program& program, const ExportFlags& flags) {
    ASSIGN_OR_RETURN(ViewOptions view_options, flags.view.resolve(program.now()));
    ReadOptions read{.limit = kPageEvents};
    ASSIGN_OR_RETURN(read.filter, flags.filter.resolve(program.now()));
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.view.fork));
    view_options.branch = branch.name;
    ASSIGN_OR_RETURN(const auto pinned, store.view(view_options));
    const client::EndpointView& view = *pinned;
    const Compression compression = flags.gzip   ? Compression::kGzip
                                    : flags.zstd ? Compression::kZstd
                                                 : Compression::kNone;
    catch_interrupts();
    ASSIGN_OR_RETURN(const auto output, CompressedOutput::create(program, flags.out, compression));

    const ViewInfo info = view.info();
    ProgressBar progress(program, "export", info.at ? info.at->value + 1 : 0);
    client::EventPage page;
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;
    do {
        RETURN_IF_ERROR(view.read(read, page));
        for (const EventView& event : page.events()) {
            const std::string line = to_json(event) + "\n";
            bytes += line.size();
            RETURN_IF_ERROR(output->write(line));
        }
        events += page.events().size();
        if (!page.events().empty())
            progress.update({.done = page.events().back().position.value, .events = events, .bytes = bytes});
        read.cursor = page.next_cursor();
    } while (page.has_more() && interrupted_by() == 0);
    progress.finish();
    if (interrupted_by() != 0) return interrupted_exit_code();  // and no file
    RETURN_IF_ERROR(output->finish());
    program.note(counted(events, "event") + ", " + human_bytes(bytes) + " before compression");
    return kExitOk;
}

}  // namespace

void add_export_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<ExportFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "export",
                                     .about = "Write events as lines of JSON, in order, from one view",
                                     .example = "chronos export --out events.ndjson.zst --zstd\n"
                                                "  chronos export --entity-prefix order: | jq .payload"});
    flags->filter.add_to(command);
    flags->view.add_to(command);
    command->add_option("--out", flags->out, "A new file (default: standard output)")->type_name("FILE");
    CLI::Option* gzip = command->add_flag("--gzip", flags->gzip, "Compress with gzip");
    command->add_flag("--zstd", flags->zstd, "Compress with zstd")->excludes(gzip);
    on_chosen(command, program, [flags](Program& p) { return run_export(p, *flags); });
}

}  // namespace chronos::app
