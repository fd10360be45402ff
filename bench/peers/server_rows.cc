// Chronos as a server on loopback, beside servers of others; the clients are threads of this program.
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <thread>

#include "peers/chronos_server.h"
#include "peers/failure.h"
#include "peers/latencies.h"
#include "peers/measure.h"
#include "peers/peers.h"
#include "peers/rows.h"

namespace chronos::bench {
namespace {

constexpr const char* kLines = "application/x-ndjson";
constexpr const char* kJson = "application/json";

std::vector<Metric> rate_and_percentiles(const std::string& name, Latencies& latencies, std::uint64_t count,
                                         std::int64_t elapsed_ns) {
    latencies.sort();
    return {rate(name, count, elapsed_ns), {"p50 us", latencies.us_at(0.5)}, {"p99 us", latencies.us_at(0.99)}};
}

// --- appending ---------------------------------------------------------------------------------------

std::vector<Metric> measure_bulk(Bench& bench, const Workload& workload, unsigned clients) {
    ChronosServer server(bench.scratch());
    std::vector<std::string> requests;
    const std::size_t share = workload.events().size() / clients;
    for (unsigned i = 0; i < clients; ++i)
        requests.push_back(post_request("/api/v1/events/bulk", kLines,
                                        Workload::json_lines(workload.events().subspan(i * share, share))));
    const std::int64_t begin_ns = now_ns();
    run_clients(clients, [&](unsigned i) { HttpClient(server.port()).ask(requests[i]); });
    const std::int64_t elapsed_ns = now_ns() - begin_ns;
    HttpClient client(server.port());
    const std::string stats(client.ask(get_request("/api/v1/stats")));
    if (stats.find(":" + std::to_string(share * clients) + ",") == std::string::npos)
        throw Failure("not everything is there: " + stats.substr(0, 200));
    return {rate("events/s", share * clients, elapsed_ns)};
}

std::vector<Metric> measure_single(Bench& bench, const Workload& workload, unsigned clients, std::uint64_t count) {
    ChronosServer server(bench.scratch());
    std::vector<std::string> requests;
    for (std::uint64_t i = 0; i < count; ++i) {
        std::string line = Workload::json_lines(workload.events().subspan(i, 1));
        if (line.ends_with('\n')) line.pop_back();
        requests.push_back(post_request("/api/v1/events", kJson, line));
    }
    std::vector<Latencies> latencies(clients);
    std::atomic<std::uint64_t> next = 0;
    const std::int64_t begin_ns = now_ns();
    run_clients(clients, [&](unsigned c) {
        HttpClient client(server.port());
        for (std::uint64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
            const std::int64_t sent_ns = now_ns();
            client.ask(requests[i]);
            latencies[c].add(now_ns() - sent_ns);
        }
    });
    const std::int64_t elapsed_ns = now_ns() - begin_ns;
    for (unsigned c = 1; c < clients; ++c) latencies[0].add_all(latencies[c]);
    return rate_and_percentiles("commits/s", latencies[0], count, elapsed_ns);
}

Group bulk_group(Bench& bench) {
    Group group{
        .title = "Server: a stream of lines, 240-byte JSON", .baseline = "server-bulk/postgres-copy", .rows = {}};
    const Shape shape{.events = bench.scaled(500'000), .entities = bench.scaled(100'000)};
    for (const unsigned clients : {1U, 4U})
        group.rows.push_back(
            {.name = "server-bulk/chronos-" + std::to_string(clients),
             .what = "POST /events/bulk, " + std::to_string(clients) + (clients == 1 ? " connection" : " connections"),
             .durability = "synced",
             .n = shape.events,
             .k = shape.entities,
             .run = [&bench, shape, clients] { return measure_bulk(bench, bench.workload(shape), clients); }});
    const Shape smaller{.events = bench.scaled(200'000), .entities = bench.scaled(100'000)};
    group.rows.push_back({.name = "server-bulk/postgres-copy",
                          .what = "COPY of 1,000, payload text, unix socket",
                          .durability = "synchronous_commit=on",
                          .n = smaller.events,
                          .k = smaller.entities,
                          .run = [&bench, smaller] {
                              return measure_append(bench, [] { return make_postgres(PostgresPayload::kText); },
                                                    bench.workload(smaller), {.events = smaller.events});
                          }});
    return group;
}

Group single_group(Bench& bench, unsigned clients) {
    const std::string suffix = "-" + std::to_string(clients);
    Group group{.title = "Server: one event a request, " + std::to_string(clients) +
                         (clients == 1 ? " connection" : " connections"),
                .baseline = "server-single/postgres" + suffix,
                .rows = {}};
    const Shape shape{.events = bench.scaled(100'000), .entities = bench.scaled(100'000)};
    const std::uint64_t count = bench.scaled(clients == 1 ? 4'000 : 40'000);
    group.rows.push_back({.name = "server-single/chronos" + suffix,
                          .what = "POST /events, keep-alive, TCP",
                          .durability = "synced",
                          .n = count,
                          .k = shape.entities,
                          .run = [&bench, shape, clients, count] {
                              return measure_single(bench, bench.workload(shape), clients, count);
                          }});
    const auto peer = [&](const std::string& name, const std::string& what, const std::string& durability,
                          MakePeer make, bool can_read = true) {
        group.rows.push_back(
            {.name = "server-single/" + name + suffix,
             .what = what,
             .durability = durability,
             .n = count / 2,
             .k = shape.entities,
             .run = [&bench, shape, clients, count, make = std::move(make), can_read] {
                 return measure_single_commits(
                     bench, make, bench.workload(shape),
                     {.events = count / 2, .batch_events = 1, .clients = clients, .checked = can_read});
             }});
    };
    peer("postgres", "prepared INSERT, payload jsonb, unix socket", "synchronous_commit=on",
         [] { return make_postgres(PostgresPayload::kJsonb); });
    peer("redis", "XADD, unix socket", "appendfsync always", [] { return make_redis(RedisSync::kAlways); });
    peer("nats", "JetStream in files, TCP", "NOT DURABLE: synced every 2 minutes", make_nats, false);
    return group;
}

// --- reading -----------------------------------------------------------------------------------------

std::vector<Metric> measure_requests(std::uint16_t port, unsigned clients, std::uint64_t count,
                                     const std::function<std::string(std::uint64_t)>& request) {
    std::vector<Latencies> latencies(clients);
    std::atomic<std::uint64_t> next = 0;
    const std::int64_t begin_ns = now_ns();
    run_clients(clients, [&](unsigned c) {
        HttpClient client(port);
        for (std::uint64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
            const std::string bytes = request(i);
            const std::int64_t sent_ns = now_ns();
            client.ask(bytes);
            latencies[c].add(now_ns() - sent_ns);
        }
    });
    const std::int64_t elapsed_ns = now_ns() - begin_ns;
    for (unsigned c = 1; c < clients; ++c) latencies[0].add_all(latencies[c]);
    return rate_and_percentiles("requests/s", latencies[0], count, elapsed_ns);
}

/// A server with 100,000 events, filled when first used, and nginx with a file as large as an answer of it.
class ReadServers {
public:
    explicit ReadServers(Bench& bench) : bench_(bench) {}

