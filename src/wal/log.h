// The log of one database: appends records to images of segments in memory, commits them, prepares segments ahead.
// Format: docs/formats/log.md.
//
//     reserve → (caller writes the body in place) → append        under the caller's writer lock
//     make_room → begin_group → (reserve → append)…               the same: records that are recovered together or not
//                                                                  at all
//     cut                                                          under the caller's writer lock
//     write                                                        one caller at a time (the commit role), no writer
//     lock
//
// The image an appender fills is what is written to disk and what readers read; nothing is copied. While one piece is
// in the kernel, the next is being filled behind it, in the next 4 KiB block. A sealed segment's image can be made
// evictable: then its blocks come and go under a budget (cache/file_image.h), at the same addresses.
//
// Threads: as above; `image` from any thread; `prepare_spares` and `seal_finished` from any one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/file_image.h"
#include "cache/image_cache.h"
#include "chronos/types.h"
#include "event/ids.h"
#include "io/environment.h"
#include "wal/manifest.h"
#include "wal/record.h"
#include "wal/scanner.h"
#include "wal/segment.h"
#include "wal/segment_rewriter.h"

namespace chronos::wal {

/// Index of a segment among those of an open log; stable while it is open.
using Slot = std::uint32_t;
inline constexpr std::size_t kSlotsMax = 65'536;

struct LogOptions {
    std::uint64_t segment_size_min = kSegmentSizeMin;
    std::uint64_t segment_size_max = kSegmentSizeMax;
    /// Spares to keep prepared; at least `spare_bytes` of them.
    std::uint32_t spare_count = 2;
    std::uint64_t spare_bytes = 0;
    /// Memory that is made ready ahead of a burst, at most.
    std::uint64_t touch_ahead_max = std::uint64_t{64} << 20;
    /// Nothing touches the disk; `directory` is not used.
    bool in_memory = false;
};

struct Segment;  // log_segment.h, private to the log

/// Records that one write makes durable.
struct Piece {
    Slot slot = 0;
    Segment* segment = nullptr;
    std::uint64_t begin_offset = 0;
    std::uint64_t end_offset = 0;
    struct Record {
        std::uint64_t offset;
        std::uint64_t first_seq;
        std::uint32_t event_count;
        std::uint32_t body_size;
        RecordKind kind = RecordKind::kBatch;
        std::uint32_t optional_flags = 0;
        std::uint16_t group_index = 0;
        std::uint16_t group_last_index = 0;
    };
    std::vector<Record> records;
    std::uint64_t end_seq = 0;
    /// Once the piece is written every seq below `whole_seq` is that of a record whose group is complete; so is every
    /// record in segments in front of `whole_slot`. An unfinished group begins there.
    std::uint64_t whole_seq = 0;
    Slot whole_slot = 0;

