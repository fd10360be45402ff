// Appends of JSON text; the text is made before the clock starts.
#include <unistd.h>

#include <fstream>

#include "peers/chronos_peer.h"
#include "peers/chronos_server.h"
#include "peers/failure.h"
#include "peers/latencies.h"
#include "peers/measure.h"
#include "peers/server_process.h"

namespace chronos::bench {
namespace {

constexpr std::size_t kBatchEvents = 1000;

std::vector<std::string> arrays_of(std::span<const Event> events) {
    std::vector<std::string> arrays;
    for (std::size_t at = 0; at < events.size(); at += kBatchEvents)
        arrays.push_back(Workload::json_array(events.subspan(at, std::min(kBatchEvents, events.size() - at))));
    return arrays;
}

std::vector<Metric> measure_append_json(Bench& bench, const Workload& workload, unsigned clients) {
    const std::vector<std::string> arrays = arrays_of(workload.events());
    ChronosPeer peer({.spare_bytes = bench.spare_bytes()});
    const ScratchDirectory directory(bench.scratch());
    peer.open(directory.path());
    const std::int64_t started_ns = now_ns();
    run_clients(clients, [&](unsigned client) {
        for (std::size_t i = client; i < arrays.size(); i += clients) must(peer.store().append_json(arrays[i]));
    });
    const std::int64_t elapsed_ns = now_ns() - started_ns;
    peer.close();
    return {rate("events/s", workload.events().size(), elapsed_ns)};
}

/// The program beside this one.
std::vector<Metric> measure_ingest(Bench& bench, const Workload& workload) {
    const ScratchDirectory directory(bench.scratch());
    const std::filesystem::path lines = directory.path() / "events.ndjson";
    std::ofstream(lines) << Workload::json_lines(workload.events());
    const std::int64_t started_ns = now_ns();
    run_program({.arguments = {find_chronos(), "ingest", lines, "--dir", directory.path() / "chronos", "--quiet"},
                 .log = directory.path() / "ingest.log"});
    return {rate("events/s", workload.events().size(), now_ns() - started_ns)};
}

}  // namespace

std::vector<Row> chronos_json_rows(Bench& bench, const Shape& shape) {
    Row row{.durability = "synced", .n = shape.events, .k = shape.entities};
    std::vector<Row> rows;
    for (const unsigned clients : {1U, 4U}) {
        row.name = clients == 1 ? "append/chronos-json" : "append/chronos-json-" + std::to_string(clients);
        row.what = clients == 1 ? "append_json of an array, each waits for its answer, empty log prepared"
                                : "the same by " + std::to_string(clients) + " threads";
        row.run = [&bench, shape, clients] { return measure_append_json(bench, bench.workload(shape), clients); };
        rows.push_back(row);
    }
    row.name = "append/chronos-ingest";
    row.what = "`chronos ingest` of a file of lines, from its start to its end";
    row.run = [&bench, shape] { return measure_ingest(bench, bench.workload(shape)); };
    rows.push_back(row);
    return rows;
}

}  // namespace chronos::bench
