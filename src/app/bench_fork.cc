// chronos bench fork: how long it takes to make a fork, and to read in it for the first time.
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/interrupt.h"
#include "app/measure_fork.h"
#include "app/options.h"
#include "app/progress.h"
#include "app/terminal.h"
#include "base/result.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

struct BenchForkFlags {
    ForkLoad load;
    bool keep = false;
};

std::string percentiles_as_json(const Latencies& latencies) {
    std::string out;
    json::ObjectWriter(out)
        .field("p50_us", microseconds(latencies.at(0.5)))
        .field("p99_us", microseconds(latencies.at(0.99)))
        .field("p999_us", microseconds(latencies.at(0.999)))
        .end();
    return out;
}

std::string percentiles_text(const Latencies& latencies) {
    return "p50 " + human_duration(latencies.at(0.5)) + ", p99 " + human_duration(latencies.at(0.99)) + ", p99.9 " +
           human_duration(latencies.at(0.999));
}

void write_result(Program& program, const BenchForkFlags& flags, const ForkMeasurement& measured, const Stats& stats) {
    if (!program.common.json) {
        program.out.line("a fork of " + with_separators(stats.event_count) +
                         " events is made, durable: " + percentiles_text(measured.creations) + "; " +
                         with_separators(static_cast<std::uint64_t>(measured.forks_per_second())) + " per second");
        if (!flags.load.with_first_read) return;
        const std::string last = std::to_string(flags.load.last);
        program.out.line("the first read in it, last " + last + " events: " + percentiles_text(measured.fork_reads));
        program.out.line("the same on main, in turns: " + percentiles_text(measured.main_reads));
        return;
    }
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("bench", "fork")
        .field("forks", measured.creations.count())
        .field("threads", flags.load.threads)
        .field("p50_us", microseconds(measured.creations.at(0.5)))
        .field("p99_us", microseconds(measured.creations.at(0.99)))
        .field("p999_us", microseconds(measured.creations.at(0.999)))
        .field("mean_us", measured.creations.mean() / 1e3)
        .field("forks_per_second", measured.forks_per_second())
        .field("durability", durability_name(Durability::kDurable))
        .field("events", stats.event_count)
        .field("entities", stats.entity_count)
        .field("commit_method", stats.commit_method);
    if (flags.load.with_first_read) {
        writer.field("last", flags.load.last)
            .raw_field("first_read", percentiles_as_json(measured.fork_reads))
            .raw_field("main_read", percentiles_as_json(measured.main_reads));
    }
    writer.field("kept", flags.keep).field("seconds", static_cast<double>(measured.elapsed_ns) / 1e9).end();
    program.out.line(out);
}

Status discard_all(Store& store, const ForkMeasurement& measured) {
    for (const std::string& fork : measured.fork_ids) {
        ASSIGN_OR_RETURN(const ForkInfo discarded, store.discard_fork(fork));
        (void)discarded;
    }
    return {};
}

Result<int> run_bench_fork(Program& program, const BenchForkFlags& flags) {
    if (!program.common.directory_was_given)
        return base::fail(ErrorCode::kInvalidArgument,
                          "bench fork needs --dir: the log of that store will tell for ever that there were forks");
    ASSIGN_OR_RETURN(Store store, open_for_reading(program));
    ASSIGN_OR_RETURN(const View view, store.view());
    ASSIGN_OR_RETURN(const Stats stats, view.stats());
    std::vector<std::string> entities;
    if (flags.load.with_first_read) {
        ASSIGN_OR_RETURN(entities, all_entities(view));
    }
    catch_interrupts();  // so that the forks are discarded
    ProgressBar progress(program, "fork", flags.load.forks);
    ForkMeasurement measured;
    Status status = measure_forks(program, store, entities, flags.load, measured,
                                  [&](std::uint64_t forks) { progress.update({.done = forks}); });
    progress.finish();
    Status discarded = flags.keep ? Status() : discard_all(store, measured);
    RETURN_IF_ERROR(std::move(status));
    RETURN_IF_ERROR(std::move(discarded));
    write_result(program, flags, measured, stats);
    RETURN_IF_ERROR(store.close());
    return interrupted_by() != 0 ? interrupted_exit_code() : kExitOk;
}

}  // namespace

void add_bench_fork_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<BenchForkFlags>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "fork",
                     .about = "Make forks of main, one after the other, and discard them. Latency: one fork, from the "
                              "call to its durable answer",
                     .example = "chronos bench fork --dir /var/tmp/bench --forks 1000 --first-read --json",
                     .reach = Reach::kFiles});
    command->add_option("--forks", flags->load.forks, "How many")
        ->check(whole_number(1, 1'000'000))
        ->capture_default_str();
    command->add_option("--threads", flags->load.threads, "Threads that make them")
        ->check(whole_number(1, 256))
        ->capture_default_str();
    command->add_flag("--first-read", flags->load.with_first_read,
                      "Also read the last events of a random entity in each new fork and, in turns, on main");
    command->add_option("--last", flags->load.last, "Events in such a read")
        ->check(whole_number(1, 100'000))
        ->capture_default_str();
    command->add_flag("--keep", flags->keep, "Do not discard the forks; they expire within an hour");
    on_chosen(command, program, [flags](Program& p) { return run_bench_fork(p, *flags); });
}

}  // namespace chronos::app
