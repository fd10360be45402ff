// Looks for damage before a reader meets it: reads sealed segments and index files again, piece by piece, and compares
// them with their checksums.
//
// A damaged index file is marked, and made again from the log (index_keeper.h). A damaged segment is reported, no more;
// the events are read from memory as long as they are there.
//
// Threads: `step` one at a time; the counters from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "store/index_set.h"
#include "wal/log.h"

namespace chronos::store {

class Scrubber {
public:
    Scrubber(const wal::Log& log, const IndexSet& indexes) : log_(log), indexes_(indexes) {}

    /// Checks the next piece of a segment, or the next index file; returns how many bytes that were, 0 at the end of a
    /// pass.
    std::uint64_t step();

    [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t passes() const { return passes_.load(std::memory_order_relaxed); }
    /// What was found since the store was opened, each once.
    [[nodiscard]] std::vector<std::string> findings() const;

private:
    std::uint64_t check_segment();
    std::uint64_t check_index();
    void report(const Error& error);

    const wal::Log& log_;
    const IndexSet& indexes_;
    wal::Slot slot_ = 0;
    std::uint64_t offset_ = 0;
    std::size_t index_file_ = 0;
    std::vector<std::byte> scratch_;
    std::atomic<std::uint64_t> bytes_ = 0;
    std::atomic<std::uint64_t> passes_ = 0;
    mutable std::mutex findings_mutex_;
    std::vector<std::string> findings_;  // guarded by findings_mutex_
};

}  // namespace chronos::store
