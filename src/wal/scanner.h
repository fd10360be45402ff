// Reads a log from its files: in order, checking everything, telling a torn tail from damage. Format:
// docs/formats/log.md §6.
//
// Recovery stops at the first damage; verify and salvage go on behind it and hear of every gap.
//
// A record is handed on when its group is complete; until then the log may end in front of the group:
//
//     |record|  |member 0|member 1|  |member 2 of 3|          chain: 4 records; handed on: 1, then 4 at once
//               ^ here, if member 2 is torn
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/file_image.h"
#include "cache/open_files.h"
#include "io/aligned_buffer.h"
#include "io/environment.h"
#include "wal/manifest.h"
#include "wal/record.h"
#include "wal/removals.h"

namespace chronos::wal {

/// A segment as far as it has been read.
struct ScannedSegment {
    SegmentEntry entry;
    std::string name;
    std::unique_ptr<io::File> file;
    io::AlignedBuffer image;
    std::uint64_t loaded_size = 0;
    /// Behind the last record that belongs to the log, up to a commit's end; header size when there is none.
    std::uint64_t end_offset = 0;
    std::uint64_t first_seq = 0;
    std::uint64_t end_seq = 0;
    std::uint32_t last_crc = 0;
    std::uint32_t last_epoch = 0;
    /// Of a sealed segment: checksums of its blocks (cache/file_image.h).
    cache::BlockCrcs block_crcs;
    /// Of one that was rewritten: stubs of what was removed, once they were needed. Lost ones leave holes of which
    /// nothing is known.
    std::vector<RemovedRecord> removed;
    bool has_read_removals = false;
    bool has_lost_removals = false;

    [[nodiscard]] SegmentIdentity identity() const { return {entry.number, entry.salt}; }
    [[nodiscard]] bool has_records() const;
    /// Behind the last place where a record may be.
    [[nodiscard]] std::uint64_t records_end() const;
    /// Index in `removed` of the first at `offset` or behind it.
    [[nodiscard]] std::size_t removed_from(std::uint64_t offset) const;
};

/// A record that belongs to the log. Of a removed one (kind kRemoved) the envelope says what its stub does.
struct ScannedRecord {
    std::size_t segment_index = 0;
    std::uint64_t offset = 0;
    Envelope envelope;

    [[nodiscard]] bool is_removed() const { return envelope.kind == RecordKind::kRemoved; }
};

/// Where the stub of a removed record is in its segment's file. Requires: is_removed().
std::uint64_t stub_offset(const ScannedSegment& segment, const ScannedRecord& record);

/// Bytes that were durable and do not check, or belong to a group that is not whole.
struct Damage {
    std::string file;
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> first_position;  ///< On main; absent: not known.
    std::optional<std::uint64_t> end_position;    ///< On main, exclusive; absent: not known.
    std::uint64_t first_seq = 0;
    std::optional<std::uint64_t> end_seq;
    std::string what;

    [[nodiscard]] std::string to_string() const;
};

class Scanner {
public:
    struct Options {
        /// Go on behind damage instead of stopping with an error.
        bool continue_after_damage = false;
        /// Free each segment's bytes once it was read.
        bool release_images = false;
        bool read_only = false;
        /// Sealed segments are opened among these: not all at once. Without, a read-only scan keeps a few open.
        cache::OpenFiles* open_files = nullptr;
    };
    struct Callbacks {
        /// Each record in order, of complete groups; an error ends the scan. The body, or the stub of a removed record,
        /// is in the segment's image.
        std::function<Status(const ScannedRecord&, const ScannedSegment&)> on_record;
        /// A sealed segment was read to its end and its records handed on, before its bytes may be freed.
        std::function<Status(std::size_t index)> on_sealed_end;
        std::function<void(const Damage&)> on_damage;
        std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;
    };

    Scanner(io::FileSystem& files, std::string log_directory, const Manifest& manifest, Options options);

    /// Opens the files of the manifest. With continue_after_damage a file that is missing or not readable is damage.
    ///
    /// Errors: kCorrupt naming the file, kUnsupported, kIo.
    Status open_segments(const std::function<void(const Damage&)>& on_damage);

    /// Where the log stands behind a segment.
    struct Chain {
        std::uint64_t seq = 0;
        std::uint32_t crc = 0;
        std::uint32_t epoch = 0;
        std::uint64_t main_position = 0;
        bool is_broken = false;  // the next record need not fit crc and seq
    };
    /// The sealed segment is as the manifest says and not read. Its last record may be of a group that goes on behind.
    /// Requires: those in front were passed over as well.
    void pass_over(std::size_t index, const Chain& behind);

