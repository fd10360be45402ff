// The loops that are timed, the same for every peer.
//
// Threads: each function runs its own clients.
#pragma once

#include <sched.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "peers/peer.h"
#include "peers/row.h"
#include "peers/rows.h"
#include "peers/scratch.h"

namespace chronos::bench {

using MakePeer = std::function<std::unique_ptr<Peer>()>;

struct AppendLoad {
    std::uint64_t events = 0;
    std::size_t batch_events = 1000;
    unsigned clients = 1;
    /// Whether the peer can be asked afterwards if everything is there.
    bool checked = true;
    /// Then how long it takes until everything can be read is measured too.
    bool answers_early = false;
};

/// A peer with an empty store of its own, which ends with it.
struct FreshPeer {
    FreshPeer(Bench& bench, const MakePeer& make, unsigned clients = 1) : directory(bench.scratch()), peer(make()) {
        peer->open(directory.path());
        for (unsigned i = 0; i < clients; ++i) sessions.push_back(peer->connect());
    }
    /// Ends it where an error is still reported.
    void close() {
        sessions.clear();
        peer->close();
    }

    ScratchDirectory directory;
    std::unique_ptr<Peer> peer;
    std::vector<std::unique_ptr<Session>> sessions;
};

/// Appends the first `load.events` events to a fresh store; a client's share is contiguous.
/// Measured: from before the first batch is encoded until the last answer.
std::vector<Metric> measure_append(Bench& bench, const MakePeer& make, const Workload& workload,
                                   const AppendLoad& load);

/// The same with one event per commit, each waiting for its answer; gives latencies too.
std::vector<Metric> measure_single_commits(Bench& bench, const MakePeer& make, const Workload& workload,
                                           const AppendLoad& load);

/// A store that is loaded once, when first used, and read by several rows.
class ReadFixture {
public:
    ReadFixture(Bench& bench, MakePeer make, Shape shape) : bench_(bench), make_(std::move(make)), shape_(shape) {}
    ~ReadFixture();
    ReadFixture(const ReadFixture&) = delete;
    ReadFixture& operator=(const ReadFixture&) = delete;

    Session& session();
    const Workload& workload();
    /// Where the store's files are, once it is loaded.
    const std::filesystem::path& directory() {
        session();
        return directory_->path();
    }
    /// Ends the store and opens it again, up to and including the first read. Gives milliseconds.
    double restart_ms();

private:
    void load();
    void check();

    Bench& bench_;
    MakePeer make_;
    Shape shape_;
    std::unique_ptr<ScratchDirectory> directory_;
    std::unique_ptr<Peer> peer_;
    std::unique_ptr<Session> session_;
};

/// Latencies of `queries` reads, each of the last 10 events of an entity drawn at random.
std::vector<Metric> measure_read_last(ReadFixture& fixture, std::uint64_t queries);
/// Latencies of `queries` reads, each of all events of a hot entity drawn at random.
std::vector<Metric> measure_read_all(ReadFixture& fixture, std::uint64_t queries);

/// Runs `client(index)` for each client at once, on threads; the first failure is thrown.
void run_clients(unsigned clients, const std::function<void(unsigned)>& client);

/// Puts this thread, and the server if given, on one processor, and back again at the end.
class OnOneProcessor {
public:
    explicit OnOneProcessor(std::optional<int> server_pid);
    ~OnOneProcessor();
    OnOneProcessor(const OnOneProcessor&) = delete;
    OnOneProcessor& operator=(const OnOneProcessor&) = delete;

private:
    std::vector<std::pair<int, cpu_set_t>> before_;
};

/// "events/s" from a count and a time.
Metric rate(std::string name, std::uint64_t count, std::int64_t elapsed_ns);

}  // namespace chronos::bench