    [[nodiscard]] bool empty() const { return records.empty(); }
    [[nodiscard]] bool ends_inside_group() const { return whole_seq != end_seq; }
    [[nodiscard]] std::uint64_t size() const { return end_offset - begin_offset; }
};

/// A batch as recovery hands it to the index. Of one that was removed there is only a stub (removals.h).
struct RecoveredBatch {
    Slot slot = 0;
    std::uint64_t body_offset = 0;  ///< Or where the stub is.
    const std::byte* body = nullptr;
    const std::byte* stub = nullptr;  ///< Of a removed one, instead of `body`.
    std::uint64_t first_seq = 0;
};

/// A sealed segment as whoever indexes it knows it.
struct SealedSegment {
    std::uint32_t number = 0;
    std::uint64_t salt = 0;
    std::uint64_t first_seq = 0, end_seq = 0;
    std::uint64_t end_offset = 0;
    std::uint32_t last_crc = 0;
    std::uint32_t last_epoch = 0;
    std::uint32_t revision = 0;
    /// CRC32C of each cache::kImageBlockSize bytes up to end_offset.
    cache::BlockCrcs block_crcs;
};

/// Whether the manifest speaks of the same segment, sealed and hashed.
bool is_known(const SegmentEntry& entry, const SealedSegment& known);

class Log;

/// How a log is read back.
struct RecoveryOptions {
    /// Segments that are known and need not be read, from the first on, as the manifest lists them.
    std::vector<SealedSegment> known;
    /// Events on main up to the end of each.
    std::vector<std::uint64_t> known_end_positions;
    /// Each batch behind them, in order.
    std::function<Status(const RecoveredBatch&)> on_batch;
    /// A sealed segment was read to its end; the log may be told to let it go.
    std::function<Status(Log&, Slot, const SealedSegment&)> on_sealed;
    std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;
};

/// Where the log ended when everything in front was durable; never inside a group.
struct DurableEnd {
    std::uint64_t seq = 0;
    std::uint32_t segment_number = 0;
    std::uint64_t offset = 0;
};

struct LogCounters {
    std::atomic<std::uint64_t> commits = 0;
    std::atomic<std::uint64_t> spare_waits = 0;
    std::atomic<std::uint64_t> rewritten_records = 0;
    std::atomic<std::uint64_t> recycled_segments = 0;
    /// Pieces that the disk had lost when their segment was sealed, and that were written again.
    std::atomic<std::uint64_t> repaired_pieces = 0;
    /// Bytes of disk that rewritten segments gave back.
    std::atomic<std::uint64_t> reclaimed_bytes = 0;
};

class Log {
public:
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;
    ~Log();

    /// Creates the folder of a new database, its manifest and first segment; atomic and durable when it returns.
    static Status create(io::Environment env, const std::string& directory, const Uuid& database,
                         const LogOptions& options);

    /// Recovers: reads what is not known, rewrites the unproven tail, starts a new epoch.
    ///
    /// Errors: kCorrupt with positions, file and offset; kUnsupported; kNoSpace; kIo; those of the callbacks.
    static Result<std::unique_ptr<Log>> open(io::Environment env, const std::string& directory,
                                             const LogOptions& options, cache::ImageCache& cache,
                                             const RecoveryOptions& recovery);

    /// An empty log without files.
    static std::unique_ptr<Log> open_in_memory(io::Environment env, const Uuid& database, cache::ImageCache& cache);

    // Appending. Requires for all: the writer's lock.

    /// Room for a body of `body_size` bytes (a multiple of 8), valid until `append`. Rolls when the segment is full.
    ///
    /// Errors: kLimitExceeded; kNoSpace and kIo when no segment could be prepared: nothing was appended.
    Result<std::byte*> reserve(std::size_t body_size);
    /// The body in the reserved place is complete. Returns its offset.
    std::uint64_t append(std::uint64_t first_seq, std::uint32_t event_count, std::size_t body_size);
    /// Reserves and appends a record without a body.
    Status append_marker(std::uint64_t next_seq, bool closing);

    /// Prepares segments until a group of records with these bodies fits: `begin_group` and what follows cannot fail
    /// then, as long as the writer's lock is held and nothing else is appended.
    ///
    /// Errors: kLimitExceeded; kNoSpace and kIo: nothing was appended, the log goes on.
    Status make_room(std::span<const std::size_t> body_sizes);
    /// The next `record_count` records are one group: none of them is recovered, or counts as durable, without the
    /// rest.
    ///
    /// Requires: make_room; 1 ≤ record_count ≤ kGroupRecordsMax.
    void begin_group(std::uint32_t record_count);

    /// Takes what waits for a commit, oldest piece first; empty if nothing does.
    Piece cut();
    [[nodiscard]] bool has_pending() const { return !closed_pieces_.empty() || !open_piece_.empty(); }
    [[nodiscard]] std::uint64_t pending_size() const;
    [[nodiscard]] Slot tail_slot() const { return tail_slot_; }
    [[nodiscard]] std::uint64_t tail_offset() const { return tail_offset_; }
    /// From any thread: whether a further segment is ready.
    [[nodiscard]] bool has_spare() const {
        const std::lock_guard lock(segments_mutex_);
        return !spares_.empty();
    }

    // Committing. Requires: the commit role.

