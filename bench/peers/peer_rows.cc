#include <utility>

#include "peers/measure.h"
#include "peers/peers.h"
#include "peers/rows.h"

namespace chronos::bench {
namespace {

constexpr unsigned kManyClients = 16;
/// So many that what is read does not come from the processor's own cache each time.
constexpr std::uint64_t kHotEntities = 64;
constexpr std::uint64_t kHotEvents = 1'247;

/// One peer in one layout, and how much of it there is time for.
struct Contender {
    std::string name;
    std::string what;
    std::string durability;
    MakePeer make;
    std::uint64_t events = 1'000'000;
    unsigned clients = 1;
    bool checked = true;
    bool answers_early = false;
};

/// 240-byte JSON of a great many entities.
Shape usual_shape(const Bench& bench) { return {.events = bench.scaled(1'000'000), .entities = bench.scaled(100'000)}; }

Row append_row(Bench& bench, const std::string& group, const Contender& contender, const Shape& shape) {
    const std::uint64_t events = bench.scaled(contender.events);
    return {.name = group + "/" + contender.name,
            .what = contender.what,
            .durability = contender.durability,
            .n = events,
            .k = shape.entities,
            .run = [&bench, contender, shape, events] {
                return measure_append(bench, contender.make, bench.workload(shape),
                                      {.events = events,
                                       .clients = contender.clients,
                                       .checked = contender.checked,
                                       .answers_early = contender.answers_early});
            }};
}

Group append_group(Bench& bench) {
    const std::vector<Contender> contenders = {
        {"raw-log", "the limit: pipelined", "O_DIRECT, O_DSYNC",
         [&bench] { return make_raw_log(bench.raw_log_bytes()); }, 1'000'000, 1, false},
        {"rocksdb", "WriteBatch, key entity+version", "sync=true", [] { return make_rocksdb(); }},
        {"rocksdb-4-clients", "the same by 4 threads", "sync=true", [] { return make_rocksdb(); }, 1'000'000, 4},
        {"lmdb", "transaction, key entity+version", "fdatasync", [] { return make_lmdb(); }, 100'000},
        {"sqlite", "transaction, WITHOUT ROWID (entity, version)", "WAL, synchronous=FULL",
         [] { return make_sqlite(); }, 100'000},
        {"postgres-text", "COPY, payload text", "synchronous_commit=on",
         [] { return make_postgres(PostgresPayload::kText); }, 200'000},
        {"postgres-jsonb", "COPY, payload jsonb", "synchronous_commit=on",
         [] { return make_postgres(PostgresPayload::kJsonb); }, 200'000},
        {"redis", "1,000 XADD at once, stream per entity", "appendfsync always",
         [] { return make_redis(RedisSync::kAlways); }, 100'000},
        {"chronos", "8 batches under way, log grows from nothing", "synced", [] { return make_chronos(); }},
        {"chronos-spares", "8 batches under way, empty log prepared", "synced",
         [&bench] { return make_chronos({.spare_bytes = bench.spare_bytes()}); }},
        {"chronos-sync", "each batch waits for its answer, empty log prepared", "synced",
         [&bench] { return make_chronos({.spare_bytes = bench.spare_bytes(), .in_flight = 1}); }},
        {"chronos-explicit-ids", "as chronos-spares, each event with its id", "synced",
         [&bench] { return make_chronos({.explicit_ids = true, .spare_bytes = bench.spare_bytes()}); }},
        {"chronos-tags", "as chronos-spares, 2 tags an event", "synced",
         [&bench] { return make_chronos({.tags = true, .spare_bytes = bench.spare_bytes()}); }},
        {"chronos-explicit-ids-tags", "as chronos-spares, both", "synced",
         [&bench] { return make_chronos({.explicit_ids = true, .tags = true, .spare_bytes = bench.spare_bytes()}); }},
    };
    Group group{.title = "Durable append: 240-byte JSON, 1,000 events a batch", .baseline = "append/rocksdb"};
    for (const Contender& contender : contenders)
        group.rows.push_back(append_row(bench, "append", contender, usual_shape(bench)));
    for (Row& row : chronos_json_rows(bench, usual_shape(bench))) group.rows.push_back(std::move(row));
    return group;
}

Group append_before_sync_group(Bench& bench) {
    const std::vector<Contender> contenders = {
        {"rocksdb", "WriteBatch, key entity+version", "not synced, sync=false",
         [] { return make_rocksdb({.sync = false}); }},
        {"redis", "1,000 XADD at once, stream per entity", "not synced, within 1 s",
         [] { return make_redis(RedisSync::kEverySecond); }, 200'000},
        {"chronos", "8 batches under way, empty log prepared", "not synced, within 100 ms",
         [&bench] { return make_chronos({.durability = Durability::kOs, .spare_bytes = bench.spare_bytes()}); }},
    };
    Group group{.title = "The same, answered before it is on disk", .baseline = "append-unsynced/rocksdb"};
    for (Contender contender : contenders) {
        contender.answers_early = true;
        group.rows.push_back(append_row(bench, "append-unsynced", contender, usual_shape(bench)));
    }
    return group;
}

/// A peer whose commits cannot be joined gets fewer when there are many clients.
Row single_row(Bench& bench, const std::string& name, const Contender& contender, unsigned clients) {
    constexpr std::uint64_t kOneClient = 2'000;
    constexpr std::uint64_t kManyJoined = 24'000;
    const std::uint64_t events = bench.scaled(clients == 1 ? kOneClient : std::min(kManyJoined, contender.events));
    const Shape shape{.events = events, .entities = bench.scaled(100'000)};
    return {.name = name + "/" + contender.name,
            .what = contender.what,
            .durability = contender.durability,
            .n = events,
            .k = shape.entities,
            .run = [&bench, contender, shape, events, clients] {
                return measure_single_commits(bench, contender.make, bench.workload(shape),
                                              {.events = events, .clients = clients, .checked = contender.checked});
            }};
}

Group single_group(Bench& bench, unsigned clients) {
    const std::vector<Contender> contenders = {
        {"raw-log", "the limit: who waits commits for all", "O_DIRECT, O_DSYNC",
         [&bench] { return make_raw_log(bench.raw_log_bytes()); }, 1'000'000, 1, false},
        {"rocksdb", "Put, key entity+version", "sync=true", [] { return make_rocksdb(); }},
        {"lmdb", "transaction", "fdatasync", [] { return make_lmdb(); }, 1'000},
        {"sqlite", "transaction", "WAL, synchronous=FULL", [] { return make_sqlite(); }, 1'000},
        {"postgres", "prepared INSERT, payload jsonb", "synchronous_commit=on",
         [] { return make_postgres(PostgresPayload::kJsonb); }},
        {"redis", "XADD", "appendfsync always", [] { return make_redis(RedisSync::kAlways); }},
        {"chronos", "append", "synced", [] { return make_chronos(); }},
    };
    const std::string name = clients == 1 ? "single" : "single-" + std::to_string(clients);
    Group group{.title = "One event a commit, " + std::to_string(clients) + (clients == 1 ? " client" : " clients"),
                .baseline = name + "/rocksdb"};
    for (const Contender& contender : contenders) group.rows.push_back(single_row(bench, name, contender, clients));
    return group;
}

/// A peer whose loaded store serves the rows of several groups.
struct Reader {
    std::string name;
    std::string what;
    std::shared_ptr<ReadFixture> fixture;
    /// Reached through a socket; then there is a row with client and server on one processor too.
    bool is_server = false;
};

using Measure = std::function<std::vector<Metric>(ReadFixture&)>;

void add_reader_rows(Group& group, const std::string& name, const Reader& reader, const Shape& shape,
                     const Measure& measure) {
    Row row{.name = name + "/" + reader.name,
            .what = reader.what,
            .durability = "read",
            .n = shape.events,
            .k = shape.entities,
            .run = [reader, measure] { return measure(*reader.fixture); }};
    group.rows.push_back(row);
    if (!reader.is_server) return;
    row.name += "-one-cpu";
    row.what += ", client and server on one processor";
    row.run = [reader, measure] {
        const OnOneProcessor pinned(reader.fixture->session().server_pid());
        return measure(*reader.fixture);
    };
    group.rows.push_back(std::move(row));
}

std::vector<Reader> make_readers(Bench& bench, const Shape& shape) {
    const auto fixture = [&](MakePeer make) { return std::make_shared<ReadFixture>(bench, std::move(make), shape); };
    return {{"rocksdb", "compacted, one iterator", fixture([] { return make_rocksdb(); })},
            {"lmdb", "zero copy", fixture([] { return make_lmdb(); })},
            {"sqlite", "prepared statement", fixture([] { return make_sqlite(); })},
            {"postgres", "prepared, unix socket", fixture([] { return make_postgres(PostgresPayload::kText); }), true},
            {"redis", "unix socket", fixture([] { return make_redis(RedisSync::kEverySecond); }), true},
            {"chronos", "one view", fixture([] { return make_chronos(); })}};
}

void add_read_groups(Bench& bench, std::vector<Group>& groups) {
    Shape shape = usual_shape(bench);
    shape.hot_entities = bench.is_quick() ? 4 : kHotEntities;
    shape.hot_events = kHotEvents;
    Group last{.title = "The last 10 events of an entity, every byte looked at", .baseline = "last10/rocksdb"};
    Group replay{.title = "All 1,247 events of an entity, every byte looked at", .baseline = "replay/rocksdb"};
    Group restart{.title = "Closed and opened again, up to the first read; files in the page cache",
                  .baseline = "restart/rocksdb"};
    const std::uint64_t queries = bench.scaled(50'000);
    const std::uint64_t replays = bench.scaled(1'000);
    const std::vector<Reader> readers = make_readers(bench, shape);
    for (const Reader& reader : readers) {
        // A server answers ten times slower.
        const std::uint64_t count = reader.is_server ? queries / 5 : queries;
        add_reader_rows(last, "last10", reader, shape,
                        [count](ReadFixture& fixture) { return measure_read_last(fixture, count); });
        add_reader_rows(replay, "replay", reader, shape,
                        [replays](ReadFixture& fixture) { return measure_read_all(fixture, replays); });
        restart.rows.push_back({.name = "restart/" + reader.name,
                                .what = reader.is_server ? "server started" : "closed cleanly",
                                .durability = "read",
                                .n = shape.events,
                                .k = shape.entities,
                                .run = [reader] { return std::vector<Metric>{{"ms", reader.fixture->restart_ms()}}; }});
    }
    restart.rows.push_back(chronos_crash_row(bench, readers.back().fixture, shape));
    groups.push_back(std::move(last));
    groups.push_back(std::move(replay));
    groups.push_back(std::move(restart));
}

}  // namespace

std::vector<Group> peer_groups(Bench& bench) {
    std::vector<Group> groups;
    groups.push_back(append_group(bench));
    groups.push_back(append_before_sync_group(bench));
    groups.push_back(single_group(bench, 1));
    groups.push_back(single_group(bench, kManyClients));
    add_read_groups(bench, groups);
    return groups;
}

}  // namespace chronos::bench
