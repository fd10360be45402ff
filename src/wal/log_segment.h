// One segment of an open log; private to the Log's files.
//
// Threads: `entry`'s end fields belong to the commit role until the segment is finished, then to nobody.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "cache/file_image.h"
#include "io/aligned_buffer.h"
#include "io/environment.h"
#include "wal/manifest.h"
#include "wal/record.h"
#include "wal/segment.h"

namespace chronos::wal {

/// How far a segment is committed and written through with zeros. A commit into a place that was never written costs
/// the file system a note of its own, so zeros are written ahead (Log::prepare_ahead), never where a commit is or was.
///
///     |commits██████|zeros░░░░░░░░░|   space that was never written   |
///                   ▲ committed    ▲ zeroed
///
/// Threads: `begin_commit` the commit role; the others one thread at a time.
class ZeroFront {
public:
    explicit ZeroFront(std::uint64_t zeroed_upto = 0) : zeroed_upto_(zeroed_upto) {}

    /// Bytes up to `end` belong to commits from now on; waits for zeros that are on their way there.
    void begin_commit(std::uint64_t begin, std::uint64_t end) {
        std::unique_lock lock(mutex_);
        zeroed_.wait(lock, [&] { return zeroing_begin_ >= end || zeroing_end_ <= begin; });
        committed_upto_ = std::max(committed_upto_, end);
    }
    [[nodiscard]] std::uint64_t committed_upto() const {
        const std::lock_guard lock(mutex_);
        return committed_upto_;
    }

    struct Range {
        std::uint64_t begin = 0, end = 0;
    };
    /// The next bytes to zero so that `ahead` bytes are in front of the commits; empty if they are.
    Range begin_zeroing(std::uint64_t ahead, std::uint64_t size_max, std::uint64_t file_size) {
        const std::lock_guard lock(mutex_);
        const std::uint64_t begin = std::max(zeroed_upto_, committed_upto_);
        if (begin >= std::min(committed_upto_ + ahead, file_size)) return {};
        zeroing_begin_ = begin;
        zeroing_end_ = std::min(begin + size_max, file_size);
        return {zeroing_begin_, zeroing_end_};
    }
    void end_zeroing() {
        const std::lock_guard lock(mutex_);
        zeroed_upto_ = zeroing_end_;
        zeroing_begin_ = zeroing_end_ = 0;
        zeroed_.notify_all();
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable zeroed_;
    std::uint64_t zeroed_upto_;
    std::uint64_t committed_upto_ = 0;
    std::uint64_t zeroing_begin_ = 0, zeroing_end_ = 0;
};

struct Segment {
    explicit Segment(std::uint64_t zeroed_upto = 0) : zeros(zeroed_upto) {}

    SegmentEntry entry;
    ZeroFront zeros;
    std::unique_ptr<io::File> file;  ///< Absent in memory mode.
    std::unique_ptr<cache::FileImage> image;
    bool has_records = false;
    std::uint32_t last_epoch = 0;
    /// How far the image is in memory, while it is not evictable: by what was appended or read; by what was touched
    /// ahead.
    std::atomic<std::uint64_t> filled_upto = 0;
    std::atomic<std::uint64_t> touched_upto = 0;
    std::uint64_t size_on_disk = 0;  ///< Of a rewritten one, whose file has holes.
    /// Once it was sealed and hashed: checksums of its blocks (cache/file_image.h), guarded by segments_mutex_.
    cache::BlockCrcs block_crcs;

    /// Makes memory ahead.
    void touch(std::uint64_t begin, std::uint64_t size) {
        const std::uint64_t end = std::min(begin + size, entry.file_size);
        if (begin >= end) return;
        std::uint64_t touched = touched_upto.load(std::memory_order_relaxed);
        while (touched < end && !touched_upto.compare_exchange_weak(touched, end, std::memory_order_relaxed)) {
        }
        image->touch(begin, end - begin);
    }
    /// Bytes of memory that the image takes and that cannot be given back.
    [[nodiscard]] std::uint64_t fixed_bytes() const {
        if (image->is_evictable()) return 0;
        return std::max(filled_upto.load(std::memory_order_relaxed), touched_upto.load(std::memory_order_relaxed));
    }
    void use_image(io::AlignedBuffer memory) { image = std::make_unique<cache::FileImage>(std::move(memory)); }
    /// [begin, end) of the image. Requires: it is in memory.
    [[nodiscard]] std::span<const std::byte> bytes(std::uint64_t begin, std::uint64_t end) const {
        return {image->data() + begin, end - begin};
    }

    [[nodiscard]] SegmentIdentity identity() const { return {entry.number, entry.salt}; }
    /// Bytes of disk that the file takes.
    [[nodiscard]] std::uint64_t file_bytes() const { return entry.revision > 0 ? size_on_disk : entry.file_size; }
    /// Bytes of it that hold something of the log.
    [[nodiscard]] std::uint64_t used_bytes() const {
        const std::uint64_t bytes = entry.revision > 0 ? size_on_disk : entry.end_offset;
        return bytes > kSegmentHeaderSize ? bytes - kSegmentHeaderSize : 0;
    }
};

}  // namespace chronos::wal
