// A process that only opens a store: how long it takes, and how much memory it then has.
//
// Threads: one at a time.
#pragma once

#include <filesystem>

namespace chronos::bench {

struct IdleStore {
    double open_ms = 0;       ///< Of Store::open.
    double process_ms = 0;    ///< From starting the process until the store is open.
    double resident_mib = 0;  ///< Of the process, a moment later.
};

/// Runs the program idle_store, which stands beside this one, on the store in `directory`.
IdleStore run_idle_store(const std::filesystem::path& directory);

}  // namespace chronos::bench
