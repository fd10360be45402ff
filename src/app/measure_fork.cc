#include "app/measure_fork.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "app/interrupt.h"
#include "base/result.h"

namespace chronos::app {
namespace {

/// If the program is ended before it discards its forks, they go by themselves.
constexpr std::int64_t kTtlNs = 3'600'000'000'000;

/// One thread's share of the forks.
class ForkRun {
public:
    ForkRun(io::Clock& clock, Store& store, const std::vector<std::string>& entities, const ForkLoad& load,
            std::uint64_t seed)
        : clock_(clock), store_(store), entities_(entities), load_(load), reader_(load.last), next_(seed << 40) {}

    Status run(std::uint64_t forks, const std::function<void()>& on_made) {
        result_.creations.reserve(forks);
        result_.fork_ids.reserve(forks);
        for (std::uint64_t i = 0; i < forks && interrupted_by() == 0; ++i) {
            RETURN_IF_ERROR(create());
            if (load_.with_first_read) RETURN_IF_ERROR(read_both(i % 2 == 0));
            on_made();
        }
        return {};
    }

    [[nodiscard]] const ForkMeasurement& result() const { return result_; }

private:
    Status create() {
        const std::int64_t before_ns = clock_.monotonic_ns();
        ASSIGN_OR_RETURN(ForkInfo fork, store_.create_fork({.ttl_ns = kTtlNs, .creator = "chronos bench"}));
        const std::int64_t elapsed_ns = clock_.monotonic_ns() - before_ns;
        result_.creations.add(elapsed_ns);
        result_.elapsed_ns += elapsed_ns;
        result_.fork_ids.push_back(std::move(fork.id));
        return {};
    }

    /// Whichever comes second finds warmer caches, so they take turns.
    Status read_both(bool fork_comes_first) {
        if (!fork_comes_first) RETURN_IF_ERROR(read("main", result_.main_reads));
        RETURN_IF_ERROR(read(result_.fork_ids.back(), result_.fork_reads));
        if (fork_comes_first) RETURN_IF_ERROR(read("main", result_.main_reads));
        return {};
    }

    Status read(const std::string& branch, Latencies& latencies) {
        const std::string& entity = entities_[scrambled(next_++) % entities_.size()];
        const ViewOptions options{.branch = branch};
        const std::int64_t before_ns = clock_.monotonic_ns();
        ASSIGN_OR_RETURN(const View view, store_.view(options));
        RETURN_IF_ERROR(reader_.read(view, entity));
        latencies.add(clock_.monotonic_ns() - before_ns);
        return {};
    }

    io::Clock& clock_;
    Store& store_;
    const std::vector<std::string>& entities_;
    const ForkLoad& load_;
    LastEventsReader reader_;
    std::uint64_t next_;
    ForkMeasurement result_;
};

}  // namespace

double ForkMeasurement::forks_per_second() const {
    return elapsed_ns == 0 ? 0 : static_cast<double>(creations.count()) * 1e9 / static_cast<double>(elapsed_ns);
}

Status measure_forks(Program& program, Store& store, const std::vector<std::string>& entities, const ForkLoad& load,
                     ForkMeasurement& measured, const std::function<void(std::uint64_t)>& on_progress) {
    if (load.with_first_read && entities.empty())
        return base::fail(ErrorCode::kNotFound, "the store has no entity to read");
    std::atomic<std::uint64_t> made = 0;
    std::vector<Status> statuses(load.threads);
    std::vector<std::unique_ptr<ForkRun>> runs;
    for (unsigned i = 0; i < load.threads; ++i)
        runs.push_back(std::make_unique<ForkRun>(program.world.clock, store, entities, load, i + 1));
    const auto run_thread = [&](unsigned index) {
        const std::uint64_t share = load.forks / load.threads + (index < load.forks % load.threads ? 1 : 0);
        statuses[index] = runs[index]->run(share, [&] {
            const std::uint64_t count = ++made;
            if (index == 0 && on_progress) on_progress(count);
        });
    };
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < load.threads; ++i) threads.emplace_back(run_thread, i);
    run_thread(0);
    for (std::thread& thread : threads) thread.join();

    for (const auto& run : runs) {
        const ForkMeasurement& part = run->result();
        measured.creations.add_all(part.creations);
        measured.fork_reads.add_all(part.fork_reads);
        measured.main_reads.add_all(part.main_reads);
        measured.elapsed_ns = std::max(measured.elapsed_ns, part.elapsed_ns);
        measured.fork_ids.insert(measured.fork_ids.end(), part.fork_ids.begin(), part.fork_ids.end());
    }
    for (Latencies* latencies : {&measured.creations, &measured.fork_reads, &measured.main_reads}) latencies->sort();
    for (Status& status : statuses) RETURN_IF_ERROR(std::move(status));
    return {};
}

}  // namespace chronos::app
