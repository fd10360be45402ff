// One segment of an open log; private to the Log's files.
//
// Threads: `entry`'s end fields belong to the commit role until the segment is finished, then to nobody.
#pragma once

#include <memory>

#include "io/aligned_buffer.h"
#include "io/environment.h"
#include "wal/manifest.h"
#include "wal/record.h"

namespace chronos::wal {

struct Segment {
    SegmentEntry entry;
    std::unique_ptr<io::File> file;  ///< Absent in memory mode.
    io::AlignedBuffer image;
    bool has_records = false;

    [[nodiscard]] SegmentIdentity identity() const { return {entry.number, entry.salt}; }
};

}  // namespace chronos::wal
