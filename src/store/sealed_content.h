// What an index file of a sealed segment says: collected from its memory part and the segment's bytes.
//
// Threads: functions without state.
#pragma once

#include <vector>

#include "index/index_content.h"
#include "index/memory_part.h"
#include "wal/log.h"

namespace chronos::store {

/// Requires: the part is complete and caught up, its segment's bytes are in memory; `segments` are those up to the
/// part's, from the one behind the file before.
index::IndexContent content_of(const index::MemoryPart& part, const index::StreamHeads& streams,
                               const std::vector<wal::SealedSegment>& segments, std::uint64_t main_position_before,
                               std::int64_t recorded_at_before);

}  // namespace chronos::store
