// The time that a question in words is about: "in March", "since 2026-01-10", "in 2025", "yesterday".
//
// Threads: free functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chronos/types.h"

namespace chronos::mcp {

/// Inclusive on both sides; absent: open.
struct AskedTime {
    std::optional<Timestamp> since, until;

    [[nodiscard]] bool is_there() const { return since || until; }
};

/// `words` in lower case, in the order of the question. A month without a year is the last one that has begun.
AskedTime asked_time(const std::vector<std::string>& words, Timestamp now);

}  // namespace chronos::mcp
