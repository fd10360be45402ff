// One segment of an open log; private to the Log's files.
//
// Threads: `entry`'s end fields belong to the commit role until the segment is finished, then to nobody.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "cache/file_image.h"
#include "io/aligned_buffer.h"
#include "io/environment.h"
#include "wal/manifest.h"
#include "wal/record.h"

namespace chronos::wal {

struct Segment {
    SegmentEntry entry;
    std::unique_ptr<io::File> file;  ///< Absent in memory mode.
    std::unique_ptr<cache::FileImage> image;
    bool has_records = false;
    std::uint32_t last_epoch = 0;
    /// Once it was sealed and hashed: checksums of its blocks (cache/file_image.h), guarded by segments_mutex_.
    std::vector<std::uint32_t> block_crcs;

    void use_image(io::AlignedBuffer memory) { image = std::make_unique<cache::FileImage>(std::move(memory)); }
    /// [begin, end) of the image. Requires: it is in memory.
    [[nodiscard]] std::span<const std::byte> bytes(std::uint64_t begin, std::uint64_t end) const {
        return {image->data() + begin, end - begin};
    }

    [[nodiscard]] SegmentIdentity identity() const { return {entry.number, entry.salt}; }
};

}  // namespace chronos::wal
