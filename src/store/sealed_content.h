// What the index file of a sealed segment says beside the postings: segments, checksums, runs of branches and times,
// read from the segment's bytes.
//
// Threads: functions without state.
#pragma once

#include <vector>

#include "index/index_content.h"
#include "index/memory_part.h"
#include "wal/log.h"

namespace chronos::store {

/// Requires: the part is complete, its segment's bytes are in memory; `segments` are those up to the part's, from the
/// one behind the file before.
index::IndexResident resident_of(const index::MemoryPart& part, const std::vector<wal::SealedSegment>& segments,
                                 std::uint64_t main_position_before, std::int64_t recorded_at_before);

}  // namespace chronos::store
