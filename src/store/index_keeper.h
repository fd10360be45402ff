// What happens to the indexes behind appends: a file for each sealed segment, merges, and the memory budget.
//
//     segment is sealed ─▶ its part is written to a file ─▶ its image may leave memory, block by block
//                                                         ─▶ its part may be dropped, oldest first
//     8 files of one tier in a row ─▶ one file of the next tier
//     damage is met in a file      ─▶ files of its segments, made again from the log
//
// Files are derived: what cannot be read is not used, what cannot be written is tried again later.
//
// Threads: one at a time, but the counters from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cache/image_cache.h"
#include "io/environment.h"
#include "store/index_set.h"
#include "store/memory_use.h"
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

    [[nodiscard]] const std::string& directory() const { return options_.directory; }

    // Behind appends.

    /// Files for what was sealed. `on_written`, if given, is called after each.
    /// Errors: kNoSpace, kIo: it stays in memory; try again later.
    Status write_files(wal::Log& log, const std::function<void()>& on_written = {});
    /// Merges once if there is something to merge; returns whether it did. `yield` as merge_index_files.
    Result<bool> merge_once(const std::function<Status()>& yield);
    /// Makes the oldest file that is damaged again, from the log, while others read on; returns whether it did. A file
    /// whose segments are damaged as well is left, and not merged.
    ///
    /// Errors: kNoSpace, kIo: try again later; those of yield.
    Result<bool> repair_once(wal::Log& log, const std::function<Status()>& yield);
    /// Whether there is a damaged file that could be made again.
    [[nodiscard]] bool has_damaged() const;
    /// Writes the file of `part` anew, for segments that were rewritten; nobody looks into it until `replace_segments`.
    /// `yield` as in merge_once.
    Result<FilePart> rewrite_file(const FilePart& part, const index::IndexEdit& edit,
                                  const std::function<Status()>& yield);
    /// Removes a file that will not be used after all.
    void discard(const FilePart& rewritten);
    /// The rewritten file answers in place of the one at `index`, which is removed. Returns as the IndexSet's.
    std::shared_ptr<const std::atomic<bool>> replace_segments(std::size_t index, FilePart rewritten);
    /// Drops parts and trims the cache until the budget holds, as far as that goes.
    void balance(const wal::Log& log);

    // From any thread.

    /// More than the budget is in memory, and some of it waits to be written to a file, or has one and can be dropped.
    [[nodiscard]] bool is_short() const { return is_short_.load(std::memory_order_relaxed); }
    /// The same, having looked again, and having given blocks back, if something was appended since the last time.
    bool look_again(const wal::Log& log);
    [[nodiscard]] MemoryUse measure(const wal::Log& log) const;
    [[nodiscard]] std::uint64_t file_count() const { return file_count_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t file_bytes() const { return file_bytes_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t merges() const { return merges_.load(std::memory_order_relaxed); }
    /// Damaged files that were made again.
    [[nodiscard]] std::uint64_t repairs() const { return repairs_.load(std::memory_order_relaxed); }

private:
    using SegmentLookup = std::function<std::optional<wal::SealedSegment>(wal::Slot)>;

    Result<std::vector<FilePart>> choose_files(const wal::Manifest& manifest);
    Result<std::shared_ptr<index::IndexFile>> open_if_it_fits(const std::string& name, const wal::Manifest& manifest,
                                                              std::size_t first_slot);
    Status write_file(const index::MemoryPart& part, const SegmentLookup& segment_at);
    Result<std::shared_ptr<index::IndexFile>> open_written(const std::string& path,
                                                           const std::function<Status()>& yield);
    [[nodiscard]] bool can_be_repaired(const FilePart& part) const;
    [[nodiscard]] std::pair<std::size_t, std::size_t> files_to_merge(const std::vector<FilePart>& files) const;
    Status prepare_directory();
    void make_evictable(wal::Log& log);
    void remove_unused();
    void count_files();
    MemoryUse look(const wal::Log& log);

    io::Environment env_;
    cache::ImageCache& cache_;
    const KeeperOptions options_;
    Uuid database_;
    IndexSet* indexes_ = nullptr;
    std::vector<wal::SealedSegment> recovered_;  // by slot, while the log is read back
    bool directory_is_ready_ = false;
    std::vector<std::weak_ptr<const index::IndexFile>> given_up_;  // damaged, and their segments too

    std::mutex looking_mutex_;  // held while one looks what is in memory; others do not wait
    std::atomic<std::uint64_t> looked_at_bytes_ = 0;
    std::atomic<bool> is_short_ = false;
    std::atomic<std::uint64_t> resident_bytes_ = 0;
    std::atomic<std::uint64_t> working_bytes_ = 0;

    std::atomic<std::uint64_t> file_count_ = 0;
    std::atomic<std::uint64_t> file_bytes_ = 0;
    std::atomic<std::uint64_t> merges_ = 0;
    std::atomic<std::uint64_t> repairs_ = 0;
};

}  // namespace chronos::store
