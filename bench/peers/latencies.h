// Times taken, of which percentiles are asked.
//
// Threads: one at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace chronos::bench {

inline std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

class Latencies {
public:
    void reserve(std::size_t count) { ns_.reserve(count); }
    void add(std::int64_t ns) { ns_.push_back(ns); }
    void add_all(const Latencies& other) { ns_.insert(ns_.end(), other.ns_.begin(), other.ns_.end()); }
    void sort() { std::sort(ns_.begin(), ns_.end()); }
    /// The value that `fraction` of all are at or below, in microseconds. Requires: sorted, not
    /// empty.
    [[nodiscard]] double us_at(double fraction) const {
        const auto index = static_cast<std::size_t>(fraction * static_cast<double>(ns_.size()));
        return static_cast<double>(ns_[std::min(index, ns_.size() - 1)]) / 1e3;
    }

private:
    std::vector<std::int64_t> ns_;
};

}  // namespace chronos::bench
