#include "peers/measure.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "peers/failure.h"
#include "peers/latencies.h"

namespace chronos::bench {
namespace {

constexpr std::uint32_t kLastEvents = 10;
constexpr std::int64_t kVisibleWithinNs = 30'000'000'000;

std::span<const Event> share_of(std::span<const Event> events, unsigned client, unsigned clients) {
    const std::size_t begin = events.size() * client / clients;
    const std::size_t end = events.size() * (client + 1) / clients;
    return events.subspan(begin, end - begin);
}

/// The last event's entity must have as many events as were appended, at once or soon: what is
/// answered before it is synced may become visible later. Gives the milliseconds until then.
double check_all_there(Session& session, const Event& last) {
    const std::int64_t started_ns = now_ns();
    std::uint64_t found = 0;
    while ((found = session.read_all(last.entity).events) != last.version) {
        if (now_ns() > started_ns + kVisibleWithinNs)
            throw Failure("of " + std::string(last.entity) + " " + std::to_string(found) +
                          " events are there instead of " + std::to_string(last.version));
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return static_cast<double>(now_ns() - started_ns) / 1e6;
}

std::vector<Metric> percentiles(Latencies& latencies) {
    latencies.sort();
    return {{"p50 us", latencies.us_at(0.5)}, {"p99 us", latencies.us_at(0.99)}};
}

/// Keeps reads from being optimised away.
void use(std::uint64_t checksum) {
    static std::atomic<std::uint64_t> sink;
    sink.store(checksum, std::memory_order_relaxed);  // no partner: nobody reads it
}

}  // namespace

Metric rate(std::string name, std::uint64_t count, std::int64_t elapsed_ns) {
    return {std::move(name),
            static_cast<double>(count) * 1e9 / static_cast<double>(std::max<std::int64_t>(elapsed_ns, 1))};
}

void run_clients(unsigned clients, const std::function<void(unsigned)>& client) {
    std::mutex mutex;
    std::exception_ptr failure;
    const auto guarded = [&](unsigned index) {
        try {
            client(index);
        } catch (...) {
            const std::scoped_lock lock(mutex);
            if (!failure) failure = std::current_exception();
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < clients; ++i) threads.emplace_back(guarded, i);
    guarded(0);
    for (std::thread& thread : threads) thread.join();
    if (failure) std::rethrow_exception(failure);
}

std::vector<Metric> measure_append(Bench& bench, const MakePeer& make, const Workload& workload,
                                   const AppendLoad& load) {
    FreshPeer fresh(bench, make, load.clients);
    const auto events = workload.events().first(load.events);
    const std::int64_t started_ns = now_ns();
    run_clients(load.clients, [&](unsigned client) {
        fresh.sessions[client]->append_all(share_of(events, client, load.clients), load.batch_events);
    });
    const std::int64_t elapsed_ns = now_ns() - started_ns;
    std::vector<Metric> metrics = {rate("events/s", events.size(), elapsed_ns)};
    if (load.checked) {
        const double ms = check_all_there(*fresh.sessions.front(), events.back());
        if (load.answers_early) metrics.push_back({"readable after, ms", ms});
    }
    fresh.close();
    return metrics;
}

std::vector<Metric> measure_single_commits(Bench& bench, const MakePeer& make, const Workload& workload,
                                           const AppendLoad& load) {
    FreshPeer fresh(bench, make, load.clients);
    const auto events = workload.events().first(load.events);
    std::vector<Latencies> latencies(load.clients);
    const std::int64_t started_ns = now_ns();
    run_clients(load.clients, [&](unsigned client) {
        const auto share = share_of(events, client, load.clients);
        latencies[client].reserve(share.size());
        for (std::size_t i = 0; i < share.size(); ++i) {
            const std::int64_t before_ns = now_ns();
            fresh.sessions[client]->append(share.subspan(i, 1));
            latencies[client].add(now_ns() - before_ns);
        }
    });
    const std::int64_t elapsed_ns = now_ns() - started_ns;
    if (load.checked) check_all_there(*fresh.sessions.front(), events.back());
    fresh.close();
    for (unsigned i = 1; i < load.clients; ++i) latencies[0].add_all(latencies[i]);
    std::vector<Metric> metrics = {rate("commits/s", events.size(), elapsed_ns)};
    for (Metric& metric : percentiles(latencies[0])) metrics.push_back(std::move(metric));
    return metrics;
}

ReadFixture::~ReadFixture() {
    session_.reset();
    if (peer_) try {
            peer_->close();
        } catch (const std::exception&) {
            // What was measured is measured; the directory goes next.
        }
}

Session& ReadFixture::session() {
    if (!session_) load();
    return *session_;
}

const Workload& ReadFixture::workload() { return bench_.workload(shape_); }

void ReadFixture::load() {
    peer_.reset();
    directory_ = std::make_unique<ScratchDirectory>(bench_.scratch());
    peer_ = make_();
    peer_->open(directory_->path());
    peer_->load(workload().events());
    peer_->prepare_for_reading();
    session_ = peer_->connect();
    check();
}

void ReadFixture::check() {
    check_all_there(*session_, workload().events().back());
    const std::uint64_t found = session_->read_all(workload().hot_entities().front()).events;
    if (found != shape_.hot_events) throw Failure("of a hot entity " + std::to_string(found) + " events are there");
}

double ReadFixture::restart_ms() {
    session();
    session_.reset();
    peer_->close();
    const std::int64_t started_ns = now_ns();
    peer_->open(directory_->path());
    session_ = peer_->connect();
    const ReadResult read = session_->read_last(workload().entities().front(), kLastEvents);
    const std::int64_t elapsed_ns = now_ns() - started_ns;
    use(read.checksum);
    check();
    return static_cast<double>(elapsed_ns) / 1e6;
}

std::vector<Metric> measure_read_last(ReadFixture& fixture, std::uint64_t queries) {
    Session& session = fixture.session();
    const auto& entities = fixture.workload().entities();
    const std::uint64_t warm_up = queries / 10;
    Latencies latencies;
    latencies.reserve(queries);
    std::uint64_t checksum = 0;
    for (std::uint64_t i = 0; i < warm_up + queries; ++i) {
        const std::string& entity = entities[scrambled(i) % entities.size()];
        const std::int64_t before_ns = now_ns();
        checksum += session.read_last(entity, kLastEvents).checksum;
        if (i >= warm_up) latencies.add(now_ns() - before_ns);
    }
    use(checksum);
    return percentiles(latencies);
}

std::vector<Metric> measure_read_all(ReadFixture& fixture, std::uint64_t queries) {
    Session& session = fixture.session();
    const auto& entities = fixture.workload().hot_entities();
    const std::uint64_t warm_up = queries / 10;
    Latencies latencies;
    std::uint64_t checksum = 0;
    for (std::uint64_t i = 0; i < warm_up + queries; ++i) {
        const std::string& entity = entities[scrambled(i) % entities.size()];
        const std::int64_t before_ns = now_ns();
        checksum += session.read_all(entity).checksum;
        if (i >= warm_up) latencies.add(now_ns() - before_ns);
    }
    use(checksum);
    return percentiles(latencies);
}

OnOneProcessor::OnOneProcessor(std::optional<int> server_pid) {
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    for (const int pid : {0, server_pid.value_or(0)}) {
        cpu_set_t before;
        if (::sched_getaffinity(pid, sizeof before, &before) != 0) continue;
        before_.emplace_back(pid, before);
        if (::sched_setaffinity(pid, sizeof first, &first) != 0)
            throw Failure("a process cannot be put on one processor");
    }
}

OnOneProcessor::~OnOneProcessor() {
    for (auto last = before_.rbegin(); last != before_.rend(); ++last)
        ::sched_setaffinity(last->first, sizeof last->second, &last->second);
}

}  // namespace chronos::bench
