// What only Chronos does, or does in variants.
#include <sys/prctl.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "peers/append_window.h"
#include "peers/chronos_peer.h"
#include "peers/failure.h"
#include "peers/idle_store.h"
#include "peers/latencies.h"
#include "peers/measure.h"

namespace chronos::bench {
namespace {

constexpr std::size_t kBatchEvents = 1000;
constexpr unsigned kInFlight = 8;

Shape usual_shape(const Bench& bench) { return {.events = bench.scaled(1'000'000), .entities = bench.scaled(100'000)}; }

/// A Chronos store with an empty log prepared, which ends with it.
struct FreshStore {
    explicit FreshStore(Bench& bench) : FreshStore(bench, bench.spare_bytes()) {}
    FreshStore(Bench& bench, std::uint64_t spare_bytes)
        : directory(bench.scratch()), peer({.spare_bytes = spare_bytes}) {
        peer.open(directory.path());
    }
    Store& store() { return peer.store(); }

    ScratchDirectory directory;
    ChronosPeer peer;
};

// --- conditions ----------------------------------------------------------------------------------

enum class ConditionKind : std::uint8_t { kNone, kExactVersions, kQueryPerBatch, kQueryPerEvent };

/// "This seat is free at this customer": none of the events with both tags may exist.
NoEventMatches seat_is_free(const Event& event) {
    QueryItem item;
    for (const std::string_view tag : event.tags) item.tags.emplace_back(tag);
    return {.query = {.items = {std::move(item)}}};
}

BatchBuilder conditional_batch(std::span<const Event> events, ConditionKind kind) {
    BatchBuilder batch;
    batch.reserve(events.size() * 512);
    for (const Event& event : events) {
        BatchBuilder::EventRef ref = {
            .entity_id = event.entity, .event_type = event.type, .payload = event.payload, .tags = event.tags};
        if (kind == ConditionKind::kExactVersions) ref.expected_version = ExpectedVersion::exactly(event.version - 1);
        batch.add(ref);
        if (kind == ConditionKind::kQueryPerEvent) batch.add_condition(seat_is_free(event));
    }
    if (kind == ConditionKind::kQueryPerBatch) batch.add_condition(seat_is_free(events.front()));
    return batch;
}

std::vector<Metric> measure_conditional_batches(Bench& bench, const Workload& workload, ConditionKind kind) {
    FreshStore fresh(bench);
    const auto events = workload.events();
    AppendWindow window(kInFlight);
    const std::int64_t started_ns = now_ns();
    for (std::size_t at = 0; at < events.size(); at += kBatchEvents)
        append_async(fresh.store(),
                     conditional_batch(events.subspan(at, std::min(kBatchEvents, events.size() - at)), kind), window);
    window.wait_for_all();
    const std::int64_t elapsed_ns = now_ns() - started_ns;
    fresh.peer.close();
    return {rate("events/s", events.size(), elapsed_ns)};
}

std::vector<Metric> measure_conditional_singles(Bench& bench, const Workload& workload, ConditionKind kind) {
    FreshStore fresh(bench);
    const auto events = workload.events();
    Latencies latencies;
    const std::int64_t started_ns = now_ns();
    for (std::size_t i = 0; i < events.size(); ++i) {
        const std::int64_t before_ns = now_ns();
        must(fresh.store().append(conditional_batch(events.subspan(i, 1), kind)));
        latencies.add(now_ns() - before_ns);
    }
    const std::int64_t elapsed_ns = now_ns() - started_ns;
    fresh.peer.close();
    latencies.sort();
    return {rate("commits/s", events.size(), elapsed_ns),
            {"p50 us", latencies.us_at(0.5)},
            {"p99 us", latencies.us_at(0.99)}};
}

using MeasureCondition = std::function<std::vector<Metric>(Bench&, const Workload&, ConditionKind)>;

void add_condition_row(Bench& bench, Group& group, const Shape& shape, ConditionKind kind, Row row,
                       const MeasureCondition& measure) {
    row.durability = "synced";
    row.n = shape.events;
    row.k = shape.entities;
    row.run = [&bench, shape, kind, measure] { return measure(bench, bench.workload(shape), kind); };
    group.rows.push_back(std::move(row));
}

Group conditional_batches(Bench& bench) {
    Shape shape = usual_shape(bench);
    shape.round_robin = true;
    Group group{.title = "Conditional append of Chronos: 1,000 events a batch, 2 tags an event",
                .baseline = "conditional/none"};
    const auto add = [&](ConditionKind kind, Row row) {
        add_condition_row(bench, group, shape, kind, std::move(row), measure_conditional_batches);
    };
    add(ConditionKind::kNone, {.name = "conditional/none", .what = "no condition"});
    add(ConditionKind::kExactVersions, {.name = "conditional/exact", .what = "the exact version for every event"});
    add(ConditionKind::kQueryPerBatch,
        {.name = "conditional/query-per-batch", .what = "no event has these 2 tags; one a batch"});
    add(ConditionKind::kQueryPerEvent,
        {.name = "conditional/query-per-event", .what = "the same, one for every event"});
    return group;
}

Group conditional_singles(Bench& bench) {
    const Shape shape{.events = bench.scaled(2'000), .entities = bench.scaled(1'000), .round_robin = true};
    Group group{.title = "Conditional append of Chronos: one event a commit, 1 client, 2 tags",
                .baseline = "conditional-single/none"};
    const auto add = [&](ConditionKind kind, Row row) {
        add_condition_row(bench, group, shape, kind, std::move(row), measure_conditional_singles);
    };
    add(ConditionKind::kNone, {.name = "conditional-single/none", .what = "no condition"});
    add(ConditionKind::kExactVersions, {.name = "conditional-single/exact", .what = "the exact version"});
    add(ConditionKind::kQueryPerEvent, {.name = "conditional-single/query", .what = "no event has these 2 tags"});
    return group;
}

// --- burst and sustained -------------------------------------------------------------------------

constexpr std::uint64_t kSmallSpareBytes = std::uint64_t{64} << 20;

/// Appends the workload again and again, until `events` are in.
void append_rounds(Session& session, const Workload& workload, std::uint64_t events) {
    for (std::uint64_t done = 0; done < events; done += workload.events().size())
        session.append_all(workload.events(), kBatchEvents);
}

/// A tenth of what is appended fits into the segments that were spare.
std::vector<Metric> measure_sustained(Bench& bench, const Workload& workload, std::uint64_t events) {
    FreshStore fresh(bench, kSmallSpareBytes);
    const auto session = fresh.peer.connect();
    const std::uint64_t spare_bytes = must(must(fresh.store().view()).stats()).file_bytes;
    const std::int64_t started_ns = now_ns();
    append_rounds(*session, workload, events);
    const std::int64_t elapsed_ns = now_ns() - started_ns;
    const std::uint64_t log_bytes = must(must(fresh.store().view()).stats()).log_bytes;
    fresh.peer.close();
    if (log_bytes < 10 * spare_bytes && events > 1'000'000)
        throw Failure("only " + std::to_string(log_bytes) + " bytes of log for " + std::to_string(spare_bytes) +
                      " spare");
    return {rate("events/s", events, elapsed_ns)};
}

std::vector<Metric> measure_sustained_raw(Bench& bench, const Workload& workload, std::uint64_t events) {
    FreshPeer fresh(bench, [&bench] { return make_raw_log(bench.raw_log_bytes()); });
    const std::int64_t started_ns = now_ns();
    append_rounds(*fresh.sessions.front(), workload, events);
    const std::int64_t elapsed_ns = now_ns() - started_ns;
    fresh.close();
    return {rate("events/s", events, elapsed_ns)};
}

Group small_payloads(Bench& bench) {
    Shape shape = usual_shape(bench);
    shape.payload_bytes = 64;
    const std::uint64_t sustained = 8 * shape.events;
    Group group{.title = "Durable append: 64-byte JSON, 1,000 events a batch", .baseline = "small/rocksdb"};
    const auto add = [&](Row row, std::uint64_t n, std::function<std::vector<Metric>(const Workload&)> measure) {
        row.n = n;
        row.k = shape.entities;
        row.run = [&bench, shape, measure = std::move(measure)] { return measure(bench.workload(shape)); };
        group.rows.push_back(std::move(row));
    };
    const auto once = [&bench, shape](const MakePeer& make, bool checked) {
        return [&bench, shape, make, checked](const Workload& workload) {
            return measure_append(bench, make, workload, {.events = shape.events, .checked = checked});
        };
    };
    add({.name = "small/raw-log", .what = "the limit, burst", .durability = "O_DIRECT, O_DSYNC"}, shape.events,
        once([&bench] { return make_raw_log(bench.raw_log_bytes()); }, false));
    add({.name = "small/chronos-burst", .what = "within the spare segments", .durability = "synced"}, shape.events,
        once([&bench] { return make_chronos({.spare_bytes = bench.spare_bytes()}); }, true));
    add({.name = "small/rocksdb", .what = "WriteBatch", .durability = "sync=true"}, shape.events,
        once([] { return make_rocksdb(); }, true));
    add({.name = "small/raw-log-sustained", .what = "the limit, sustained", .durability = "O_DIRECT, O_DSYNC"},
        sustained,
        [&bench, sustained](const Workload& workload) { return measure_sustained_raw(bench, workload, sustained); });
    add({.name = "small/chronos-sustained", .what = "10 times the spare segments", .durability = "synced"}, sustained,
        [&bench, sustained](const Workload& workload) { return measure_sustained(bench, workload, sustained); });
    return group;
}

// --- threads -------------------------------------------------------------------------------------

Group writer_threads(Bench& bench) {
    const Shape shape = usual_shape(bench);
    Group group{.title = "Chronos with several writers: 240-byte JSON, 1,000 events a batch", .baseline = "threads/1"};
    for (const unsigned threads : {1U, 2U, 4U, 8U})
        group.rows.push_back({.name = "threads/" + std::to_string(threads),
                              .what = std::to_string(threads) + (threads == 1 ? " thread" : " threads") +
                                      ", each with 8 batches under way, empty log prepared",
                              .durability = "synced",
                              .n = shape.events,
                              .k = shape.entities,
                              .run = [&bench, shape, threads] {
                                  return measure_append(
                                      bench, [&bench] { return make_chronos({.spare_bytes = bench.spare_bytes()}); },
                                      bench.workload(shape), {.events = shape.events, .clients = threads});
                              }});
    return group;
}

// --- latency at a given rate ---------------------------------------------------------------------

constexpr std::int64_t kGroupIntervalNs = 100'000;

void sleep_until_ns(std::int64_t ns) {
    const timespec until{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
}

/// Hands over a group of events every 100 us, whether or not the store keeps up. A latency runs
/// from the time a group was due to its answer, so that waiting to be handed over counts too.
std::vector<Metric> measure_offered(Bench& bench, const Workload& workload, std::uint64_t per_second,
                                    std::uint64_t tenths_of_second) {
    FreshStore fresh(bench);
    const auto events = workload.events();
    const std::size_t group_events = per_second / (1'000'000'000 / kGroupIntervalNs);
    const std::size_t groups = tenths_of_second * 100'000'000 / kGroupIntervalNs;
    std::vector<std::int64_t> answered_ns(groups);
    AppendWindow window(1'000'000);
    ::prctl(PR_SET_TIMERSLACK, 1);
    const std::int64_t started_ns = now_ns();
    for (std::size_t i = 0; i < groups; ++i) {
        sleep_until_ns(started_ns + static_cast<std::int64_t>(i) * kGroupIntervalNs);
        BatchBuilder batch;
        fill(batch, events.subspan(i * group_events % (events.size() - group_events), group_events));
        window.wait_for_room();
        must(fresh.store().append_async(std::move(batch), {},
                                        window.completion([&answered_ns, i] { answered_ns[i] = now_ns(); })));
    }
    window.wait_for_all();
    const std::int64_t elapsed_ns = now_ns() - started_ns;
    fresh.peer.close();
    Latencies latencies;
    for (std::size_t i = 0; i < groups; ++i)
        latencies.add(answered_ns[i] - started_ns - static_cast<std::int64_t>(i) * kGroupIntervalNs);
    latencies.sort();
    return {rate("events/s", groups * group_events, elapsed_ns),
            {"p50 us", latencies.us_at(0.5)},
            {"p99 us", latencies.us_at(0.99)},
            {"p99.9 us", latencies.us_at(0.999)}};
}

Group offered_rates(Bench& bench) {
    const Shape shape = usual_shape(bench);
    const std::uint64_t tenths_of_second = bench.is_quick() ? 2 : 30;
    Group group{.title = "Chronos at a given rate: from when a group was due to its answer", .baseline = ""};
    for (const auto& [name, per_second] : {std::pair("100k", 100'000U), std::pair("1m", 1'000'000U)})
        group.rows.push_back(
            {.name = std::string("offered/") + name,
             .what = std::to_string(per_second / 10'000) + " events every 100 us, append_async, 240-byte JSON",
             .durability = "synced",
             .n = per_second / 10 * tenths_of_second,
             .k = shape.entities,
             .run = [&bench, shape, per_second = per_second, tenths_of_second] {
                 return measure_offered(bench, bench.workload(shape), per_second, tenths_of_second);
             }});
    return group;
}

// --- a follower beside the writer ----------------------------------------------------------------

/// Reads along on a thread of its own, looking at every byte, until it has seen `events`.
class ReadingAlong {
public:
    ReadingAlong(Store& store, std::uint64_t events)
        : follower_(must(store.follow({}))), wanted_(events), thread_([this] { run(); }) {}
    ~ReadingAlong() {
        is_stopped_.store(true);
        if (thread_.joinable()) thread_.join();
    }
    ReadingAlong(const ReadingAlong&) = delete;
    ReadingAlong& operator=(const ReadingAlong&) = delete;

    /// Waits until everything was seen and gives the time at which it was.
    std::int64_t wait() {
        thread_.join();
        if (seen_ != wanted_) throw Failure("the follower: " + failure_);
        return finished_ns_;
    }

private:
    void run() {
        Page page;
        while (seen_ < wanted_ && !is_stopped_.load()) {
            const Status status = follower_.next(10'000, 100, page);
            if (!status.ok()) {
                failure_ = status.error().message;
                return;
            }
            for (const EventView& event : page.events()) checksum_ += sum_of(event.payload) + sum_of(event.entity_id);
            seen_ += page.events().size();
        }
        finished_ns_ = now_ns();
    }

    Follower follower_;
    const std::uint64_t wanted_;
    std::atomic<bool> is_stopped_ = false;
    std::uint64_t seen_ = 0;  // by the thread, then by who joined it, as all below
    std::uint64_t checksum_ = 0;
    std::int64_t finished_ns_ = 0;
    std::string failure_;
    std::thread thread_;
};

std::vector<Metric> measure_beside_follower(Bench& bench, const Workload& workload) {
    FreshStore fresh(bench);
    const auto session = fresh.peer.connect();
    std::int64_t answered_ns = 0;
    std::int64_t seen_ns = 0;
    const std::int64_t started_ns = now_ns();
    {
        ReadingAlong follower(fresh.store(), workload.events().size());
        session->append_all(workload.events(), kBatchEvents);
        answered_ns = now_ns();
        seen_ns = follower.wait();
    }
    fresh.peer.close();
    return {rate("events/s", workload.events().size(), answered_ns - started_ns),
            {"behind, ms", static_cast<double>(std::max<std::int64_t>(seen_ns - answered_ns, 0)) / 1e6}};
}

Group follower_cost(Bench& bench) {
    const Shape shape = usual_shape(bench);
    Row row{.name = "follower/none",
            .what = "nobody follows",
            .durability = "synced",
            .n = shape.events,
            .k = shape.entities,
            .run = [&bench, shape] {
                return measure_append(bench, [&bench] { return make_chronos({.spare_bytes = bench.spare_bytes()}); },
                                      bench.workload(shape), {.events = shape.events});
            }};
    Group group{.title = "Durable append of Chronos beside a follower", .baseline = "follower/none"};
    group.rows.push_back(row);
    row.name = "follower/one";
    row.what = "one thread follows and looks at every byte";
    row.run = [&bench, shape] { return measure_beside_follower(bench, bench.workload(shape)); };
    group.rows.push_back(std::move(row));
    return group;
}

// --- in memory -----------------------------------------------------------------------------------

/// The same few events into one fresh store after another; only the appends are timed.
std::vector<Metric> measure_in_memory(Bench& bench, const MakePeer& make, const Workload& workload,
                                      std::size_t batch_events, unsigned stores) {
    std::int64_t elapsed_ns = 0;
    for (unsigned i = 0; i < stores; ++i) {
        FreshPeer fresh(bench, make);
        const std::int64_t started_ns = now_ns();
        for (std::size_t at = 0; at < workload.events().size(); at += batch_events)
            fresh.sessions.front()->append(workload.events().subspan(at, batch_events));
        elapsed_ns += now_ns() - started_ns;
        fresh.close();
    }
    return {rate("events/s", workload.events().size() * stores, elapsed_ns)};
}

Group in_memory(Bench& bench) {
    const Shape shape{.events = 1000, .entities = 100, .payload_bytes = 32};
    const auto stores = static_cast<unsigned>(bench.scaled(50));
    Group group{.title = "In memory: 1,000 tiny events of 100 entities into a new store", .baseline = "memory/rocksdb"};
    const auto add = [&](Row row, MakePeer make, std::size_t batch_events) {
        row.durability = "none";
        row.n = shape.events;
        row.k = shape.entities;
        row.run = [&bench, shape, make = std::move(make), batch_events, stores] {
            return measure_in_memory(bench, make, bench.workload(shape), batch_events, stores);
        };
        group.rows.push_back(std::move(row));
    };
    const MakePeer chronos = [] { return make_chronos({.durability = Durability::kMemory, .in_memory = true}); };
    const MakePeer rocksdb = [] { return make_rocksdb({.sync = false, .log = false}); };
    add({.name = "memory/rocksdb", .what = "no log, one WriteBatch"}, rocksdb, 1000);
    add({.name = "memory/rocksdb-each", .what = "no log, one Put an event"}, rocksdb, 1);
    add({.name = "memory/chronos", .what = "one batch"}, chronos, 1000);
    add({.name = "memory/chronos-each", .what = "one append an event"}, chronos, 1);
    return group;
}

// --- start ---------------------------------------------------------------------------------------

Group start(Bench& bench) {
    Group group{.title = "An empty store of Chronos, in a process of its own", .baseline = "start/create"};
    const auto add = [&](Row row, bool exists) {
        row.durability = "synced";
        row.run = [&bench, exists] {
            const ScratchDirectory directory(bench.scratch());
            if (exists) run_idle_store(directory.path());
            const IdleStore idle = run_idle_store(directory.path());
            return std::vector<Metric>{{"open, ms", idle.open_ms},
                                       {"process start to open, ms", idle.process_ms},
                                       {"memory, MiB", idle.resident_mib}};
        };
        group.rows.push_back(std::move(row));
    };
    add({.name = "start/create", .what = "made"}, false);
    add({.name = "start/open", .what = "opened, closed before"}, true);
    return group;
}

}  // namespace

Row chronos_crash_row(Bench& bench, const std::shared_ptr<ReadFixture>& fixture, const Shape& shape) {
    return {.name = "restart/chronos-after-crash",
            .what = "a copy of the files of an open store",
            .durability = "read",
            .n = shape.events,
            .k = shape.entities,
            .run = [&bench, fixture] {
                const ScratchDirectory copy(bench.scratch());
                std::filesystem::copy(fixture->directory(), copy.path(), std::filesystem::copy_options::recursive);
                ChronosPeer peer(ChronosLayout{});
                const std::int64_t started_ns = now_ns();
                peer.open(copy.path());
                const auto session = peer.connect();
                const auto read = session->read_last(fixture->workload().entities().front(), 10);
                const std::int64_t elapsed_ns = now_ns() - started_ns;
                if (read.events == 0) throw Failure("the copy is empty");
                peer.close();
                return std::vector<Metric>{{"ms", static_cast<double>(elapsed_ns) / 1e6}};
            }};
}

std::vector<Group> chronos_groups(Bench& bench) {
    std::vector<Group> groups;
    groups.push_back(small_payloads(bench));
    groups.push_back(conditional_batches(bench));
    groups.push_back(conditional_singles(bench));
    groups.push_back(writer_threads(bench));
    groups.push_back(offered_rates(bench));
    groups.push_back(follower_cost(bench));
    groups.push_back(in_memory(bench));
    groups.push_back(start(bench));
    return groups;
}

}  // namespace chronos::bench
