// A store on a simulated disk that is opened, used, cut off and opened again, watched by an oracle.
//
// Threads: used by one thread at a time; the store runs without threads of its own, so every run replays from its seed.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/sim/sim_environment.h"
#include "simulation/oracle.h"
#include "simulation/workload.h"
#include "store/database.h"

namespace chronos::testing {

inline constexpr const char* kStoreDirectory = "/store";

inline constexpr io::CrashMode kCrashModes[] = {io::CrashMode::kDropUnsynced, io::CrashMode::kKeepAll,
                                                io::CrashMode::kPrefix, io::CrashMode::kRandomSubset,
                                                io::CrashMode::kGarbage};

/// Segments so small that a few appends roll over.
inline store::DatabaseOptions small_options(std::uint64_t segment_size_min = 16 << 10,
                                            std::uint64_t segment_size_max = 64 << 10, std::uint32_t spare_count = 1) {
    store::DatabaseOptions options;
    options.log.segment_size_min = segment_size_min;
    options.log.segment_size_max = segment_size_max;
    options.log.spare_count = spare_count;
    options.with_threads = false;
    // So little that everything that can leave memory does, and index files are written, merged and read back.
    options.memory_budget = std::uint64_t{256} << 10;
    options.open_files_max = 3;  // Files are closed and opened again all the time.
    options.merge_count = 3;
    options.merge_small_events = 8;
    options.fork_table_facts = 5;
    options.reclaim_limits = {.gain_min_bytes = 1, .gain_min_percent = 0};
    return options;
}

struct Session {
    Session(std::uint64_t seed, store::DatabaseOptions store_options)
        : sim(seed), workload(seed ^ 0x5EED), options(std::move(store_options)) {}

    /// Opens the store and compares it. Sets `failed` when the store did not open for lack of power or by a fault.
    std::string open() {
        auto opened = store::Database::open(sim.environment(), kStoreDirectory, true, options);
        open_error.reset();
        if (!opened.ok()) {
            open_error = opened.error();
            return "";
        }
        database = std::move(opened).value();
        if (uuid && *uuid != database->log().database()) return "another database was created in place of the store";
        uuid = database->log().database();
        const std::string wrong = oracle.recovered(*database);
        if (!is_failed_read(wrong)) return wrong;
        // The fault hit the comparison: as if the store had not opened.
        open_error = Error{.code = ErrorCode::kIo, .message = wrong};
        database.reset();
        return "";
    }

    /// Compares everything; a read that fails because it was told to is asked again.
    std::string compare() {
        const std::string wrong = oracle.matches_store(*database);
        return is_failed_read(wrong) ? oracle.matches_store(*database) : wrong;
    }

    /// Submits a batch; the answer comes by `settle`.
    std::string submit(const SentBatch& batch) {
        auto pending = database->submit(std::move(batch.build().content()), batch.options, {}, false);
        if (!pending.ok()) {
            last_refusal = pending.error();
            if (pending.error().outcome == Outcome::kNotAppended) return "";
            return "refused at once, with an unknown outcome: " + pending.error().message;
        }
        waiting.emplace_back(oracle.submitted(batch), std::move(pending).value());
        return "";
    }

    /// Waits for all answers, in the order of submission or against it.
    std::string settle(bool backwards = false) {
        if (backwards) std::reverse(waiting.begin(), waiting.end());
        std::string wrong;
        for (auto& [submission, pending] : std::exchange(waiting, {})) {
            database->wait(*pending);
            const Result<AppendResult> answer = pending->take();
            if (!answer.ok()) last_refusal = answer.error();
            if (answer.ok() && !answer->duplicate) ++acknowledged_count;
            if (wrong.empty()) wrong = oracle.answered(submission, answer);
        }
        if (wrong.empty()) wrong = oracle.published(*database);
        return wrong;
    }

    std::string append(const SentBatch& batch) {
        if (std::string wrong = submit(batch); !wrong.empty()) return wrong;
        return settle();
    }

    /// One random thing that a store is asked to do.
    std::string step() {
        io::Prng& prng = workload.prng();
        const std::uint64_t kind = prng.below(100);
        if (kind < 60) return append(workload.next(oracle));
        if (kind < 75) {
            for (std::uint64_t i = 1 + prng.below(6); i > 0; --i)
                if (std::string wrong = submit(workload.next(oracle)); !wrong.empty()) return wrong;
            return settle(prng.chance(0.5));
        }
        if (kind < 84) {
            (void)database->maintain();
        } else if (kind < 90) {
            database->mark_idle();
        } else if (kind < 95) {
            sim.clock.advance(static_cast<std::int64_t>(prng.below(200'000'000)));
        } else if (kind < 97) {
            sim.clock.jump_wall(static_cast<std::int64_t>(prng.below(2'000'000'000)) - 1'000'000'000);
        } else {
            return close_and_open();
        }
        return oracle.published(*database);
    }

    std::string close_and_open() {
        if (std::string wrong = close(); !wrong.empty()) return wrong;
        return open();
    }

    /// A clean close makes everything durable.
    std::string close() {
        const Status closed = database->close();
        std::string wrong = oracle.published(*database);
        database.reset();
        if (wrong.empty() && closed.ok() && oracle.durable_count() != oracle.placed_count())
            return "a clean close left something that is not durable";
        return wrong;
    }

    /// The process is gone, with what it had not finished.
    void drop() {
        waiting.clear();
        database.reset();
    }

    io::SimEnvironment sim;
    Workload workload;
    Oracle oracle;
    store::DatabaseOptions options;
    std::unique_ptr<store::Database> database;
    std::optional<Uuid> uuid;
    std::optional<Error> open_error;
    std::optional<Error> last_refusal;
    std::uint64_t acknowledged_count = 0;
    std::vector<std::pair<Oracle::Submission, std::shared_ptr<store::PendingAnswer>>> waiting;
};

}  // namespace chronos::testing
