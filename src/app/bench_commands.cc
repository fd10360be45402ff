// chronos bench: how fast this store is on this machine.
#include <chrono>
#include <memory>
#include <thread>

#include "app/commands.h"
#include "app/failure.h"
#include "app/fork_option.h"
#include "app/interrupt.h"
#include "app/measure_remote.h"
#include "app/measurement.h"
#include "app/options.h"
#include "app/progress.h"
#include "app/scratch_directory.h"
#include "app/terminal.h"
#include "base/result.h"
#include "event/batch_content.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

struct BenchAppendFlags {
    AppendLoad load;
    ForkFlag fork;
    WorkloadOptions workload;
    std::string mode = "async";
    std::string input = "binary";
    std::string ids = "derived";
    bool in_memory = false;
    std::uint64_t reserve_bytes = 0;
    bool into_any_store = false;
    bool accept_clock = false;
};

constexpr std::uint64_t kEventsMax = 1'000'000'000;
constexpr std::uint64_t kReserveBytesMax = std::uint64_t{16} << 30;

/// What --reserve asks for must fit beside what is there already.
Status check_reserve(const Program& program, const BenchAppendFlags& flags) {
    if (flags.reserve_bytes == 0) return {};
    const std::string& directory = program.common.directory;
    ASSIGN_OR_RETURN(const std::uint64_t free, io::PosixFileSystem::free_bytes(directory));
    if (flags.reserve_bytes <= free - free / 16) return {};
    return base::fail(ErrorCode::kNoSpace, "--reserve asks for " + human_bytes(flags.reserve_bytes) + " in " +
                                               directory + ", where " + human_bytes(free) + " are free");
}

