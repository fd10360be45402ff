// Gives back the space of forks that are gone: rewrites sealed segments without their events, and the index files with
// them.
//
//     forks that are gone, read by nobody, inherited by no fork that can be read   (branches.h)
//       ─▶ segments where that frees enough, by what the index files say           estimate
//       ─▶ rewritten beside the old ones, at a bounded rate                        wal/segment_rewriter.h
//       ─▶ the index file of those segments rewritten                              index/index_rewrite.cc
//       ─▶ the manifest replaced: the moment that counts                           wal/log_rewrite.cc
//       ─▶ new readers look into the new files; the old ones go with their last reader
//
// Threads: one at a time, but the counters from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/branches.h"
#include "store/index_keeper.h"
#include "store/index_set.h"
#include "wal/log.h"

namespace chronos::store {

class Reclaimer {
public:
    Reclaimer(wal::Log& log, IndexSet& indexes, IndexKeeper& keeper, const Branches& branches)
        : log_(log), indexes_(indexes), keeper_(keeper), branches_(branches) {}

    /// With less to gain a segment stays as it is: so many bytes, and such a part of what it takes.
    struct Limits {
        std::uint64_t gain_min_bytes = 0;
        std::uint64_t gain_min_percent = 0;
    };
    /// Called after so many bytes were read or written, perhaps none; may do other work of the thread. An error ends
    /// the step, and the segments stay as they are.
    using Yield = std::function<Status(std::uint64_t bytes)>;

    /// Rewrites what is worth it in the segments of one index file; false when nothing is left to do. Facts below
    /// `published_seq` count.
    ///
    /// Errors: kNoSpace, kIo; those of yield. A segment that is damaged is passed over, and told of in `last_error`.
    Result<bool> step(std::uint64_t published_seq, const Limits& limits, const Yield& yield);
    /// Looks at all segments again, however little changed.
    void start_over() {
        has_finished_pass_ = is_in_pass_ = false;
        in_vain_.clear();
    }
    /// Whether something changed since a pass found nothing more to do.
    [[nodiscard]] bool has_work() const;
    /// Old files, or forks, that stay as long as somebody reads them.
    [[nodiscard]] bool waits_for_readers() const { return waiting_files() > 0 || branches_.has_held(); }
    /// Removes old files whose readers are gone.
    void remove_retired();

    /// How many bytes of removable events are in the segment that is appended to, about.
    [[nodiscard]] std::uint64_t removable_in_tail(wal::Slot tail_slot, std::uint64_t published_seq) const;

    // From any thread.

    [[nodiscard]] std::uint64_t rewritten_segments() const { return rewritten_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t removed_events() const { return removed_events_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t waiting_files() const { return waiting_files_.load(std::memory_order_relaxed); }
    /// Bytes of the log that the running pass has looked at.
    [[nodiscard]] std::uint64_t pass_bytes() const { return pass_bytes_.load(std::memory_order_relaxed); }
    /// Why something could not be rewritten; empty when the last pass had no error.
    [[nodiscard]] std::string last_error() const;

private:
    struct Candidate {
        std::size_t place = 0;  ///< Of the segment in its index file.
        std::uint64_t gain_min_bytes = 0;
        std::uint64_t removable_events = 0;
    };
    void begin_pass(std::uint64_t published_seq);
    Result<std::vector<Candidate>> candidates_in(const FilePart& part, const Limits& limits);
    Result<bool> reclaim_in(std::size_t index, const FilePart& part, const std::vector<Candidate>& candidates,
                            const Yield& yield);
    Result<std::vector<wal::Log::Rewritten>> rewrite(const FilePart& part, const std::vector<Candidate>& candidates,
                                                     const Yield& yield);
    [[nodiscard]] static index::IndexEdit edit_of(const FilePart& part,
                                                  const std::vector<wal::Log::Rewritten>& rewritten);
    void note_error(const Error& error);

    wal::Log& log_;
    IndexSet& indexes_;
    IndexKeeper& keeper_;
    const Branches& branches_;

    // The running pass; at_seq_ is how far it came.
    bool is_in_pass_ = false;
    RemovableForks removable_;
    std::uint64_t pass_changes_ = 0, pass_end_seq_ = 0;
    std::uint64_t at_seq_ = 0;
    bool pass_had_error_ = false;

    bool has_finished_pass_ = false;
    std::uint64_t finished_changes_ = 0, finished_end_seq_ = 0;
    /// Segments that were looked at record by record in vain, and how many removable events they had then.
    std::unordered_map<wal::Slot, std::uint64_t> in_vain_;

    std::atomic<std::uint64_t> rewritten_ = 0;
    std::atomic<std::uint64_t> removed_events_ = 0;
    std::atomic<std::uint64_t> waiting_files_ = 0;
    std::atomic<std::uint64_t> pass_bytes_ = 0;
    mutable std::mutex error_mutex_;
    std::string last_error_;  // guarded by error_mutex_
};

}  // namespace chronos::store