    /// Reads the log. Requires: open_segments.
    ///
    /// Errors: kCorrupt with positions, file and offset; kUnsupported; kIo; those of on_record.
    Status scan(const Callbacks& callbacks);

    /// Reads a sealed segment whole.
    Status load_all(std::size_t index) { return load(segments_[index], segments_[index].entry.end_offset); }

    [[nodiscard]] std::vector<ScannedSegment>& segments() { return segments_; }
    [[nodiscard]] std::uint64_t end_seq() const { return chain_.seq; }
    [[nodiscard]] std::uint32_t last_crc() const { return chain_.crc; }
    /// Every seq below it is known to have been durable.
    [[nodiscard]] std::uint64_t proven_durable_upto() const { return proven_durable_upto_; }
    /// The log ends with the marker of a clean close.
    [[nodiscard]] bool closed() const { return closed_; }
    /// Where the log goes on: the last segment with records, or the first.
    [[nodiscard]] std::size_t tail_index() const { return tail_index_; }
    void set_tail_index(std::size_t index) { tail_index_ = index; }

private:
    static constexpr std::size_t kFewFiles = 16;

    Status load(ScannedSegment& segment, std::uint64_t upto);
    Status read_removals(ScannedSegment& segment);
    Result<RecordCheck> check_removed(ScannedSegment& segment, const RemovedRecord& stub, Envelope& envelope);
    [[nodiscard]] bool is_hole_of_unknown(const ScannedSegment& segment, std::uint64_t offset) const;
    Result<std::optional<ScannedRecord>> next_removed(std::size_t index, std::uint64_t offset);
    Result<RecordCheck> check_at(ScannedSegment& segment, std::uint64_t offset, Envelope& envelope);
    [[nodiscard]] bool fits_chain(const Envelope& envelope) const;
    [[nodiscard]] bool fits_group(const Envelope& envelope) const;
    Status check_epoch(const ScannedSegment& segment, std::uint64_t offset, const Envelope& envelope,
                       const Callbacks& callbacks);
    Status check_content(const ScannedSegment& segment, std::uint64_t offset, const Envelope& envelope);
    Status accept(std::size_t index, std::uint64_t offset, const Envelope& envelope, const Callbacks& callbacks);
    Status hand_on_group(const Callbacks& callbacks);
    Status hand_on(const ScannedRecord& record, const Callbacks& callbacks);
    std::optional<ScannedRecord> drop_group();
    Status leave(std::size_t index, const Callbacks& callbacks);
    Status finish_left(std::size_t before_index, const Callbacks& callbacks);
    Status scan_sealed(std::size_t index, const Callbacks& callbacks);
    Status scan_open(std::size_t index, const Callbacks& callbacks);
    Result<std::optional<ScannedRecord>> next_in_sealed(std::size_t index, std::uint64_t offset, RecordCheck check,
                                                        const Envelope& envelope);
    Result<std::optional<std::size_t>> continuation_after(std::size_t index);
    Result<std::optional<std::size_t>> continuation_without_group(ScannedRecord& behind);
    void report_progress(std::uint64_t offset, const Callbacks& callbacks) const;
    Status find_evidence(std::size_t index, std::uint64_t offset, std::optional<ScannedRecord>& next);
    Status report(ScannedSegment& segment, std::uint64_t offset, const std::optional<ScannedRecord>& next,
                  std::string what, const Callbacks& callbacks);
    Result<std::optional<ScannedRecord>> next_record(std::size_t index, std::uint64_t offset, std::uint64_t end);
    void release(ScannedSegment& segment);

    io::FileSystem& files_;
    std::string log_directory_;
    const Manifest& manifest_;
    Options options_;
    cache::OpenFiles few_files_{kFewFiles};  // outlives segments_
    std::vector<ScannedSegment> segments_;
    Chain chain_;
    std::vector<ScannedRecord> group_;  // records that wait for the rest of their group
    Chain chain_before_group_;
    bool follows_passed_over_ = false;  // the next record may go on a group of which nothing was read
    std::vector<std::size_t> left_;     // segments that were read to their ends, of which records may be in group_
    std::uint64_t proven_durable_upto_ = 0;
    std::uint64_t bytes_total_ = 0;
    std::uint64_t bytes_done_ = 0;
    std::size_t tail_index_ = 0;
    std::size_t passed_over_ = 0;  // segments in front that are not read
    bool closed_ = false;
    bool manifest_is_old_ = false;
};

}  // namespace chronos::wal
