// What folding the first so many events of a stream comes to.
//
// Threads: a value.
#pragma once

#include <cstdint>

#include "json/merge_tree.h"

namespace chronos::projection {

struct FoldedState {
    json::MergeTree tree;
    std::uint64_t event_count = 0;  ///< Events folded; of a state that is kept a prefix of the stream.
    std::uint64_t late_events = 0;
    std::int64_t max_occurred_at = 0;
    std::uint64_t last_seq = 0;
};

/// Of long streams a state is kept at each multiple of so many events, from which states of the past start.
inline constexpr std::uint64_t kRungEvents = 1'024;
/// Folding fewer events than this costs less than keeping a state.
inline constexpr std::uint64_t kSnapshotEventsMin = 64;

}  // namespace chronos::projection
