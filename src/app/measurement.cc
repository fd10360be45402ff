#include "app/measurement.h"

#include <algorithm>
#include <numeric>
#include <thread>

#include "base/bytes.h"
#include "base/result.h"

namespace chronos::app {
namespace {

constexpr std::uint64_t kWarmUpMax = 10'000;

/// The sum of all bytes, eight at a time: a cheap way to have looked at each.
std::uint64_t sum_of(std::string_view bytes) {
    std::uint64_t sum = 0;
    const auto* at = reinterpret_cast<const std::byte*>(bytes.data());
    std::size_t left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) sum += base::load<std::uint64_t>(at);
    for (; left > 0; --left, ++at) sum += std::to_integer<std::uint64_t>(*at);
    return sum;
}

/// One thread's share of the queries.
class QueryRun {
public:
    QueryRun(io::Clock& clock, const View& view, const std::vector<std::string>& entities, std::uint32_t last,
             std::uint64_t seed)
        : clock_(clock), view_(view), entities_(entities), last_(last), next_(seed << 40) {}

    Status warm_up(std::uint64_t queries) {
        LastEventsReader reader(last_);
        for (std::uint64_t i = 0; i < queries; ++i) RETURN_IF_ERROR(query(reader));
        return {};
    }

    Status run(std::uint64_t queries) {
        LastEventsReader reader(last_);
        result_.latencies.reserve(queries);
        const std::int64_t started_ns = clock_.monotonic_ns();
        for (std::uint64_t i = 0; i < queries; ++i) {
            const std::int64_t before_ns = clock_.monotonic_ns();
            RETURN_IF_ERROR(query(reader));
            result_.latencies.add(clock_.monotonic_ns() - before_ns);
        }
        result_.elapsed_ns = clock_.monotonic_ns() - started_ns;
        result_.events = reader.events;
        result_.bytes = reader.bytes;
        result_.from_disk = reader.from_disk;
        return {};
    }

    [[nodiscard]] const QueryMeasurement& result() const { return result_; }

private:
    Status query(LastEventsReader& reader) {
        return reader.read(view_, entities_[scrambled(next_++) % entities_.size()]);
    }

    io::Clock& clock_;
    const View& view_;
    const std::vector<std::string>& entities_;
    std::uint32_t last_;
    std::uint64_t next_;
    QueryMeasurement result_;
};

}  // namespace

Status LastEventsReader::read(const View& view, std::string_view entity) {
    Status status = view.read_last_resident(entity, last_, page_);
    if (!status.ok() && status.error().code == ErrorCode::kWouldBlock) {
        ++from_disk;
        status = view.read_entity(entity, {.order = Order::kBackward, .limit = last_}, page_);
    }
    RETURN_IF_ERROR(status);
    for (const EventView& event : page_.events()) {
        checksum_ +=
            sum_of(event.event_type) + sum_of(event.entity_id) + sum_of(event.payload) + sum_of(event.metadata);
        bytes += event.event_type.size() + event.entity_id.size() + event.payload.size() + event.metadata.size();
    }
    events += page_.events().size();
    // The sum is used, so that reading the bytes is not optimised away.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    sink_.store(checksum_, std::memory_order_relaxed);  // no partner: nobody reads it
    return {};
}

void Latencies::sort() { std::sort(ns_.begin(), ns_.end()); }

std::int64_t Latencies::at(double fraction) const {
    if (ns_.empty()) return 0;
    const auto index = static_cast<std::size_t>(fraction * static_cast<double>(ns_.size()));
    return ns_[std::min(index, ns_.size() - 1)];
}

double Latencies::mean() const {
    if (ns_.empty()) return 0;
    return static_cast<double>(std::accumulate(ns_.begin(), ns_.end(), std::int64_t{0})) /
           static_cast<double>(ns_.size());
}

Result<QueryMeasurement> measure_queries(Program& program, const View& view, const std::vector<std::string>& entities,
                                         const QueryLoad& load) {
    if (entities.empty()) return base::fail(ErrorCode::kNotFound, "the store has no entity to ask for");
    std::vector<Status> statuses(load.threads);
    std::vector<QueryMeasurement> results(load.threads);
    std::vector<std::thread> threads;
    io::Clock& clock = program.world.clock;
    const auto run_thread = [&](unsigned index) {
        QueryRun run(clock, view, entities, load.last, index + 1);
        const std::uint64_t share = load.queries / load.threads + (index < load.queries % load.threads ? 1 : 0);
        statuses[index] = run.warm_up(std::min(share / 10, kWarmUpMax));
        if (statuses[index].ok()) statuses[index] = run.run(share);
        results[index] = run.result();
    };
    for (unsigned i = 1; i < load.threads; ++i) threads.emplace_back(run_thread, i);
    run_thread(0);
    for (std::thread& thread : threads) thread.join();

    QueryMeasurement total;
    for (unsigned i = 0; i < load.threads; ++i) {
        RETURN_IF_ERROR(statuses[i]);
        total.latencies.add_all(results[i].latencies);
        total.elapsed_ns = std::max(total.elapsed_ns, results[i].elapsed_ns);
        total.events += results[i].events;
        total.bytes += results[i].bytes;
        total.from_disk += results[i].from_disk;
    }
    total.latencies.sort();
    return total;
}

}  // namespace chronos::app
