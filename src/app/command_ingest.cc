// chronos ingest: events as lines of JSON, from files and standard input, plain or compressed.
#include <memory>
#include <vector>

#include "app/commands.h"
#include "app/failure.h"
#include "app/fork_option.h"
#include "app/input.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "app/progress.h"
#include "app/terminal.h"
#include "app/upload_lines.h"
#include "base/result.h"
#include "event/batch_content.h"
#include "ingest/append_pipeline.h"
#include "ingest/event_lines.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

/// A batch is handed over at this size, however few events it has.
constexpr std::size_t kBatchBytesMax = std::size_t{4} << 20;

struct IngestFlags {
    std::vector<std::string> files;
    std::uint32_t batch_events = 1000;
    std::string mode = "strict";
    ForkFlag fork;
    Durability durability = Durability::kDurable;
    bool accept_clock = false;
};

/// One run over one or more inputs; lines are counted through all of them.
class Ingest {
public:
    Ingest(Program& program, const IngestFlags& flags, Store& store, std::string branch)
        : program_(program),
          flags_(flags),
          branch_(std::move(branch)),
          pipeline_(store),
          lines_(flags.mode == "import" ? ingest::LineMode::kImport : ingest::LineMode::kStrict),
          progress_(program, "ingest"),
          started_ns_(program.world.clock.monotonic_ns()) {}

    Status read_file(const std::string& path) {
        ASSIGN_OR_RETURN(const auto input, Input::open(path));
        progress_.set_total(flags_.files.size() == 1 ? input->raw_total() : 0);
        LineReader reader(*input);
        while (interrupted_by() == 0) {
            Result<std::optional<std::string_view>> next = reader.next();
            if (!next.ok()) {
                if (next.error().code == ErrorCode::kLimitExceeded) failed_line_ = ++line_count_;
                return stop(std::move(next).error());
            }
            const std::optional<std::string_view> line = *next;
            // An interrupted read ends in the middle of a line.
            if (!line || interrupted_by() != 0) break;
            ++line_count_;
            if (line->find_first_not_of(" \t") == std::string_view::npos) continue;
            RETURN_IF_ERROR(add(*line, path, reader.line_number()));
            if (batch_.lines.size() >= flags_.batch_events || batch_bytes_ >= kBatchBytesMax) {
                RETURN_IF_ERROR(submit());
                progress_.update({.done = input->raw_bytes(), .events = submitted_, .bytes = bytes_});
            }
        }
        return {};
    }

    Status finish() {
        Status submitted = submit();
        Status finished = pipeline_.finish();
        progress_.finish();
        return submitted.ok() ? finished : submitted;
    }

    void write_summary(const Status& status) {
        const ingest::AppendPipeline::Counts& counts = pipeline_.counts();
        const std::uint64_t failed_line = failed_line_ != 0 ? failed_line_ : counts.failed_line.value_or(0);
        std::string summary;
        json::ObjectWriter writer(summary);
        writer.field("lines", line_count_).field("appended", counts.appended).field("duplicates", counts.duplicates);
        if (!status.ok() && failed_line != 0)
            writer.field("failed_line", failed_line);
        else
            writer.raw_field("failed_line", "null");
        writer.field("committed_through", status.ok() && interrupted_by() == 0 ? line_count_ : counts.committed_through)
            .end();
        program_.out.line("{\"summary\":" + summary + "}");
        const std::int64_t elapsed_ns = program_.world.clock.monotonic_ns() - started_ns_;
        const double rate = static_cast<double>(counts.appended) * 1e9 / static_cast<double>(elapsed_ns);
        program_.note(counted(counts.appended, "event") + " in " + human_duration(elapsed_ns) + ", " +
                      with_separators(static_cast<std::uint64_t>(rate)) + " per second, " +
                      std::string(durability_name(flags_.durability)));
    }

private:
    Status add(std::string_view line, const std::string& path, std::uint64_t line_of_file) {
        if (Status status = lines_.add(line, batch_.events); !status.ok()) {
            Error error = std::move(status).error();
            const bool several = flags_.files.size() > 1;
            failed_line_ = line_count_;
            const std::string place = several ? path + ": line " : "line ";
            return stop(base::with_context(std::move(error), place + std::to_string(line_of_file)));
        }
        batch_.lines.push_back(line_count_);
        batch_bytes_ += line.size();
        bytes_ += line.size() + 1;
        return {};
    }

