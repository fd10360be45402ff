// Measuring how long it takes to make a fork, and to read in it for the first time: the loop behind `bench fork`.
//
// Threads: runs its own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "app/measurement.h"

namespace chronos::app {

struct ForkLoad {
    std::uint64_t forks = 100;
    unsigned threads = 1;
    /// Reads in each new fork, and beside it on main.
    bool with_first_read = false;
    std::uint32_t last = 10;  ///< Events in such a read.
};

struct ForkMeasurement {
    Latencies creations;                ///< Of one fork, sorted.
    Latencies fork_reads, main_reads;   ///< Of one view and its first read, sorted; empty without first reads.
    std::int64_t elapsed_ns = 0;        ///< Of making forks alone, in the thread that took longest.
    std::vector<std::string> fork_ids;  ///< Those that were made.

    [[nodiscard]] double forks_per_second() const;
};

/// Makes forks of the head of main, each thread one after the other. With first reads, each creation is followed by two
/// reads of random entities among `entities`, every byte looked at: one in the new fork and one on main, in turns
/// first; a view is made for each, inside the measured time. Stops early when interrupted.
///
/// What was made is in `measured`, also after an error. `on_progress` is called by one thread.
Status measure_forks(Program& program, Store& store, const std::vector<std::string>& entities, const ForkLoad& load,
                     ForkMeasurement& measured, const std::function<void(std::uint64_t)>& on_progress = {});

}  // namespace chronos::app
