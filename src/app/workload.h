// Made-up events for measuring and for the demonstration: the same for the same options.
//
// Threads: immutable once made; any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/append.h"

namespace chronos::app {

struct WorkloadOptions {
    std::uint64_t entities = 100'000;
    std::uint32_t payload_bytes = 240;
    std::uint32_t tags = 0;  ///< For each event: 0 or 2.
    bool explicit_ids = false;
    /// Makes the explicit ids of one run different from those of another.
    std::uint64_t id_seed = 0;
};

class Workload {
public:
    /// What the types of all its events start with.
    static constexpr std::string_view kTypePrefix = "bench.";

    explicit Workload(const WorkloadOptions& options);

    /// Adds events [first, first + count) to `batch`, by copying what was made beforehand.
    void add_events(std::uint64_t first, std::uint32_t count, BatchBuilder& batch) const;

    /// The same events as lines of JSON.
    [[nodiscard]] std::string json_lines(std::uint64_t first, std::uint32_t count) const;

    /// Bytes of payload in an event.
    [[nodiscard]] std::size_t payload_bytes() const { return payloads_.front().size(); }

private:
    struct Parts;
    [[nodiscard]] Parts parts_of(std::uint64_t index) const;

    WorkloadOptions options_;
    std::vector<std::string> payloads_;
    std::vector<std::string> customers_, regions_;
};

/// A generator of numbers that look random: SplitMix64. Source: Steele, Lea, Flood, OOPSLA 2014.
std::uint64_t scrambled(std::uint64_t number);

}  // namespace chronos::app
