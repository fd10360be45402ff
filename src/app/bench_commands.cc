// chronos bench: how fast this store is on this machine.
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/interrupt.h"
#include "app/measurement.h"
#include "app/progress.h"
#include "app/terminal.h"
#include "base/result.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

struct BenchAppendFlags {
    AppendLoad load;
    WorkloadOptions workload;
    std::string durability = "durable";
    std::string mode = "async";
    std::string input = "binary";
    std::string ids = "derived";
    bool in_memory = false;
    std::uint64_t reserve = 0;
};

double microseconds(std::int64_t ns) {
    return static_cast<double>(ns) / 1e3;
}

Result<int> run_bench_append(Program& program, BenchAppendFlags flags) {
    flags.workload.explicit_ids = flags.ids == "explicit";
    flags.workload.id_seed = static_cast<std::uint64_t>(program.now().ns);
    flags.load.durability = flags.durability == "os" ? Durability::kOs : Durability::kDurable;
    flags.load.from_json = flags.input == "json";
    if (flags.mode == "sync") flags.load.in_flight = 1;
    ASSIGN_OR_RETURN(Store store, open_for_writing(program, {.in_memory = flags.in_memory,
                                                             .spare_bytes = flags.reserve}));
    const Workload workload(flags.workload);
    catch_interrupts();
    ProgressBar progress(program, "append", flags.load.events);
    ASSIGN_OR_RETURN(
        const AppendMeasurement measured,
        measure_append(program, store, workload, flags.load, [&](std::uint64_t events) {
            progress.update({.done = events, .events = events});
        }));
    progress.finish();
    ASSIGN_OR_RETURN(const Stats stats, store.view()->stats());
    const double mb_per_second =
        static_cast<double>(measured.payload_bytes) * 1e3 /
        static_cast<double>(std::max<std::int64_t>(measured.elapsed_ns, 1));
    if (program.common.json) {
        std::string out;
        json::ObjectWriter(out)
            .field("bench", "append")
            .field("events_per_second", measured.events_per_second())
            .field("p50_us", microseconds(measured.latencies.at(0.5)))
            .field("p99_us", microseconds(measured.latencies.at(0.99)))
            .field("p999_us", microseconds(measured.latencies.at(0.999)))
            .field("mb_per_second", mb_per_second)
            .field("durability", durability_name(measured.durability))
            .field("threads", flags.load.threads)
            .field("batch", flags.load.batch_events)
            .field("payload_bytes", workload.payload_bytes())
            .field("events", measured.events)
            .field("entities", flags.workload.entities)
            .field("commits", stats.commits)
            .field("commit_method", stats.commit_method)
            .field("spare_waits", stats.spare_waits)
            .field("mode", flags.mode)
            .field("in_flight", flags.load.in_flight)
            .field("input", flags.input)
            .field("ids", flags.ids)
            .field("tags", flags.workload.tags)
            .field("seconds", static_cast<double>(measured.elapsed_ns) / 1e9)
            .end();
        program.out.line(out);
    } else {
        program.out.line(with_separators(static_cast<std::uint64_t>(measured.events_per_second())) +
                         " events per second, " +
                         std::string(durability_name(measured.durability)) + " (" +
                         with_separators(measured.events) + " events of " +
                         std::to_string(workload.payload_bytes()) + " bytes in " +
                         human_duration(measured.elapsed_ns) + ", " + stats.commit_method + ")");
        program.out.line("a batch of " + std::to_string(flags.load.batch_events) + " waits: p50 " +
                         human_duration(measured.latencies.at(0.5)) + ", p99 " +
                         human_duration(measured.latencies.at(0.99)) + ", p99.9 " +
                         human_duration(measured.latencies.at(0.999)));
    }
    RETURN_IF_ERROR(store.close());
    return interrupted_by() != 0 ? interrupted_exit_code() : kExitOk;
}