/// The store prepares its log by itself; waits until there is as much as was asked for.
Result<std::uint64_t> wait_for_reserve(Program& program, const Store& store, std::uint64_t wanted_bytes) {
    constexpr std::int64_t kStalledAfterNs = 60'000'000'000;
    std::uint64_t prepared_bytes = 0;
    std::int64_t grew_ns = program.world.clock.monotonic_ns();
    ProgressBar progress(program, "reserve", wanted_bytes);
    while (prepared_bytes < wanted_bytes && interrupted_by() == 0) {
        ASSIGN_OR_RETURN(const Stats stats, store.view()->stats());
        const std::uint64_t now_bytes = stats.file_bytes - stats.log_bytes;
        const std::int64_t now_ns = program.world.clock.monotonic_ns();
        if (now_bytes > prepared_bytes) grew_ns = now_ns;
        prepared_bytes = now_bytes;
        if (now_ns - grew_ns > kStalledAfterNs)
            return base::fail(ErrorCode::kNoSpace, "only " + human_bytes(prepared_bytes) + " of the " +
                                                       human_bytes(wanted_bytes) +
                                                       " that --reserve asks for can be prepared");
        progress.update({.done = prepared_bytes, .bytes = prepared_bytes});
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    progress.finish();
    if (wanted_bytes > 0) program.note(human_bytes(prepared_bytes) + " of empty log are prepared");
    return prepared_bytes;
}

/// Made-up events must not get between those of somebody's store.
Status check_holds_only_ours(const client::Endpoint& store) {
    ASSIGN_OR_RETURN(const auto view, store.view());
    ASSIGN_OR_RETURN(const Stats stats, view->stats());
    for (const EventTypeCount& type : stats.event_types) {
        if (type.event_type.starts_with(Workload::kTypePrefix)) continue;
        return base::fail(ErrorCode::kInvalidArgument,
                          "the store in " + store.name() + " holds other events (" + type.event_type +
                              "), and made-up ones cannot be taken out again; leave out --dir and --url, or say "
                              "--into-any-store");
    }
    return {};
}

/// What has no meaning for a server; there each thread waits for its answer.
Status check_for_server(const BenchAppendFlags& flags) {
    if (!flags.in_memory && flags.reserve_bytes == 0 && flags.input == "binary" && !flags.accept_clock) return {};
    return base::fail(ErrorCode::kInvalidArgument,
                      "--in-memory, --reserve, --input json and --accept-clock are about a store in a directory");
}

/// The store to append to, as the flags want it.
Result<std::unique_ptr<client::Endpoint>> open_for_bench(Program& program, const BenchAppendFlags& flags) {
    if (!program.common.url.empty()) {
        RETURN_IF_ERROR(check_for_server(flags));
        return open_endpoint(program);
    }
    RETURN_IF_ERROR(check_reserve(program, flags));
    return open_for_writing(
        program, flags.fork,
        {.in_memory = flags.in_memory, .accept_clock = flags.accept_clock, .spare_bytes = flags.reserve_bytes});
}

Result<int> run_bench_append(Program& program, BenchAppendFlags flags) {
    const bool is_remote = !program.common.url.empty();
    flags.workload.explicit_ids = flags.ids == "explicit";
    flags.workload.id_seed = static_cast<std::uint64_t>(program.now().ns);
    flags.load.from_json = flags.input == "json";
    if (is_remote) flags.mode = "sync";
    if (flags.mode == "sync") flags.load.in_flight = 1;
    // Without --fork it is main, whatever $CHRONOS_FORK says: like the store, the branch is the user's.
    if (flags.fork.fork.empty()) flags.fork.fork = "main";
    if (flags.fork.fork != "main" && !program.common.directory_was_given && !is_remote)
        return base::fail(ErrorCode::kInvalidArgument, "--fork needs --dir or --url, the store that has the fork");
    std::unique_ptr<ScratchDirectory> scratch;
    if (!flags.in_memory && !program.common.directory_was_given && !is_remote) {
        ASSIGN_OR_RETURN(scratch, ScratchDirectory::make(program.world.files));
        program.common.directory = scratch->path() + "/data";
        program.note("the store is in " + program.common.directory +
                     ", which is removed at the end; --dir says where else");
    }
    catch_interrupts();  // so that it is removed
    ASSIGN_OR_RETURN(const auto endpoint, open_for_bench(program, flags));
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, *endpoint, flags.fork));
    flags.load.branch = branch.name;
    // What is on a fork can be taken out again.
    if (!flags.into_any_store && branch.name == "main") RETURN_IF_ERROR(check_holds_only_ours(*endpoint));
    std::uint64_t reserved_bytes = 0;
    if (!is_remote) {
        ASSIGN_OR_RETURN(reserved_bytes, wait_for_reserve(program, *endpoint->local(), flags.reserve_bytes));
    }
    if (interrupted_by() != 0) return interrupted_exit_code();
    const Workload workload(flags.workload);
    ProgressBar progress(program, "append", flags.load.events);
    const auto on_progress = [&](std::uint64_t events) { progress.update({.done = events, .events = events}); };
    ASSIGN_OR_RETURN(const AppendMeasurement measured,
                     is_remote ? measure_remote_append(program, workload, flags.load, on_progress)
                               : measure_append(program, *endpoint->local(), workload, flags.load, on_progress));
    progress.finish();
    ASSIGN_OR_RETURN(const auto view, endpoint->view());
    ASSIGN_OR_RETURN(const Stats stats, view->stats());
    const double mb_per_second = static_cast<double>(measured.payload_bytes) * 1e3 /
                                 static_cast<double>(std::max<std::int64_t>(measured.elapsed_ns, 1));
    if (program.common.json) {
        std::string out;
        json::ObjectWriter object(out);
        object.field("bench", "append")
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
            .field("commit_method", stats.commit_method)
            .field("mode", flags.mode)
            .field("in_flight", flags.load.in_flight)
            .field("input", flags.input)
            .field("ids", flags.ids)
            .field("tags", flags.workload.tags)
            .field("seconds", static_cast<double>(measured.elapsed_ns) / 1e9);
        // A server's store says nothing of these.
        if (!is_remote)
            object.field("commits", stats.commits)
                .field("spare_waits", stats.spare_waits)
                .field("reserved_bytes", reserved_bytes);
        object.end();
        program.out.line(out);
    } else {
        program.out.line(with_separators(static_cast<std::uint64_t>(measured.events_per_second())) +
                         " events per second, " + std::string(durability_name(measured.durability)) + " (" +
                         with_separators(measured.events) + " events of " + std::to_string(workload.payload_bytes()) +
                         " bytes in " + human_duration(measured.elapsed_ns) + ", " + stats.commit_method + ")");
        program.out.line("a batch of " + std::to_string(flags.load.batch_events) + " waits: p50 " +
                         human_duration(measured.latencies.at(0.5)) + ", p99 " +
                         human_duration(measured.latencies.at(0.99)) + ", p99.9 " +
                         human_duration(measured.latencies.at(0.999)));
    }
    RETURN_IF_ERROR(endpoint->close());
    return interrupted_by() != 0 ? interrupted_exit_code() : kExitOk;
}

Result<QueryMeasurement> measure_local_queries(Program& program, const Store& store, const std::string& branch,
                                               const std::vector<std::string>& entities, const QueryLoad& load) {
    ASSIGN_OR_RETURN(const View view, store.view({.branch = branch}));
    return measure_queries(program, view, entities, load);
}