    std::uint16_t chronos() {
        if (chronos_) return chronos_->port();
        const Shape shape{.events = bench_.scaled(100'000), .entities = bench_.scaled(10'000), .payload_bytes = 240};
        const Workload& workload = bench_.workload(shape);
        chronos_ = std::make_unique<ChronosServer>(bench_.scratch());
        HttpClient client(chronos_->port());
        client.ask(post_request("/api/v1/events/bulk", kLines, Workload::json_lines(workload.events())));
        entities_ = workload.entities();
        return chronos_->port();
    }
    std::uint16_t nginx() {
        if (nginx_) return nginx_->port();
        chronos();
        HttpClient client(chronos_->port());
        nginx_ = std::make_unique<NginxServer>(bench_.scratch(), client.ask(state_request(0)));
        return nginx_->port();
    }
    std::string state_request(std::uint64_t i) const {
        return get_request("/api/v1/entities/" + entities_[scrambled(i) % entities_.size()] + "/state");
    }
    std::string last_request(std::uint64_t i) const {
        return get_request("/api/v1/events/query?order=backward&limit=10&entity_id=" +
                           entities_[scrambled(i) % entities_.size()]);
    }

private:
    Bench& bench_;
    std::unique_ptr<ChronosServer> chronos_;
    std::unique_ptr<NginxServer> nginx_;
    std::vector<std::string> entities_;
};

Group read_group(Bench& bench) {
    Group group{.title = "Server: a question, 16 connections", .baseline = "server-read/nginx", .rows = {}};
    const auto servers = std::make_shared<ReadServers>(bench);
    constexpr unsigned kClients = 16;
    const std::uint64_t count = bench.scaled(200'000);
    const auto add = [&](const std::string& name, const std::string& what, auto run) {
        group.rows.push_back(
            {.name = "server-read/" + name, .what = what, .durability = "–", .n = count, .k = 0, .run = run});
    };
    add("nginx", "a static file as large as a state, 2 processes", [servers, count] {
        return measure_requests(servers->nginx(), kClients, count, [](std::uint64_t) { return get_request("/file"); });
    });
    add("chronos-state", "state of a random entity", [servers, count] {
        const std::uint16_t port = servers->chronos();
        return measure_requests(port, kClients, count, [&](std::uint64_t i) { return servers->state_request(i); });
    });
    add("chronos-last-10", "last 10 events of a random entity", [servers, count] {
        const std::uint16_t port = servers->chronos();
        return measure_requests(port, kClients, count, [&](std::uint64_t i) { return servers->last_request(i); });
    });
    return group;
}

// --- live --------------------------------------------------------------------------------------------

/// Reads from all streams until each has had `wanted` events. Returns false when one ends.
bool wait_for_events(std::vector<pollfd>& sockets, std::vector<std::string>& tails, std::vector<std::uint64_t>& had,
                     std::uint64_t wanted) {
    std::vector<char> buffer(64 << 10);
    std::size_t behind = 0;
    for (const std::uint64_t count : had) behind += count < wanted ? 1 : 0;
    while (behind > 0) {
        if (::poll(sockets.data(), sockets.size(), 30'000) <= 0) return false;
        for (std::size_t i = 0; i < sockets.size(); ++i) {
            if ((sockets[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
            const ssize_t got = ::recv(sockets[i].fd, buffer.data(), buffer.size(), 0);
            if (got <= 0) return false;
            // Each event has a line that begins so; a piece may end within it.
            constexpr std::string_view kMark = "\ndata: {";
            std::string text = tails[i] + std::string(buffer.data(), static_cast<std::size_t>(got));
            const bool was_behind = had[i] < wanted;
            for (std::size_t at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at + 1)) ++had[i];
            tails[i] = text.substr(text.size() - std::min(text.size(), kMark.size() - 1));
            if (was_behind && had[i] >= wanted) --behind;
        }
    }
    return true;
}

std::vector<Metric> measure_live(Bench& bench, std::size_t streams, std::uint64_t events) {
    ChronosServer server(bench.scratch());
    HttpClient client(server.port());
    const std::string request =
        post_request("/api/v1/events", kJson, R"({"entity_id":"live:1","event_type":"bench.live","payload":{"n":1}})");
    client.ask(request);  // What every stream begins with.
    std::vector<std::unique_ptr<HttpClient>> subscribers;
    std::vector<pollfd> sockets;
    for (std::size_t i = 0; i < streams; ++i) {
        subscribers.push_back(std::make_unique<HttpClient>(server.port()));
        subscribers.back()->send(get_request("/api/v1/events/sse?after=start&event_type=bench.live"));
        sockets.push_back({.fd = subscribers.back()->socket(), .events = POLLIN, .revents = 0});
    }
    std::vector<std::string> tails(streams);
    std::vector<std::uint64_t> had(streams, 0);
    if (!wait_for_events(sockets, tails, had, 1)) throw Failure("not every stream began");
    Latencies latencies;
    const std::int64_t begin_ns = now_ns();
    for (std::uint64_t i = 1; i <= events; ++i) {
        const std::int64_t sent_ns = now_ns();
        client.ask(request);
        if (!wait_for_events(sockets, tails, had, i + 1)) throw Failure("a stream ended");
        latencies.add(now_ns() - sent_ns);
    }
    return rate_and_percentiles("deliveries/s", latencies, events * streams, now_ns() - begin_ns);
}

Group live_group(Bench& bench) {
    Group group{.title = "Server: an event to all who listen, from before the append until the last has it",
                .baseline = "server-live/chronos-1",
                .rows = {}};
    for (const std::size_t streams : {std::size_t{1}, std::size_t{100}, std::size_t{1'000}})
        group.rows.push_back({.name = "server-live/chronos-" + std::to_string(streams),
                              .what = std::to_string(streams) + " server-sent event streams",
                              .durability = "synced",
                              .n = 100,
                              .k = 1,
                              .run = [&bench, streams] { return measure_live(bench, streams, 100); }});
    return group;
}

}  // namespace

std::vector<Group> server_groups(Bench& bench) {
    std::vector<Group> groups;
    groups.push_back(bulk_group(bench));
    for (const unsigned clients : {1U, 16U, 64U}) groups.push_back(single_group(bench, clients));
    groups.push_back(read_group(bench));
    groups.push_back(live_group(bench));
    return groups;
}

}  // namespace chronos::bench
