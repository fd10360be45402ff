// Appending a workload as fast as the store takes it; measurement.h.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "app/interrupt.h"
#include "app/measurement.h"
#include "base/result.h"
#include "ingest/event_lines.h"

namespace chronos::app {
namespace {

/// Latencies for which there is room from the start.
constexpr std::uint64_t kReservedMax = 1 << 20;

/// Batches of one thread and what became of them. Answers come on a thread of the store.
class BatchWindow {
public:
    BatchWindow(io::Clock& clock, std::uint64_t batch_count, unsigned in_flight_max)
        : clock_(clock), room_(in_flight_max), in_flight_max_(in_flight_max) {
        latencies_.reserve(std::min<std::uint64_t>(batch_count, kReservedMax));
    }

    /// Waits until another batch may be handed over. Errors: of an earlier batch.
    Status wait_for_room() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return room_ > 0; });
        if (error_) return *error_;
        --room_;
        return {};
    }

    std::function<void(Result<AppendResult>)> completion() {
        return [this, handed_over_ns = clock_.monotonic_ns()](const Result<AppendResult>& result) {
            const std::int64_t now_ns = clock_.monotonic_ns();
            const std::scoped_lock lock(mutex_);
            latencies_.add(now_ns - handed_over_ns);
            if (result.ok())
                durability_ = std::max(durability_, result->durability);
            else if (!error_)
                error_ = result.error();
            ++room_;
            changed_.notify_one();  // under the lock: the window may be gone as soon as it is released
        };
    }

    /// The batch was refused, so no answer will come.
    void give_back_room() {
        const std::scoped_lock lock(mutex_);
        ++room_;
    }

    Status wait_for_all() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return room_ == in_flight_max_; });
        if (error_) return *error_;
        return {};
    }

    // After wait_for_all.
    [[nodiscard]] const Latencies& latencies() const { return latencies_; }
    [[nodiscard]] Durability durability() const { return durability_; }

private:
    io::Clock& clock_;
    std::mutex mutex_;
    std::condition_variable changed_;
    unsigned room_;  // guarded by mutex_, as all below
    const unsigned in_flight_max_;
    Durability durability_ = Durability::kDurable;
    std::optional<Error> error_;
    Latencies latencies_;
};

/// One thread's share: batches [first, end) of the workload.
struct Share {
    std::uint64_t first_batch = 0;
    std::uint64_t end_batch = 0;
    std::vector<std::string> json;  // of each batch, if it comes as JSON
    Status status;
    std::uint64_t events = 0;
};

class AppendRun {
public:
    AppendRun(Store& store, const Workload& workload, const AppendLoad& load, std::atomic<std::uint64_t>& handed_over)
        : store_(store), workload_(workload), load_(load), handed_over_(handed_over) {}

    Status run(Share& share, BatchWindow& window, const std::function<void(std::uint64_t)>& on_progress) {
        Status status;
        for (std::uint64_t batch = share.first_batch; batch < share.end_batch && interrupted_by() == 0; ++batch) {
            if (status = append(share, batch, window); !status.ok()) break;
            if (on_progress) on_progress(handed_over_.load());
        }
        Status finished = window.wait_for_all();
        return status.ok() ? finished : status;
    }

private:
    Status append(Share& share, std::uint64_t index, BatchWindow& window) {
        const std::uint64_t first = index * load_.batch_events;
        const auto count =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(load_.batch_events, load_.events - first));
        BatchBuilder batch;
        batch.reserve(std::size_t{count} * (workload_.payload_bytes() + 128));
        if (load_.from_json)
            RETURN_IF_ERROR(parse(share.json[index - share.first_batch], batch));
        else
            workload_.add_events(first, count, batch);
        RETURN_IF_ERROR(window.wait_for_room());
        Status status = store_.append_async(std::move(batch), {.branch = load_.branch, .durability = load_.durability},
                                            window.completion());
        if (!status.ok()) {
            window.give_back_room();
            return status;
        }
        share.events += count;
        handed_over_ += count;
        return {};
    }

    static Status parse(std::string_view text, BatchBuilder& batch) {
        ingest::EventLines lines(ingest::LineMode::kStrict);
        while (!text.empty()) {
            const std::size_t end = text.find('\n');
            RETURN_IF_ERROR(lines.add(text.substr(0, end), batch));
            text.remove_prefix(end + 1);
        }
        return {};
    }

    Store& store_;
    const Workload& workload_;
    const AppendLoad& load_;
    std::atomic<std::uint64_t>& handed_over_;
};

std::vector<Share> make_shares(const Workload& workload, const AppendLoad& load) {
    const std::uint64_t batches = (load.events + load.batch_events - 1) / load.batch_events;
    std::vector<Share> shares(load.threads);
    for (unsigned i = 0; i < load.threads; ++i) {
        Share& share = shares[i];
        share.first_batch = batches * i / load.threads;
        share.end_batch = batches * (i + 1) / load.threads;
        if (!load.from_json) continue;
        for (std::uint64_t batch = share.first_batch; batch < share.end_batch; ++batch) {
            const std::uint64_t first = batch * load.batch_events;
            share.json.push_back(workload.json_lines(
                first, static_cast<std::uint32_t>(std::min<std::uint64_t>(load.batch_events, load.events - first))));
        }
    }
    return shares;
}

}  // namespace

double AppendMeasurement::events_per_second() const {
    return elapsed_ns == 0 ? 0 : static_cast<double>(events) * 1e9 / static_cast<double>(elapsed_ns);
}

Result<AppendMeasurement> measure_append(Program& program, Store& store, const Workload& workload,
                                         const AppendLoad& load,
                                         const std::function<void(std::uint64_t)>& on_progress) {
    io::Clock& clock = program.world.clock;
    std::vector<Share> shares = make_shares(workload, load);
    std::vector<std::unique_ptr<BatchWindow>> windows;
    windows.reserve(shares.size());
    for (const Share& share : shares)
        windows.push_back(std::make_unique<BatchWindow>(clock, share.end_batch - share.first_batch, load.in_flight));
    std::atomic<std::uint64_t> handed_over = 0;
    AppendRun run(store, workload, load, handed_over);

    const std::int64_t started_ns = clock.monotonic_ns();
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < load.threads; ++i)
        threads.emplace_back([&, i] { shares[i].status = run.run(shares[i], *windows[i], {}); });
    shares[0].status = run.run(shares[0], *windows[0], on_progress);
    for (std::thread& thread : threads) thread.join();

    AppendMeasurement result{.elapsed_ns = clock.monotonic_ns() - started_ns};
    for (unsigned i = 0; i < load.threads; ++i) {
        RETURN_IF_ERROR(shares[i].status);
        result.events += shares[i].events;
        result.durability = std::max(result.durability, windows[i]->durability());
        result.latencies.add_all(windows[i]->latencies());
    }
    result.payload_bytes = result.events * workload.payload_bytes();
    result.latencies.sort();
    return result;
}

}  // namespace chronos::app