    /// Appends the good lines before what went wrong; an error of theirs comes first.
    Error stop(Error error) {
        batch_.events.content().drop_error();  // of the line that is left out
        if (Status status = submit(); !status.ok()) return std::move(status).error();
        return error;
    }

    Status submit() {
        if (batch_.lines.empty()) return {};
        ingest::AppendPipeline::Batch batch = std::move(batch_);
        batch_ = {};
        batch.last_line = line_count_;
        if (failed_line_ != 0) batch.last_line = failed_line_ - 1;
        batch.options.branch = branch_;
        batch.options.durability = flags_.durability;
        submitted_ += batch.lines.size();
        batch_bytes_ = 0;
        return pipeline_.submit(std::move(batch));
    }

    Program& program_;
    const IngestFlags& flags_;
    std::string branch_;
    ingest::AppendPipeline pipeline_;
    ingest::EventLines lines_;
    ProgressBar progress_;
    std::int64_t started_ns_;
    ingest::AppendPipeline::Batch batch_;
    std::size_t batch_bytes_ = 0;
    std::uint64_t line_count_ = 0;
    std::uint64_t failed_line_ = 0;
    std::uint64_t submitted_ = 0;
    std::uint64_t bytes_ = 0;
};

UploadOptions upload_options(const IngestFlags& flags, const Branch& branch) {
    return {.branch = branch.name,
            .batch_events = flags.batch_events,
            .is_import = flags.mode == "import",
            .durability = flags.durability};
}

Result<int> run_ingest(Program& program, const IngestFlags& flags) {
    // Before a store is opened, or made.
    for (const std::string& file : flags.files) RETURN_IF_ERROR(Input::check(file));
    ASSIGN_OR_RETURN(const auto endpoint, open_for_writing(program, flags.fork, {.accept_clock = flags.accept_clock}));
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, *endpoint, flags.fork));
    catch_interrupts();
    if (endpoint->local() == nullptr) return upload_lines(program, flags.files, upload_options(flags, branch));
    Store& store = *endpoint->local();
    Ingest ingest(program, flags, store, branch.name);
    Status status;
    for (const std::string& file : flags.files) {
        if (status = ingest.read_file(file); !status.ok() || interrupted_by() != 0) break;
    }
    Status finished = ingest.finish();
    if (status.ok()) status = std::move(finished);
    ingest.write_summary(status);
    if (!status.ok()) return std::move(status).error();
    RETURN_IF_ERROR(store.close());
    return interrupted_by() != 0 ? interrupted_exit_code() : kExitOk;
}

}  // namespace

void add_ingest_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<IngestFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "ingest",
                                     .about = "Append events from lines of JSON (NDJSON), plain, .gz or .zst",
                                     .example = "chronos ingest events.ndjson.gz\n"
                                                "  chronos export | chronos ingest --dir copy --mode import -",
                                     .appends = true});
    command->add_option("files", flags->files, "Files, or - for standard input (the default)")->type_name("FILE");
    command->add_option("--batch", flags->batch_events, "Events appended as one")
        ->check(whole_number(1, event::kBatchEventsMax))
        ->capture_default_str();
    command->add_option("--mode", flags->mode, "strict: as a client sends events; import: as a store exported them")
        ->check(one_of({"strict", "import"}))
        ->capture_default_str();
    flags->fork.add_to(command);
    add_durability(command, flags->durability);
    add_accept_clock(command, flags->accept_clock);
    on_chosen(command, program, [flags](Program& p) {
        if (flags->files.empty()) flags->files = {"-"};
        return run_ingest(p, *flags);
    });
}

}  // namespace chronos::app
