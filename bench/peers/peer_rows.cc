#include <utility>

#include "peers/measure.h"
#include "peers/peers.h"
#include "peers/rows.h"

namespace chronos::bench {
namespace {

constexpr std::string_view kSynced = "synced";
constexpr std::uint64_t kRawLogBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kSpareBytes = std::uint64_t{512} << 20;
constexpr unsigned kManyClients = 16;
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
};

Row append_row(Bench& bench, const std::string& group, const Contender& contender,
               const Shape& shape) {
    const std::uint64_t events = std::min(bench.scaled(contender.events), shape.events);
    return {.name = group + "/" + contender.name,
            .what = contender.what,
            .durability = contender.durability,
            .n = events,
            .k = shape.entities,
            .run = [&bench, contender, shape, events] {
                return measure_append(
                    bench, contender.make, bench.workload(shape),
                    {.events = events, .clients = contender.clients, .checked = contender.checked});
            }};
}

Group append_group(Bench& bench) {
    const Shape shape{.events = bench.scaled(1'000'000), .entities = bench.scaled(100'000)};
    const std::string synced(kSynced);
    const std::vector<Contender> contenders = {
        {"raw-log", "the limit: pipelined", "O_DIRECT, O_DSYNC",
         [] { return make_raw_log(kRawLogBytes); }, 1'000'000, 1, false},
        {"chronos", "8 batches under way, log grows from nothing", synced,
         [] { return make_chronos(); }},
        {"chronos-spares", "8 batches under way, empty log prepared", synced,
         [] { return make_chronos({.spare_bytes = kSpareBytes}); }},
        {"rocksdb", "WriteBatch, key entity+version", "sync=true", [] { return make_rocksdb(); }},
        {"rocksdb-4-clients", "the same, 4 threads", "sync=true", [] { return make_rocksdb(); },
         1'000'000, 4},
    };
    Group group{.title = "Durable append: 240-byte JSON, 1,000 events a batch",
                .baseline = "append/rocksdb"};
    for (const Contender& contender : contenders)
        group.rows.push_back(append_row(bench, "append", contender, shape));
    return group;
}

}  // namespace

std::vector<Group> peer_groups(Bench& bench) {
    std::vector<Group> groups;
    groups.push_back(append_group(bench));
    return groups;
}

}  // namespace chronos::bench
