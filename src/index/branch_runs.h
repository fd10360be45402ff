// Where a branch's positions are among the seqs: runs of events of one branch that follow each other.
//
// Most branches are forks with a handful of runs, so the first ones take no memory of their own.
//
// Threads: `extend` one thread at a time; the rest from any thread without a lock.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

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

    /// Memory that it takes.
    [[nodiscard]] std::uint64_t bytes() const { return sizeof(*this) + runs_.bytes(); }

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

    /// The first few in place, some more in a small piece, the rest as long lists are kept.
    class Runs {
    public:
        [[nodiscard]] std::uint64_t size() const { return size_.load(std::memory_order_acquire); }
        /// Readers come here only for runs below a size they saw, so the relaxed loads pair with `publish`.
        Run& operator[](std::uint64_t i) const {
            if (i < kInPlace) return in_place_[i];
            if (i < kFew) return few_.load(std::memory_order_relaxed)[i - kInPlace];
            return (*many_.load(std::memory_order_relaxed))[i - kFew];
        }
        /// Room for one more, unpublished. Requires: the appending thread.
        Run& prepare(std::uint64_t i) {
            if (i == kInPlace) {
                owned_few_ = std::make_unique<Run[]>(kFew - kInPlace);
                few_.store(owned_few_.get(), std::memory_order_relaxed);
            }
            if (i < kFew) return (*this)[i];
            if (i == kFew) {
                owned_many_ = std::make_unique<Many>();
                many_.store(owned_many_.get(), std::memory_order_relaxed);
            }
            return owned_many_->prepare(i - kFew);
        }
        void publish(std::uint64_t size) { size_.store(size, std::memory_order_release); }
        [[nodiscard]] std::uint64_t bytes() const {
            const std::uint64_t runs = size();
            if (runs <= kInPlace) return 0;
            if (runs <= kFew) return (kFew - kInPlace) * sizeof(Run);
            return sizeof(Many) + (runs + kManyFirst) * sizeof(Run);
        }

    private:
        static constexpr std::uint64_t kInPlace = 2;
        static constexpr std::uint64_t kFew = 16;
        static constexpr std::uint64_t kManyFirst = 128;
        using Many = PublishedVector<Run, kManyFirst>;

        std::atomic<std::uint64_t> size_ = 0;
        mutable std::array<Run, kInPlace> in_place_{};
        std::atomic<Run*> few_ = nullptr;
        std::atomic<Many*> many_ = nullptr;
        std::unique_ptr<Run[]> owned_few_;
        std::unique_ptr<Many> owned_many_;
    };

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

    Runs runs_;
    const std::uint64_t first_position_;
    std::uint64_t next_position_;  // the extending thread's
};

}  // namespace chronos::index