    /// Seals the records of `piece` and writes them; with `sync` they and all before them are durable when it returns.
    ///
    /// Errors: kIo, kNoSpace — the log accepts nothing further; reopen.
    Status write(const Piece& piece, bool sync);
    /// Whether anything was, or had to be, written since the log was opened.
    [[nodiscard]] bool has_written() const { return epoch_has_begun_; }
    /// Makes pieces durable that were written without sync.
    Status sync_written();
    [[nodiscard]] bool has_unsynced() const { return !unsynced_.empty(); }
    /// The same from any thread, perhaps a moment old.
    [[nodiscard]] bool has_unsynced_hint() const { return has_unsynced_hint_.load(std::memory_order_relaxed); }

    // Behind.

    /// Whether enough of the tail segment is used that spares should be prepared.
    [[nodiscard]] bool wants_spares() const { return wants_spares_.load(std::memory_order_relaxed); }
    /// Prepares segments until enough are spare. Errors leave the log usable: `reserve` tries again itself.
    Status prepare_spares();
    /// Looks how much was appended since it last looked. After a little, writes zeros in front of the commits, so that
    /// small ones find their place written (log_segment.h); in a burst, makes memory for what comes. By one thread.
    ///
    /// Errors: kIo — what is written next may not become durable either; the log should accept nothing further.
    Status prepare_ahead();
    /// Whether it was a burst when prepare_ahead last looked.
    [[nodiscard]] bool is_in_burst() const { return is_in_burst_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool has_finished() const;
    /// Enters finished segments into the manifest, with their SHA-256: all, or as many of the oldest.
    Status seal_finished(std::size_t count_max = kSlotsMax);

    // Giving back the space of records that are not needed any more (log_rewrite.cc). By one thread.

    /// Whether a segment may be rewritten: it is sealed, hashed, evictable, and was not just replaced.
    [[nodiscard]] bool can_rewrite(Slot slot) const;
    /// Writes a sealed segment anew (segment_rewriter.h); nobody knows of the new file until `replace`.
    ///
    /// Errors: as rewrite_segment.
    Result<std::optional<RewrittenSegment>> rewrite(Slot slot, ChooseRemoval choose, std::uint64_t gain_min_bytes,
                                                    std::function<Status(std::uint64_t bytes)> yield);
    /// Removes the file of a rewritten segment that will not be used after all.
    void discard(RewrittenSegment& rewritten);
    /// From now on the manifest lists the rewritten segments: all of them, durable, or none. Returns their images:
    /// whoever looks events up where they are now reads there. `image(slot)` is still the old one.
    ///
    /// Errors: kNoSpace, kIo. Which files the manifest lists is known at the next open: none may be removed until then.
    struct Rewritten {
        Slot slot = 0;
        RewrittenSegment segment;
    };
    Result<std::vector<cache::FileImage*>> replace(std::vector<Rewritten> rewritten);
    /// The old images of these slots can be found by nobody once `is_unknown` says so.
    void retire(std::span<const Slot> slots, std::shared_ptr<const std::atomic<bool>> is_unknown);
    /// Closes and removes old files that nobody reads any more. Returns how many wait for their readers.
    std::size_t remove_retired();
    /// Goes on in the next segment, so that the one that was appended to can be sealed. Requires: the writer's lock; no
    /// group is open. Errors: as `reserve`.
    Status begin_segment();

    // Reading.

    /// The bytes of a segment; those of one that is evictable under a pin.
    [[nodiscard]] cache::FileImage& image(Slot slot) const { return *images_[slot].load(std::memory_order_acquire); }
    [[nodiscard]] cache::ImageCache& cache() const { return cache_; }
    /// What is known of a segment that is sealed; nothing before.
    [[nodiscard]] std::optional<SealedSegment> sealed(Slot slot) const;
    /// From now on blocks of the segment may leave memory. Requires: sealed(slot).
    void make_evictable(Slot slot);
    /// Calls `visit` with each batch of a sealed segment, or its stub, in order, having checked it. Requires: its image
    /// is pinned and loaded up to its end, or whole.
    ///
    /// Errors: kCorrupt naming file and offset; those of visit.
    Status for_each_batch(Slot slot, const std::function<Status(const RecoveredBatch&)>& visit) const;
    /// Reads the next blocks of a sealed segment from its file and compares them with their checksums; returns how many
    /// bytes, 0 at its end and for one that is not sealed. `scratch` holds a whole number of blocks.
    ///
    /// Errors: kCorrupt naming file and offset, kIo.
    Result<std::uint64_t> check_piece(Slot slot, std::uint64_t offset, std::span<std::byte> scratch) const;
    /// While the log is read back: the bytes of a sealed segment that was read need not stay.
    void let_go(Slot slot, cache::BlockCrcs block_crcs);
    /// What must be in memory, in bytes.
    struct FixedBytes {
        std::uint64_t tail = 0;     ///< The segment appended to, and memory made ahead of it.
        std::uint64_t waiting = 0;  ///< Segments in front of it that were not made evictable yet.
        [[nodiscard]] std::uint64_t total() const { return tail + waiting; }
    };
    [[nodiscard]] FixedBytes fixed_bytes() const;
    [[nodiscard]] std::uint32_t segment_count() const { return slot_count_.load(std::memory_order_acquire); }
    /// Bytes that were appended, whatever became of them.
    [[nodiscard]] std::uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }
    /// Bytes of the log that are there.
    [[nodiscard]] std::uint64_t stored_bytes() const {
        return used_bytes() - given_back_bytes_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t file_bytes() const;
    [[nodiscard]] const LogCounters& counters() const { return counters_; }
    /// From any thread. Bytes in front of it never change.
    [[nodiscard]] DurableEnd durable_end() const {
        const std::lock_guard lock(durable_end_mutex_);
        return durable_end_;
    }
    [[nodiscard]] std::uint32_t epoch() const { return epoch_; }
    /// The database's folder; empty for a log in memory.
    [[nodiscard]] const std::string& directory() const { return directory_; }
    [[nodiscard]] const Uuid& database() const { return database_; }
    [[nodiscard]] const std::array<std::byte, 16>& secret() const { return secret_; }
    [[nodiscard]] std::uint32_t store_epoch() const { return store_epoch_; }

private:
    Log(io::Environment env, std::string directory, const LogOptions& options, cache::ImageCache& cache);

    // log_recovery.cc
    Status recover(const RecoveryOptions& recovery);
    Status believe_known(Scanner& scanner, const RecoveryOptions& recovery);
    Status clear_log_directory(std::uint64_t end_seq);
    Status clear_unlisted(const std::string& name, std::uint64_t end_seq);
    Result<std::uint64_t> vouched_upto(const std::string& name);
    Status rewrite_tail(Scanner& scanner, std::deque<ScannedRecord>& tail, std::vector<ScannedSegment>& released);
    Status secure_tail(Scanner& scanner, std::deque<ScannedRecord>& tail, std::vector<ScannedSegment>& released);
    Status begin_epoch();
    void keep_reserve();
    Status adopt(Scanner& scanner);
    std::unique_ptr<Segment> adopt_segment(ScannedSegment& scanned);
    Status recycle(ScannedSegment& released);

    // log_segments.cc
    Result<std::unique_ptr<Segment>> prepare_segment(std::uint64_t room);
    [[nodiscard]] SegmentHeader next_header(std::uint64_t room);
    Status save_manifest();
    Status roll(std::size_t record_size);
    Result<std::uint64_t> spare_size_at(std::size_t index, std::size_t record_size);
    Status seal(Slot slot);
    Result<std::unique_ptr<Segment>> next_segment(std::size_t record_size);
    Slot install(std::unique_ptr<Segment> segment);
    void set_tail(Slot slot, std::uint64_t offset);
    [[nodiscard]] std::string reserve_path() const { return directory_ + "/RESERVE"; }
    [[nodiscard]] std::string log_directory() const { return directory_ + "/log"; }

    /// A rewritten segment on its way to its slot.
    struct Replacement {
        Slot slot = 0;
        std::unique_ptr<Segment> fresh;
        std::shared_ptr<const std::atomic<bool>> is_unknown;  // of the old one; null until it is retired
    };
    void take_place(Replacement& replacement);
    bool enter_group(Piece::Record& record);
    void touch_ahead(Segment& tail, std::uint64_t size);
    void close_open_piece();
    void note_durable();
    Segment& segment(Slot slot) const { return *segments_by_slot_[slot].load(std::memory_order_acquire); }

    io::Environment env_;
    const std::string directory_;
    const LogOptions options_;
    cache::ImageCache& cache_;
    Scanner* recovering_ = nullptr;  // while `recover` runs
    Uuid database_;
    std::array<std::byte, 16> secret_{};
    std::uint32_t store_epoch_ = 1;
    std::uint32_t epoch_ = 0;

    // Published with release by `install`, read with acquire by anyone: slot → image, slot → segment.
    std::unique_ptr<std::atomic<cache::FileImage*>[]> images_;
    std::unique_ptr<std::atomic<Segment*>[]> segments_by_slot_;
    std::atomic<std::uint32_t> slot_count_ = 0;
    std::atomic<std::uint64_t> used_bytes_ = 0;
    std::atomic<std::uint64_t> given_back_bytes_ = 0;  // of those
    std::atomic<bool> wants_spares_ = false;           // a hint

    // Guarded by the writer's lock.
    Slot tail_slot_ = 0;
    std::uint64_t tail_offset_ = 0;
    std::size_t reserved_size_ = 0;
    struct OpenGroup {
        std::uint32_t record_count = 0;  // 0: none is open
        std::uint32_t appended_count = 0;
        std::uint64_t first_seq = 0;
        Slot slot = 0;
    };
    OpenGroup group_;
    Piece open_piece_;
    std::deque<Piece> closed_pieces_;

    // Guarded by the commit role; durable_upto_ is also read by whoever writes the manifest.
    std::uint32_t previous_crc_ = 0;
    bool epoch_has_begun_ = false;
    struct UnprovenMarker {
        Slot slot;
        std::uint64_t offset, size;
    };
    std::vector<UnprovenMarker> unproven_markers_;
    std::atomic<std::uint64_t> durable_upto_ = 0;
    std::vector<Segment*> unsynced_;
    std::atomic<bool> has_unsynced_hint_ = false;
    std::uint64_t written_upto_ = 0;  // never inside a group
    DurableEnd written_end_;          // the same as a place
    mutable std::mutex durable_end_mutex_;
    DurableEnd durable_end_;  // guarded by durable_end_mutex_
    Slot whole_slot_ = 0;     // what is in front of it holds no part of an unfinished group
    Slot finished_before_ = 0;

    // Lock order: prepare_mutex_ (held while a segment is made), manifest_mutex_ (while the manifest is written),
    // segments_mutex_.
    std::mutex prepare_mutex_;
    std::mutex manifest_mutex_;
    Manifest manifest_;  // guarded by manifest_mutex_
    mutable std::mutex segments_mutex_;
    std::vector<std::unique_ptr<Segment>> segments_;  // guarded by segments_mutex_
    std::deque<std::unique_ptr<Segment>> spares_;     // guarded by segments_mutex_
    std::uint32_t next_number_ = 1;                   // guarded by segments_mutex_
    std::vector<Slot> finished_;                      // guarded by segments_mutex_
    mutable Slot evictable_before_ = 0;               // guarded by segments_mutex_; nothing in front of it is fixed

    std::atomic<bool> is_in_burst_ = false;  // a hint
    std::uint64_t looked_at_bytes_ = 0;      // of prepare_ahead's thread: used_bytes_ when it last looked

    std::vector<Replacement> replacements_;  // guarded by segments_mutex_
    std::vector<std::uint32_t> revisions_;   // of rewrite's thread: the highest that was tried, by slot

    LogCounters counters_;
};

}  // namespace chronos::wal
