// What happens to the indexes behind appends: a file for each sealed segment, merges, and the memory budget.
//
//     segment is sealed ─▶ its part is written to a file ─▶ its image may leave memory, block by block
//                                                         ─▶ its part may be dropped, oldest first
//     8 files of one tier in a row ─▶ one file of the next tier
//
// Files are derived: what cannot be read is not used, what cannot be written is tried again later.
//
// Threads: one at a time, but the counters from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cache/image_cache.h"
#include "io/environment.h"
#include "store/index_set.h"
#include "wal/log.h"

namespace chronos::store {

struct KeeperOptions {
    std::string directory;  ///< Of the index files; empty: nothing is ever written, as in memory.
    std::uint64_t memory_budget = 0;
    /// Files of one tier that become one of the next.
    std::size_t merge_count = 8;
    /// Neighbours that hold so few events together are merged at once: a young store then has one file, not one for
    /// each of its growing segments.
    std::uint64_t small_events = std::uint64_t{1} << 20;
    /// Memory parts kept at most, however small.
    std::size_t parts_max = 64;
};

class IndexKeeper {
public:
    IndexKeeper(io::Environment env, cache::ImageCache& cache, KeeperOptions options);

    // Opening.

    /// Makes indexes of the files that can be used: a chain from the first segment of the manifest on.
    Result<std::unique_ptr<IndexSet>> load(const wal::Manifest& manifest);
    /// What the log need not read, after `load`.
    [[nodiscard]] std::vector<wal::SealedSegment> known_segments() const;
    [[nodiscard]] std::vector<std::uint64_t> known_end_positions() const;
    /// Time of the last known event; 0 when none is known.
    [[nodiscard]] std::int64_t last_recorded_at() const;
    /// While the log is read back: a sealed segment was read. Keeps within the budget by writing files and letting go.
    Status on_recovered(wal::Log& log, wal::Slot slot, const wal::SealedSegment& segment);

    // Behind appends.

    /// Files for what was sealed. Errors: kNoSpace, kIo: it stays in memory; try again later.
    Status write_files(wal::Log& log);
    /// Merges once if there is something to merge; returns whether it did. `yield` as merge_index_files.
    Result<bool> merge_once(const std::function<Status()>& yield);
    /// Drops parts and trims the cache until the budget holds, as far as that goes.
    void balance(const wal::Log& log);
    /// More than the budget is in memory, and some of it waits to be written to files.
    /// From any thread.
    [[nodiscard]] bool is_short() const { return is_short_.load(std::memory_order_relaxed); }

    [[nodiscard]] std::uint64_t file_count() const { return file_count_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t file_bytes() const { return file_bytes_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t merges() const { return merges_.load(std::memory_order_relaxed); }

private:
    using SegmentLookup = std::function<std::optional<wal::SealedSegment>(wal::Slot)>;

    Result<std::vector<FilePart>> choose_files(const wal::Manifest& manifest);
    Result<std::shared_ptr<index::IndexFile>> open_if_it_fits(const std::string& name, const wal::Manifest& manifest,
                                                              std::size_t first_slot);
    Status write_file(const index::MemoryPart& part, const SegmentLookup& segment_at);
    Result<std::shared_ptr<index::IndexFile>> open_written(const std::string& path,
                                                           const std::function<Status()>& yield);
    [[nodiscard]] std::pair<std::size_t, std::size_t> files_to_merge(const std::vector<FilePart>& files) const;
    Status prepare_directory();
    void make_evictable(wal::Log& log);
    void remove_unused();
    void count_files();

    io::Environment env_;
    cache::ImageCache& cache_;
    const KeeperOptions options_;
    Uuid database_;
    IndexSet* indexes_ = nullptr;
    std::vector<wal::SealedSegment> recovered_;  // by slot, while the log is read back
    bool directory_is_ready_ = false;
    std::uint64_t filter_bytes_ = 0;
    std::atomic<bool> is_short_ = false;

    std::atomic<std::uint64_t> file_count_ = 0;
    std::atomic<std::uint64_t> file_bytes_ = 0;
    std::atomic<std::uint64_t> memory_bytes_ = 0;
    std::atomic<std::uint64_t> merges_ = 0;
};

}  // namespace chronos::store
