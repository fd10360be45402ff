#include "app/measure_remote.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "app/interrupt.h"
#include "base/result.h"

namespace chronos::app {
namespace {

constexpr std::uint64_t kWarmUpMax = 1'000;

/// Runs `share(index)` on threads, the first on this one; the first failure counts.
Status run_threads(unsigned count, const std::function<Status(unsigned)>& share) {
    std::vector<Status> statuses(count);
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < count; ++i) threads.emplace_back([&, i] { statuses[i] = share(i); });
    statuses[0] = share(0);
    for (std::thread& thread : threads) thread.join();
    for (Status& status : statuses) RETURN_IF_ERROR(std::move(status));
    return {};
}

/// Everything of the event, so that what came is looked at.
std::uint64_t size_of(const EventView& event) {
    return event.event_type.size() + event.entity_id.size() + event.payload.size() + event.metadata.size();
}

}  // namespace

Result<AppendMeasurement> measure_remote_append(Program& program, const Workload& workload, const AppendLoad& load,
                                                const std::function<void(std::uint64_t)>& on_progress) {
    io::Clock& clock = program.world.clock;
    const std::uint64_t batches = (load.events + load.batch_events - 1) / load.batch_events;
    std::vector<AppendMeasurement> results(load.threads);
    std::atomic<std::uint64_t> appended = 0;
    const auto share = [&](unsigned index) -> Status {
        AppendMeasurement& result = results[index];
        ASSIGN_OR_RETURN(const client::ClientOptions options, client_options(program));
        ASSIGN_OR_RETURN(const auto endpoint, client::connect(options));
        const std::uint64_t end = batches * (index + 1) / load.threads;
        for (std::uint64_t batch = batches * index / load.threads; batch < end && interrupted_by() == 0; ++batch) {
            const std::uint64_t first = batch * load.batch_events;
            const auto count =
                static_cast<std::uint32_t>(std::min<std::uint64_t>(load.batch_events, load.events - first));
            const std::int64_t begin_ns = clock.monotonic_ns();
            BatchBuilder events;
            workload.add_events(first, count, events);
            ASSIGN_OR_RETURN(
                const AppendResult answer,
                endpoint->append(std::move(events), {.branch = load.branch, .durability = load.durability}));
            result.latencies.add(clock.monotonic_ns() - begin_ns);
            result.durability = std::max(result.durability, answer.durability);
            result.events += count;
            appended += count;
            if (index == 0) on_progress(appended.load());
        }
        return {};
    };
    const std::int64_t begin_ns = clock.monotonic_ns();
    RETURN_IF_ERROR(run_threads(load.threads, share));
    AppendMeasurement total{.elapsed_ns = clock.monotonic_ns() - begin_ns};
    for (const AppendMeasurement& result : results) {
        total.events += result.events;
        total.durability = std::max(total.durability, result.durability);
        total.latencies.add_all(result.latencies);
    }
    total.payload_bytes = total.events * workload.payload_bytes();
    total.latencies.sort();
    return total;
}

Result<QueryMeasurement> measure_remote_queries(Program& program, const std::string& branch,
                                                const std::vector<std::string>& entities, const QueryLoad& load) {
    if (entities.empty()) return base::fail(ErrorCode::kNotFound, "the store has no entity to ask for");
    io::Clock& clock = program.world.clock;
    std::vector<QueryMeasurement> results(load.threads);
    const auto share = [&](unsigned index) -> Status {
        QueryMeasurement& result = results[index];
        ASSIGN_OR_RETURN(const client::ClientOptions options, client_options(program));
        ASSIGN_OR_RETURN(const auto endpoint, client::connect(options));
        ASSIGN_OR_RETURN(const auto view, endpoint->view({.branch = branch}));
        client::EventPage page;
        std::uint64_t next = std::uint64_t{index + 1} << 40;
        const auto query = [&] {
            return view->read_entity(entities[scrambled(next++) % entities.size()],
                                     {.order = Order::kBackward, .limit = load.last}, page);
        };
        const std::uint64_t count = load.queries / load.threads + (index < load.queries % load.threads ? 1 : 0);
        for (std::uint64_t i = 0; i < std::min(count / 10, kWarmUpMax); ++i) RETURN_IF_ERROR(query());
        const std::int64_t begin_ns = clock.monotonic_ns();
        for (std::uint64_t i = 0; i < count && interrupted_by() == 0; ++i) {
            const std::int64_t before_ns = clock.monotonic_ns();
            RETURN_IF_ERROR(query());
            result.latencies.add(clock.monotonic_ns() - before_ns);
            result.events += page.events().size();
            for (const EventView& event : page.events()) result.bytes += size_of(event);
        }
        result.elapsed_ns = clock.monotonic_ns() - begin_ns;
        return {};
    };
    RETURN_IF_ERROR(run_threads(load.threads, share));
    QueryMeasurement total;
    for (const QueryMeasurement& result : results) {
        total.latencies.add_all(result.latencies);
        total.elapsed_ns = std::max(total.elapsed_ns, result.elapsed_ns);
        total.events += result.events;
        total.bytes += result.bytes;
    }
    total.latencies.sort();
    return total;
}

}  // namespace chronos::app