Result<int> run_bench_query(Program& program, const QueryLoad& load, const ForkFlag& fork) {
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, *endpoint, fork));
    ASSIGN_OR_RETURN(const auto asked, endpoint->view({.branch = branch.name}));
    ASSIGN_OR_RETURN(const auto entities, all_entities(*asked));
    ASSIGN_OR_RETURN(const QueryMeasurement measured,
                     endpoint->local() == nullptr
                         ? measure_remote_queries(program, branch.name, entities, load)
                         : measure_local_queries(program, *endpoint->local(), branch.name, entities, load));
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
                         with_separators(static_cast<std::uint64_t>(per_second)) + " queries per second");
    }
    return kExitOk;
}

}  // namespace

void add_bench_commands(CLI::App& parent, Program& program) {
    CLI::App* group = add_command(parent, program,
                                  {.name = "bench",
                                   .about = "Measure appends, queries and forks on this machine",
                                   .example = "chronos bench append --events 1000000\n"
                                              "  chronos bench query --dir /var/tmp/bench --last 10"});
    group->require_subcommand(1);
    add_bench_append_command(*group, program);
    add_bench_query_command(*group, program);
    add_bench_fork_command(*group, program);
}

void add_bench_append_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<BenchAppendFlags>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "append",
                     .about = "Append made-up events. Measured: from copying the first event into a batch to "
                              "the last answer; payloads, "
                              "ids and JSON text are made before. Latency: one batch, from handing it over to "
                              "its answer",
                     .example = "chronos bench append --dir /var/tmp/bench --events 1000000 --batch 1000 --json",
                     .appends = true,
                     .reach = Reach::kOwnOrServer});
    AppendLoad& load = flags->load;
    command->add_option("--events", load.events, "How many")->check(whole_number(1, kEventsMax))->capture_default_str();
    command->add_option("--entities", flags->workload.entities, "Of how many entities")
        ->check(whole_number(1, 100'000'000))
        ->capture_default_str();
    command->add_option("--batch", load.batch_events, "Events in a batch")
        ->check(whole_number(1, event::kBatchEventsMax))
        ->capture_default_str();
    command
        ->add_option("--payload-bytes", flags->workload.payload_bytes, "Bytes of JSON in an event, at least about 40")
        ->check(whole_number(2, event::kPayloadSizeMax))
        ->capture_default_str();
    command->add_option("--threads", load.threads, "Threads that append")
        ->check(whole_number(1, 256))
        ->capture_default_str();
    add_durability(command, load.durability);
    add_accept_clock(command, flags->accept_clock);
    command
        ->add_option("--mode", flags->mode,
                     "async: several batches of a thread under way; sync: each waits for its answer")
        ->check(one_of({"async", "sync"}))
        ->capture_default_str();
    command->add_option("--in-flight", load.in_flight, "With async: batches of a thread under way at once")
        ->check(whole_number(1, 1024))
        ->capture_default_str();
    command->add_option("--input", flags->input, "binary: by the batch builder; json: parsed from text")
        ->check(one_of({"binary", "json"}))
        ->capture_default_str();
    command->add_option("--tags", flags->workload.tags, "Tags of an event")
        ->check(CLI::IsMember({0, 2}))
        ->capture_default_str();
    command->add_option("--ids", flags->ids, "derived: from the batch; explicit: each event brings its own")
        ->check(one_of({"derived", "explicit"}))
        ->capture_default_str();
    CLI::Option* fork =
        command
            ->add_option("--fork", flags->fork.fork, "The fork of the store to append to: an id, its start, or a name")
            ->type_name("FORK");
    CLI::Option* in_memory =
        command->add_flag("--in-memory", flags->in_memory, "A store that keeps nothing")->excludes(fork);
    command
        ->add_option("--reserve", flags->reserve_bytes,
                     "Bytes of empty log to prepare ahead (default: the store decides)")
        ->check(whole_number(1, kReserveBytesMax))
        ->excludes(in_memory);
    command->add_flag("--into-any-store", flags->into_any_store,
                      "Append although --dir holds other events than those of this command");
    on_chosen(command, program, [flags](Program& p) { return run_bench_append(p, *flags); });
}

void add_bench_query_command(CLI::App& parent, Program& program) {
    auto load = std::make_shared<QueryLoad>();
    auto fork = std::make_shared<ForkFlag>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "query",
                     .about = "Read the last events of random entities, looking at every byte",
                     .example = "chronos bench query --dir /var/tmp/bench --last 10 --queries 100000 --json",
                     .reach = Reach::kOwnOrServer});
    command->add_option("--last", load->last, "Events in a query")
        ->check(whole_number(1, 100'000))
        ->capture_default_str();
    command->add_option("--queries", load->queries, "How many")
        ->check(whole_number(1, kEventsMax))
        ->capture_default_str();
    command->add_option("--threads", load->threads, "Threads that ask")
        ->check(whole_number(1, 256))
        ->capture_default_str();
    fork->add_to(command);
    on_chosen(command, program, [load, fork](Program& p) { return run_bench_query(p, *load, *fork); });
}

}  // namespace chronos::app