Result<int> run_bench_query(Program& program, const QueryLoad& load) {
    ASSIGN_OR_RETURN(Store store, open_for_reading(program));
    ASSIGN_OR_RETURN(const View view, store.view());
    ASSIGN_OR_RETURN(const auto entities, all_entities(view));
    ASSIGN_OR_RETURN(const QueryMeasurement measured,
                     measure_queries(program, view, entities, load));
    const double per_second = static_cast<double>(measured.latencies.count()) * 1e9 /
                              static_cast<double>(std::max<std::int64_t>(measured.elapsed_ns, 1));
    if (program.common.json) {
        std::string out;
        json::ObjectWriter(out)
            .field("bench", "query")
            .field("p50_us", microseconds(measured.latencies.at(0.5)))
            .field("p99_us", microseconds(measured.latencies.at(0.99)))
            .field("p999_us", microseconds(measured.latencies.at(0.999)))
            .field("mean_us", measured.latencies.mean() / 1e3)
            .field("queries_per_second", per_second)
            .field("durability", "durable")
            .field("last", load.last)
            .field("queries", measured.latencies.count())
            .field("threads", load.threads)
            .field("entities", entities.size())
            .field("events_read", measured.events)
            .field("bytes_read", measured.bytes)
            .field("queries_from_disk", measured.from_disk)
            .end();
        program.out.line(out);
    } else {
        program.out.line("the last " + std::to_string(load.last) + " events of one of " +
                         with_separators(entities.size()) + " entities: p50 " +
                         human_duration(measured.latencies.at(0.5)) + ", p99 " +
                         human_duration(measured.latencies.at(0.99)) + "; " +
                         with_separators(static_cast<std::uint64_t>(per_second)) +
                         " queries per second");
    }
    return kExitOk;
}

}  // namespace

void add_bench_commands(CLI::App& parent, Program& program) {
    CLI::App* group = parent.add_subcommand("bench", "Measure appends and queries on this machine");
    group->require_subcommand(1);
    add_bench_append_command(*group, program);
    add_bench_query_command(*group, program);
}

void add_bench_append_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<BenchAppendFlags>();
    CLI::App* command = add_command(
        parent, program,
        {.name = "append",
         .about = "Append made-up events. Measured: from copying the first event into a batch to "
                  "the last answer; payloads, "
                  "ids and JSON text are made before. Latency: one batch, from handing it over to "
                  "its answer",
         .example = "chronos bench append --dir /tmp/bench --events 1000000 --batch 1000 --json"});
    AppendLoad& load = flags->load;
    command->add_option("--events", load.events, "How many")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->add_option("--entities", flags->workload.entities, "Of how many entities")
        ->check(CLI::Range(1, 100'000'000))
        ->capture_default_str();
    command->add_option("--batch", load.batch_events, "Events in a batch")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    command
        ->add_option("--payload-bytes", flags->workload.payload_bytes,
                     "Bytes of JSON in an event, at least about 40")
        ->check(CLI::Range(2, 1 << 20))
        ->capture_default_str();
    command->add_option("--threads", load.threads, "Threads that append")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    command
        ->add_option("--durability", flags->durability,
                     "durable: on disk; os: handed to the operating system")
        ->check(CLI::IsMember({"durable", "os"}))
        ->capture_default_str();
    command
        ->add_option(
            "--mode", flags->mode,
            "async: several batches of a thread under way; sync: each waits for its answer")
        ->check(CLI::IsMember({"async", "sync"}))
        ->capture_default_str();
    command
        ->add_option("--in-flight", load.in_flight,
                     "With async: batches of a thread under way at once")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    command
        ->add_option("--input", flags->input,
                     "binary: by the batch builder; json: parsed from text")
        ->check(CLI::IsMember({"binary", "json"}))
        ->capture_default_str();
    command->add_option("--tags", flags->workload.tags, "Tags of an event")
        ->check(CLI::IsMember({0, 2}))
        ->capture_default_str();
    command
        ->add_option("--ids", flags->ids,
                     "derived: from the batch; explicit: each event brings its own")
        ->check(CLI::IsMember({"derived", "explicit"}))
        ->capture_default_str();
    command->add_flag("--in-memory", flags->in_memory, "A store that keeps nothing");
    command->add_option("--reserve", flags->reserve,
                        "Bytes of empty log to prepare ahead (default: the store decides)");
    on_chosen(command, program, [flags](Program& p) { return run_bench_append(p, *flags); });
}

void add_bench_query_command(CLI::App& parent, Program& program) {
    auto load = std::make_shared<QueryLoad>();
    CLI::App* command = add_command(
        parent, program,
        {.name = "query",
         .about = "Read the last events of random entities, looking at every byte",
         .example = "chronos bench query --dir /tmp/bench --last 10 --queries 100000 --json"});
    command->add_option("--last", load->last, "Events in a query")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    command->add_option("--queries", load->queries, "How many")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->add_option("--threads", load->threads, "Threads that ask")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    on_chosen(command, program, [load](Program& p) { return run_bench_query(p, *load); });
}

}  // namespace chronos::app
