// Where a branch's positions are among the seqs: runs of events of one branch that follow each other.
//
// Threads: `extend` one thread at a time; the rest from any thread without a lock.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "index/published_vector.h"

namespace chronos::index {

class BranchRuns {
public:
    /// `first_position` is that of the branch's first own event: 0, or behind what a fork inherits.
    explicit BranchRuns(std::uint64_t first_position = 0)
        : first_position_(first_position), next_position_(first_position) {}

    /// `count` more events of the branch, from `first_seq`. Returns the position of the first.
    std::uint64_t extend(std::uint64_t first_seq, std::uint64_t count) {
        const std::uint64_t runs = runs_.size();
        const std::uint64_t position = next_position_;
        next_position_ += count;
        if (runs > 0) {
            Run& last = runs_[runs - 1];
            const std::uint64_t length = last.count.load(std::memory_order_relaxed);
            if (last.first_seq + length == first_seq) {
                last.count.store(length + count, std::memory_order_release);
                return position;
            }
        }
        Run& run = runs_.prepare(runs);
        run.first_position = position;
        run.first_seq = first_seq;
        run.count.store(count, std::memory_order_relaxed);
        runs_.publish(runs + 1);
        return position;
    }

    /// Behind the position of the branch's last event with seq < `end_seq`.
    [[nodiscard]] std::uint64_t positions_below(std::uint64_t end_seq) const {
        const std::uint64_t i = run_before([&](const Run& run) { return run.first_seq < end_seq; });
        if (i == kNone) return first_position_;
        const Run& run = runs_[i];
        return run.first_position + std::min(run.count.load(std::memory_order_acquire), end_seq - run.first_seq);
    }

    /// The seq of `position`. Requires: position < positions_below(some published seq).
    [[nodiscard]] std::uint64_t seq_of(std::uint64_t position) const {
        const Run& run = runs_[run_before([&](const Run& r) { return r.first_position <= position; })];
        return run.first_seq + (position - run.first_position);
    }

    [[nodiscard]] std::uint64_t bytes() const { return sizeof(*this) + runs_.size() * sizeof(Run); }
    [[nodiscard]] std::uint64_t first_position() const { return first_position_; }
    [[nodiscard]] std::uint64_t next_position() const { return next_position_; }

    struct SeqRange {
        std::uint64_t begin = 0, end = 0;
        [[nodiscard]] bool empty() const { return begin >= end; }
    };
    /// The first seqs in [begin, end) that belong to the branch, as far as they follow each other; empty if none do.
    [[nodiscard]] SeqRange first_in(std::uint64_t begin, std::uint64_t end) const {
        const std::uint64_t before = run_before([&](const Run& run) { return run.first_seq <= begin; });
        std::uint64_t i = before == kNone ? 0 : before;
        if (before != kNone && end_of(runs_[before]) <= begin) ++i;
        if (i >= runs_.size()) return {};
        return {std::max(begin, runs_[i].first_seq), std::min(end, end_of(runs_[i]))};
    }
    /// The same, the last ones.
    [[nodiscard]] SeqRange last_in(std::uint64_t begin, std::uint64_t end) const {
        const std::uint64_t i = run_before([&](const Run& run) { return run.first_seq < end; });
        if (i == kNone) return {};
        return {std::max(begin, runs_[i].first_seq), std::min(end, end_of(runs_[i]))};
    }

private:
    struct Run {
        std::uint64_t first_position;
        std::uint64_t first_seq;
        std::atomic<std::uint64_t> count;
    };
    static constexpr std::uint64_t kNone = ~std::uint64_t{0};
    /// A fork has few runs.
    static constexpr std::uint64_t kRunsFirst = 64;

    static std::uint64_t end_of(const Run& run) { return run.first_seq + run.count.load(std::memory_order_acquire); }

    /// The last run for which `is_before` holds; it holds for a prefix of them.
    template <typename Predicate>
    [[nodiscard]] std::uint64_t run_before(Predicate&& is_before) const {
        std::uint64_t low = 0;
        std::uint64_t high = runs_.size();
        while (low < high) {
            const std::uint64_t middle = (low + high) / 2;
            if (is_before(runs_[middle])) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low == 0 ? kNone : low - 1;
    }

    PublishedVector<Run, kRunsFirst> runs_;
    const std::uint64_t first_position_;
    std::uint64_t next_position_;  // the extending thread's
};

}  // namespace chronos::index
