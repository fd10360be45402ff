// How long something took, counted while it happens.
//
// Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "chronos/types.h"

namespace chronos::base {

class DurationHistogram {
public:
    void record(std::int64_t ns) {
        std::size_t bucket = 0;
        for (std::int64_t bound = DurationCounts::kFirstNs; bucket < DurationCounts::kBuckets && ns > bound; bound *= 2)
            ++bucket;
        counts_[bucket].fetch_add(1, std::memory_order_relaxed);
        sum_ns_.fetch_add(ns, std::memory_order_relaxed);
    }
    [[nodiscard]] DurationCounts counts() const {
        DurationCounts counts{.counts = {}, .sum_ns = sum_ns_.load(std::memory_order_relaxed)};
        for (std::size_t i = 0; i < counts_.size(); ++i) counts.counts[i] = counts_[i].load(std::memory_order_relaxed);
        return counts;
    }

private:
    std::array<std::atomic<std::uint64_t>, DurationCounts::kBuckets + 1> counts_{};
    std::atomic<std::int64_t> sum_ns_ = 0;
};

}  // namespace chronos::base
