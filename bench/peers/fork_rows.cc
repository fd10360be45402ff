// Forks and the past of Chronos: what they cost beside the same on main, in a large store beside a small one, and with
// saved states beside folding everything.
#include <algorithm>
#include <atomic>

#include "peers/append_window.h"
#include "peers/chronos_peer.h"
#include "peers/failure.h"
#include "peers/latencies.h"
#include "peers/measure.h"

namespace chronos::bench {
namespace {

constexpr std::size_t kBatchEvents = 1'000;
constexpr unsigned kInFlight = 8;
constexpr std::uint32_t kLastEvents = 10;
constexpr std::uint64_t kSmallEvents = 100;

/// Keeps reads from being optimised away.
void use(std::uint64_t checksum) {
    static std::atomic<std::uint64_t> sink;
    sink.store(checksum, std::memory_order_relaxed);  // no partner: nobody reads it
}

std::vector<Metric> percentiles(Latencies& latencies) {
    latencies.sort();
    return {{"p50 us", latencies.us_at(0.5)}, {"p99 us", latencies.us_at(0.99)}};
}

template <typename Work>
std::int64_t elapsed_ns(const Work& work) {
    const std::int64_t before_ns = now_ns();
    work();
    return now_ns() - before_ns;
}

/// Appends events in batches, several under way at once.
void append_all(Store& store, std::span<const Event> events, const std::string& branch = "main") {
    AppendWindow window(kInFlight);
    for (std::size_t at = 0; at < events.size(); at += kBatchEvents) {
        BatchBuilder batch;
        fill(batch, events.subspan(at, std::min(kBatchEvents, events.size() - at)));
        append_async(store, std::move(batch), window, {.branch = branch});
    }
    window.wait_for_all();
}

/// A store that is filled once, when first used, and shared by rows.
class Fixture {
public:
    using Fill = std::function<void(Store&)>;
    Fixture(Bench& bench, Fill fill) : bench_(bench), fill_(std::move(fill)) {}
    ~Fixture() {
        if (peer_) (void)peer_->store().close();
    }
    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    Store& store() {
        if (peer_) return peer_->store();
        directory_ = std::make_unique<ScratchDirectory>(bench_.scratch());
        peer_ = std::make_unique<ChronosPeer>(ChronosLayout{});
        peer_->open(directory_->path());
        fill_(peer_->store());
        return peer_->store();
    }
    /// Ends the store and opens it again.
    Store& reopened() {
        store();
        peer_->close();
        peer_->open(directory_->path());
        return peer_->store();
    }

private:
    Bench& bench_;
    Fill fill_;
    std::unique_ptr<ScratchDirectory> directory_;
    std::unique_ptr<ChronosPeer> peer_;
};
using SharedFixture = std::shared_ptr<Fixture>;

/// 10M events of 100,000 entities: a workload of a tenth of it, again and again.
Shape large_shape(const Bench& bench) {
    return {.events = bench.scaled(1'000'000), .entities = bench.scaled(100'000), .payload_bytes = 100};
}
constexpr std::uint64_t kLargeRounds = 10;

SharedFixture large_store(Bench& bench) {
    return std::make_shared<Fixture>(bench, [&bench](Store& store) {
        const Workload& workload = bench.workload(large_shape(bench));
        for (std::uint64_t round = 0; round < kLargeRounds; ++round) append_all(store, workload.events());
    });
}

SharedFixture small_store(Bench& bench, std::uint64_t events) {
    const Shape shape{.events = events, .entities = 10, .payload_bytes = 100};
    return std::make_shared<Fixture>(
        bench, [&bench, shape](Store& store) { append_all(store, bench.workload(shape).events()); });
}

/// Forks that are gone when the row is over.
class Forks {
public:
    explicit Forks(Store& store) : store_(store) {}
    ~Forks() {
        for (const std::string& id : ids_) (void)store_.discard_fork(id);
    }
    Forks(const Forks&) = delete;
    Forks& operator=(const Forks&) = delete;

    const std::string& create(const std::string& parent = "main") {
        ids_.push_back(must(store_.create_fork({.parent = parent})).id);
        return ids_.back();
    }
    /// A fork with so many ancestors, each with an event of its own.
    std::string create_deep(unsigned depth) {
        std::string id = "main";
        for (unsigned i = 0; i < depth; ++i) {
            id = create(id);
            NewEvent event;
            event.entity_id = "fork:" + std::to_string(i);
            event.event_type = "fork.begun";
            must(store_.append(event, {}, {.branch = id}));
        }
        return id;
    }

private:
    Store& store_;
    std::vector<std::string> ids_;
};

/// The last events of an entity drawn at random, every byte looked at; the view is made each time.
class LastReader {
public:
    LastReader(Store& store, const std::vector<std::string>& entities) : store_(store), entities_(entities) {}

    void read(const std::string& branch, std::uint64_t number, Latencies& latencies) {
        const std::string& entity = entities_[scrambled(number) % entities_.size()];
        latencies.add(elapsed_ns([&] {
            const View view = must(store_.view({.branch = branch}));
            must(view.read_entity(entity, {.order = Order::kBackward, .limit = kLastEvents}, page_));
            for (const EventView& event : page_.events()) checksum_ += sum_of(event.payload) + sum_of(event.event_type);
        }));
        use(checksum_);
    }

private:
    Store& store_;
    const std::vector<std::string>& entities_;
    Page page_;
    std::uint64_t checksum_ = 0;
};

// --- making and reading ------------------------------------------------------------------------------

Group creating(Bench& bench, const SharedFixture& large) {
    Group group{.title = "Making a fork of Chronos, one after the other", .baseline = "fork/create-100"};
    const std::uint64_t forks = bench.is_quick() ? 20 : 500;
    const auto add = [&](Row row, std::uint64_t events, const SharedFixture& fixture) {
        row.durability = "synced";
        row.n = events;
        row.run = [fixture, forks] {
            Forks made(fixture->store());
            Latencies latencies;
            for (std::uint64_t i = 0; i < forks; ++i) latencies.add(elapsed_ns([&] { made.create(); }));
            return percentiles(latencies);
        };
        group.rows.push_back(std::move(row));
    };
    add({.name = "fork/create-100", .what = "in a store of 100 events"}, kSmallEvents,
        small_store(bench, kSmallEvents));
    add({.name = "fork/create-10m", .what = "in a store of 10M"}, large_shape(bench).events * kLargeRounds, large);
    return group;
}

Group first_reads(Bench& bench, const SharedFixture& large) {
    Group group{.title = "The last 10 events of a random entity in a fork just made, 10M events",
                .baseline = "fork/first-read-main"};
    const std::uint64_t reads = bench.is_quick() ? 20 : 500;
    const Shape shape = large_shape(bench);
    const auto add = [&](Row row, bool in_fork) {
        row.durability = "read";
        row.n = shape.events * kLargeRounds;
        row.k = shape.entities;
        row.run = [&bench, large, shape, reads, in_fork] {
            Forks made(large->store());
            LastReader reader(large->store(), bench.workload(shape).entities());
            Latencies latencies;
            // Both make a fork before each read, which leaves the caches as they are afterwards.
            for (std::uint64_t i = 0; i < reads; ++i) {
                const std::string& fork = made.create();
                reader.read(in_fork ? fork : "main", i, latencies);
            }
            return percentiles(latencies);
        };
        group.rows.push_back(std::move(row));
    };
    add({.name = "fork/first-read-main", .what = "on main, after making a fork"}, false);
    add({.name = "fork/first-read-fork", .what = "in the fork"}, true);
    return group;
}

Group depths(Bench& bench, const SharedFixture& large) {
    Group group{.title = "The last 10 events of a random entity in forks of forks, 10M events",
                .baseline = "fork/read-main"};
    const std::uint64_t reads = bench.scaled(20'000);
    const Shape shape = large_shape(bench);
    for (const unsigned depth : {0U, 1U, 4U, 16U}) {
        const std::string name = depth == 0 ? "main" : "depth-" + std::to_string(depth);
        group.rows.push_back({.name = "fork/read-" + name,
                              .what = depth == 0 ? "on main" : std::to_string(depth) + " ancestors",
                              .durability = "read",
                              .n = shape.events * kLargeRounds,
                              .k = shape.entities,
                              .run = [&bench, large, shape, reads, depth] {
                                  Forks made(large->store());
                                  const std::string branch = made.create_deep(depth);
                                  LastReader reader(large->store(), bench.workload(shape).entities());
                                  Latencies latencies;
                                  for (std::uint64_t i = 0; i < reads / 10; ++i) reader.read(branch, i, latencies);
                                  latencies = {};
                                  for (std::uint64_t i = 0; i < reads; ++i) reader.read(branch, i, latencies);
                                  return percentiles(latencies);
                              }});
    }
    return group;
}

// --- appending ---------------------------------------------------------------------------------------

/// A store in which each entity has an event, with an empty log prepared, and a fork of it.
struct ForkedStore {
    ForkedStore(Bench& bench, const Workload& workload)
        : directory(bench.scratch()), peer({.spare_bytes = bench.spare_bytes()}) {
        peer.open(directory.path());
        BatchBuilder batch;
        const auto append = [&] { must(peer.store().append(std::exchange(batch, BatchBuilder()))); };
        for (const std::string& entity : workload.entities()) {
            batch.add({.entity_id = entity, .event_type = "order.begun", .payload = "{}"});
            if (batch.event_count() == kBatchEvents) append();
        }
        if (batch.event_count() > 0) append();
        fork = must(peer.store().create_fork({})).id;
    }

    ScratchDirectory directory;
    ChronosPeer peer;
    std::string fork;
};

Group appending(Bench& bench) {
    const Shape shape{.events = bench.scaled(1'000'000), .entities = bench.scaled(100'000)};
    Group group{.title = "Durable append to a fork of Chronos: 240-byte JSON, 1,000 events a batch",
                .baseline = "fork/append-main"};
    const auto add = [&](Row row, bool to_fork) {
        row.durability = "synced";
        row.n = shape.events;
        row.k = shape.entities;
        row.run = [&bench, shape, to_fork] {
            const Workload& workload = bench.workload(shape);
            ForkedStore forked(bench, workload);
            const std::string branch = to_fork ? forked.fork : "main";
            const std::int64_t ns = elapsed_ns([&] { append_all(forked.peer.store(), workload.events(), branch); });
            forked.peer.close();
            return std::vector<Metric>{rate("events/s", shape.events, ns)};
        };
        group.rows.push_back(std::move(row));
    };
    add({.name = "fork/append-main", .what = "8 batches under way, empty log prepared"}, false);
    add({.name = "fork/append-fork", .what = "the same to a fork, which inherits an event of each entity"}, true);
    return group;
}

Group appending_singly(Bench& bench) {
    const Shape shape{.events = bench.scaled(2'000), .entities = bench.scaled(1'000)};
    Group group{.title = "Durable append to a fork of Chronos: one event a commit, 1 client",
                .baseline = "fork/single-main"};
    const auto add = [&](Row row, bool to_fork) {
        row.durability = "synced";
        row.n = shape.events;
        row.k = shape.entities;
        row.run = [&bench, shape, to_fork] {
            const Workload& workload = bench.workload(shape);
            ForkedStore forked(bench, workload);
            const AppendOptions options{.branch = to_fork ? forked.fork : "main"};
            Latencies latencies;
            for (const Event& event : workload.events()) {
                latencies.add(elapsed_ns([&] {
                    BatchBuilder batch;
                    fill(batch, {&event, 1});
                    must(forked.peer.store().append(std::move(batch), options));
                }));
            }
            forked.peer.close();
            return percentiles(latencies);
        };
        group.rows.push_back(std::move(row));
    };
    add({.name = "fork/single-main", .what = "to main"}, false);
    add({.name = "fork/single-fork", .what = "to a fork, which inherits an event of each entity"}, true);
    return group;
}

/// Batches that say what they are, so that a retry is known.
Group appending_with_keys(Bench& bench) {
    const Shape shape{.events = bench.scaled(500'000), .entities = bench.scaled(100'000)};
    Group group{.title = "Durable append of Chronos with an idempotency key: 1,000 events a batch",
                .baseline = "fork/keyed"};
    const auto add = [&](Row row, bool after_merge) {
        row.durability = "synced";
        row.n = shape.events;
        row.k = shape.entities;
        row.run = [&bench, shape, after_merge] {
            const Workload& workload = bench.workload(shape);
            ForkedStore forked(bench, workload);
            Store& store = forked.peer.store();
            if (after_merge) {
                NewEvent event;
                event.entity_id = "fork:1";
                event.event_type = "fork.begun";
                must(store.append(event, {}, {.branch = forked.fork}));
                must(store.merge_fork(forked.fork));
            }
            const auto events = workload.events();
            const std::int64_t ns = elapsed_ns([&] {
                AppendWindow window(kInFlight);
                for (std::size_t at = 0; at < events.size(); at += kBatchEvents) {
                    BatchBuilder batch;
                    fill(batch, events.subspan(at, std::min(kBatchEvents, events.size() - at)));
                    append_async(store, std::move(batch), window, {.idempotency_key = "batch-" + std::to_string(at)});
                }
                window.wait_for_all();
            });
            forked.peer.close();
            return std::vector<Metric>{rate("events/s", shape.events, ns)};
        };
        group.rows.push_back(std::move(row));
    };
    add({.name = "fork/keyed", .what = "8 batches under way, empty log prepared"}, false);
    add({.name = "fork/keyed-after-merge", .what = "the same after a fork was merged"}, true);
    return group;
}

// --- merging and comparing ---------------------------------------------------------------------------

Group merging(Bench& bench, const SharedFixture& large) {
    Group group{.title = "Merging a fork of Chronos into main, 10M events", .baseline = ""};
    const Shape shape = large_shape(bench);
    for (const std::uint64_t full : {1U, 1'000U, 100'000U})
        group.rows.push_back({.name = "fork/merge-" + std::to_string(full), .n = full});
    for (Row& row : group.rows) {
        row.n = bench.scaled(row.n);
        row.k = shape.entities;
        row.what = "that has so many events";
        row.durability = "synced";
        row.run = [&bench, large, shape, count = row.n] {
            const Workload& workload = bench.workload(shape);
            Store& store = large->store();
            const std::uint64_t merges = count == 1 ? (bench.is_quick() ? 5 : 200) : count <= 1'000 ? 20 : 1;
            Latencies latencies;
            for (std::uint64_t i = 0; i < merges; ++i) {
                const std::string fork = must(store.create_fork({})).id;
                append_all(store, workload.events().first(count), fork);
                latencies.add(elapsed_ns([&] {
                    const MergeResult merged = must(store.merge_fork(fork));
                    if (merged.event_count != count) throw Failure("the merge took over other events");
                }));
            }
            latencies.sort();
            return std::vector<Metric>{{"p50 us", latencies.us_at(0.5)},
                                       rate("events/s", count, static_cast<std::int64_t>(latencies.us_at(0.5) * 1e3))};
        };
    }
    return group;
}

Group comparing(Bench& bench, const SharedFixture& large) {
    Group group{.title = "What changed between two views of Chronos: entities, fields, events",
                .baseline = "diff/1000-small"};
    const std::uint64_t apart = bench.scaled(1'000);
    const auto add = [&](Row row, const SharedFixture& fixture, std::uint64_t events) {
        row.durability = "read";
        row.run = [fixture, events, is_quick = bench.is_quick()] {
            const Store& store = fixture->store();
            const View after = must(store.view());
            const std::uint64_t head = after.info().at->value;
            const View before = must(store.view({.at = Position{head - events}}));
            Latencies latencies;
            for (int i = 0; i < (is_quick ? 3 : 30); ++i) {
                latencies.add(elapsed_ns([&] {
                    const Changes changes = must(after.changes(before, {.limit = 10'000}));
                    if (changes.added_count != events) throw Failure("other events differ");
                    use(changes.entities.size());
                }));
            }
            return percentiles(latencies);
        };
        group.rows.push_back(std::move(row));
    };
    const std::uint64_t many = large_shape(bench).events * kLargeRounds;
    // Each entity is read from its first event on; a hundred entities have ten events each.
    const Shape shape{.events = 2 * apart, .entities = 2 * apart / 10 + 1, .payload_bytes = 100};
    const auto small = std::make_shared<Fixture>(
        bench, [&bench, shape](Store& store) { append_all(store, bench.workload(shape).events()); });
    add({.name = "diff/1000-small", .what = "1,000 events apart, of 2,000", .n = shape.events}, small, apart);
    add({.name = "diff/1000-10m", .what = "1,000 events apart, of 10M", .n = many}, large, apart);
    add({.name = "diff/100-10m", .what = "100 events apart, of 10M", .n = many}, large,
        std::max<std::uint64_t>(apart / 10, 1));
    return group;
}

// --- states --------------------------------------------------------------------------------------------

/// A million events, among them those of entities of 10, 1,247 and 100,000 events, spread evenly.
struct StateStore {
    static constexpr std::array<std::uint64_t, 3> kCounts{10, 1'247, 100'000};

    explicit StateStore(Bench& bench)
        : shape{.events = bench.scaled(900'000), .entities = bench.scaled(100'000)},
          fixture(bench, [this, &bench](Store& store) { fill_store(bench, store); }) {
        for (std::size_t i = 0; i < kCounts.size(); ++i) counts[i] = i == 0 ? kCounts[i] : bench.scaled(kCounts[i]);
    }

    static std::string entity(std::size_t which) { return "state:" + std::to_string(kCounts[which]); }

    void fill_store(Bench& bench, Store& store) {
        const auto events = bench.workload(shape).events();
        const std::size_t batches = (events.size() + kBatchEvents - 1) / kBatchEvents;
        std::array<std::uint64_t, kCounts.size()> done{};
        for (std::size_t i = 0; i < batches; ++i) {
            BatchBuilder batch;
            const std::size_t at = i * kBatchEvents;
            fill(batch, events.subspan(at, std::min(kBatchEvents, events.size() - at)));
            for (std::size_t which = 0; which < counts.size(); ++which)
                for (; done[which] * batches < counts[which] * (i + 1); ++done[which])
                    batch.add({.entity_id = entity(which),
                               .event_type = "order.changed",
                               .payload = events[scrambled(done[which]) % events.size()].payload});
            must(store.append(std::move(batch)));
            times.push_back({must(store.view()).info().at.value()});
        }
    }

    Shape shape;
    std::array<std::uint64_t, kCounts.size()> counts{};
    std::vector<Position> times;  ///< A position behind each batch.
    Fixture fixture;
};

/// The state as of random times, and the first one after the store was opened.
std::vector<Metric> measure_states(StateStore& states, std::size_t which, bool as_of, bool ignore_snapshots,
                                   std::uint64_t queries) {
    Store& store = states.fixture.reopened();
    const std::string entity = StateStore::entity(which);
    const StateOptions options{.ignore_snapshots = ignore_snapshots};
    const View now = must(store.view());
    Page page;
    std::vector<Timestamp> times;
    for (std::uint64_t i = 0; i < 64; ++i) {
        const Position at = states.times[scrambled(i) % states.times.size()];
        must(now.read({.after = Position{at.value - 1}, .limit = 1}, page));
        times.push_back(page.events()[0].recorded_at);
    }
    page = Page();
    Latencies latencies;
    std::int64_t first_ns = 0;
    std::uint64_t checksum = 0;
    for (std::uint64_t i = 0; i <= queries; ++i) {
        const std::int64_t ns = elapsed_ns([&] {
            ViewOptions view;
            if (as_of) view.as_of = times[i % times.size()];
            checksum += sum_of(must(must(store.view(view)).state(entity, options)).json);
        });
        if (i == 0) {
            first_ns = ns;
        } else {
            latencies.add(ns);
        }
    }
    use(checksum);
    std::vector<Metric> metrics{{"first after opening, us", static_cast<double>(first_ns) / 1e3}};
    for (Metric& metric : percentiles(latencies)) metrics.push_back(std::move(metric));
    return metrics;
}

std::vector<Group> state_groups(Bench& bench) {
    const auto states = std::make_shared<StateStore>(bench);
    std::vector<Group> groups;
    for (const bool as_of : {false, true}) {
        const std::string kind = as_of ? "asof/" : "state/";
        for (std::size_t which = 0; which < StateStore::kCounts.size(); ++which) {
            const std::string name = kind + std::to_string(StateStore::kCounts[which]);
            Group group{.title = std::string(as_of ? "State as of a random time" : "Current state") +
                                 " of an entity of " + std::to_string(states->counts[which]) +
                                 " events, among a million",
                        .baseline = name + "-folded"};
            for (const bool ignores : {true, false}) {
                group.rows.push_back({.name = name + (ignores ? "-folded" : "-saved"),
                                      .what = ignores ? "from the first event on" : "from saved states",
                                      .durability = "read",
                                      .n = states->counts[which],
                                      .k = 1,
                                      .run = [states, which, as_of, ignores, queries = bench.is_quick() ? 5U : 200U] {
                                          return measure_states(*states, which, as_of, ignores, queries);
                                      }});
            }
            groups.push_back(std::move(group));
        }
    }
    return groups;
}

}  // namespace

std::vector<Group> fork_groups(Bench& bench) {
    const SharedFixture large = large_store(bench);
    std::vector<Group> groups;
    groups.push_back(creating(bench, large));
    groups.push_back(first_reads(bench, large));
    groups.push_back(depths(bench, large));
    groups.push_back(comparing(bench, large));
    groups.push_back(merging(bench, large));
    groups.push_back(appending(bench));
    groups.push_back(appending_singly(bench));
    groups.push_back(appending_with_keys(bench));
    for (Group& group : state_groups(bench)) groups.push_back(std::move(group));
    return groups;
}

}  // namespace chronos::bench
