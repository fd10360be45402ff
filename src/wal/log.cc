#include "wal/log.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "wal/log_segment.h"

namespace chronos::wal {
namespace {

/// Larger commits gain no throughput and cost latency (docs/decisions/0003-commit.md).
constexpr std::uint64_t kPieceSizeMax = std::uint64_t{1} << 20;
/// A group stays in memory until it is written, and recovery may have to copy it into one segment.
constexpr std::uint64_t kGroupSizeMax = kSegmentSizeMax;

Error too_large_group(std::size_t record_count) {
    return base::fail(ErrorCode::kLimitExceeded,
                      "a group of " + std::to_string(record_count) +
                          " batches is too large; a group holds 65,536 batches and 256 MiB, a batch 32 MiB");
}

}  // namespace

Result<std::byte*> Log::reserve(std::size_t body_size) {
    ASSERT(body_size % 8 == 0 && reserved_size_ == 0);
    const std::size_t record_size = record_size_for(body_size);
    if (record_size > kRecordSizeMax)
        return base::fail(ErrorCode::kLimitExceeded, "a batch of " + std::to_string(body_size) +
                                                         " bytes; one log record holds 32 MiB: send smaller batches");
    if (tail_offset_ + record_size > segment(tail_slot_).entry.file_size) RETURN_IF_ERROR(roll(record_size));
    reserved_size_ = record_size;
    return segment(tail_slot_).image->data() + tail_offset_ + kEnvelopeSize;
}

std::uint64_t Log::append(std::uint64_t first_seq, std::uint32_t event_count, std::size_t body_size) {
    ASSERT(reserved_size_ == record_size_for(body_size));
    const std::uint64_t offset = tail_offset_;
    Piece::Record record{.offset = offset,
                         .first_seq = first_seq,
                         .event_count = event_count,
                         .body_size = static_cast<std::uint32_t>(body_size)};
    const bool ends_group = enter_group(record);
    open_piece_.records.push_back(record);
    open_piece_.end_seq = first_seq + event_count;
    const bool is_whole = group_.record_count == 0 || base::is_planted(base::Bug::kPublishInsideGroup);
    open_piece_.whole_seq = is_whole ? open_piece_.end_seq : group_.first_seq;
    open_piece_.whole_slot = is_whole ? tail_slot_ : group_.slot;
    tail_offset_ += reserved_size_;
    open_piece_.end_offset = tail_offset_;
    reserved_size_ = 0;
    if (ends_group || open_piece_.size() >= kPieceSizeMax) close_open_piece();
    return offset + kEnvelopeSize;
}

/// A group begins in a block of its own: where it is dropped, the log goes on in that block, and what was synced is not
/// written again.
void Log::begin_group(std::uint32_t record_count) {
    ASSERT(record_count >= 1 && record_count <= kGroupRecordsMax);
    ASSERT(group_.record_count == 0 && reserved_size_ == 0);
    if (record_count == 1) return;
    close_open_piece();
    group_.record_count = record_count;
}

/// Gives the record its place in the open group, if there is one. Whether it is the last.
bool Log::enter_group(Piece::Record& record) {
    if (group_.record_count == 0) return false;
    if (group_.appended_count == 0) {
        group_.first_seq = record.first_seq;
        group_.slot = tail_slot_;
    }
    record.group_index = static_cast<std::uint16_t>(group_.appended_count);
    record.group_last_index = static_cast<std::uint16_t>(group_.record_count - 1);
    if (++group_.appended_count < group_.record_count) return false;
    group_ = {};
    return true;
}

Status Log::append_marker(std::uint64_t next_seq, bool closing) {
    ASSERT(group_.record_count == 0);
    ASSIGN_OR_RETURN(std::byte* const body, reserve(0));
    (void)body;
    (void)append(next_seq, 0, 0);
    Piece& piece = open_piece_.empty() ? closed_pieces_.back() : open_piece_;
    piece.records.back().kind = RecordKind::kMarker;
    piece.records.back().optional_flags = closing ? kClosed : 0U;
    close_open_piece();  // A marker shares its block with nothing, so that recovery can write it again in place.
    return {};
}

/// Moves the open piece to the queue; the tail goes to the next block, so that what was synced is not written again.
void Log::close_open_piece() {
    if (open_piece_.empty()) return;
    tail_offset_ = base::round_up(tail_offset_, io::kBlockSize);
    open_piece_.end_offset = tail_offset_;
    used_bytes_.fetch_add(open_piece_.size(), std::memory_order_relaxed);
    open_piece_.segment->filled_upto.store(tail_offset_, std::memory_order_relaxed);
    if (tail_offset_ > segment(tail_slot_).entry.file_size / 4) wants_spares_.store(true, std::memory_order_relaxed);
    closed_pieces_.push_back(std::move(open_piece_));
    open_piece_ = {};
    open_piece_.slot = tail_slot_;
    open_piece_.segment = &segment(tail_slot_);
    open_piece_.begin_offset = open_piece_.end_offset = tail_offset_;
}

/// Goes through the placement of `reserve`, `append` and `roll`, with segments instead of records.
Status Log::make_room(std::span<const std::size_t> body_sizes) {
    const std::lock_guard preparing(prepare_mutex_);  // The spares stay those that are counted here.
    std::uint64_t piece_begin = base::round_up(tail_offset_, io::kBlockSize);
    std::uint64_t offset = piece_begin;
    std::uint64_t file_size = segment(tail_slot_).entry.file_size;
    std::size_t spares_used = 0;
    std::uint64_t group_size = 0;
    for (const std::size_t body_size : body_sizes) {
        const std::size_t record_size = record_size_for(body_size);
        group_size += record_size;
        if (record_size > kRecordSizeMax || group_size > kGroupSizeMax || body_sizes.size() > kGroupRecordsMax)
            return too_large_group(body_sizes.size());
        while (offset + record_size > file_size) {
            ASSIGN_OR_RETURN(file_size, spare_size_at(spares_used++, record_size));
            offset = piece_begin = kSegmentHeaderSize;
        }
        offset += record_size;
        if (offset - piece_begin >= kPieceSizeMax) offset = piece_begin = base::round_up(offset, io::kBlockSize);
    }
    return {};
}

Piece Log::cut() {
    if (closed_pieces_.empty()) close_open_piece();
    if (closed_pieces_.empty()) return {};
    Piece piece = std::move(closed_pieces_.front());
    closed_pieces_.pop_front();
    return piece;
}

std::uint64_t Log::pending_size() const {
    std::uint64_t size = open_piece_.size();
    for (const Piece& piece : closed_pieces_) size += piece.size();
    return size;
}

Status Log::write(const Piece& piece, bool sync) {
    counters_.commits.fetch_add(1, std::memory_order_relaxed);
    Segment& segment = *piece.segment;
    segment.zeros.begin_commit(piece.begin_offset, piece.end_offset);
    if (options_.in_memory) return {};
    if (!epoch_has_begun_) RETURN_IF_ERROR(begin_epoch());
    for (std::size_t i = 0; i < piece.records.size(); ++i) {
        const Piece::Record& record = piece.records[i];
        const std::uint64_t end = i + 1 < piece.records.size() ? piece.records[i + 1].offset : piece.end_offset;
        Envelope envelope;
        envelope.kind = record.kind;
        envelope.optional_flags = record.optional_flags;
        envelope.previous_crc = previous_crc_;
        envelope.epoch = epoch_;
        envelope.first_seq = record.first_seq;
        envelope.event_count = record.event_count;
        envelope.body_size = record.body_size;
        envelope.durable_upto = durable_upto_.load(std::memory_order_relaxed);
        envelope.record_size = static_cast<std::uint32_t>(end - record.offset);
        envelope.group_index = record.group_index;
        envelope.group_last_index = record.group_last_index;
        envelope.file_offset = record.offset;
        previous_crc_ = seal_record(segment.image->data() + record.offset, envelope, segment.identity());
    }
    const auto bytes = segment.bytes(piece.begin_offset, piece.end_offset);
    const bool alone = sync && unsynced_.empty();
    const bool writes_through = alone && !base::is_planted(base::Bug::kAcknowledgeBeforeSync);
    Status written = writes_through ? segment.file->write_durable_at(piece.begin_offset, bytes)
                                    : segment.file->write_at(piece.begin_offset, bytes);
    if (!written.ok() && base::is_planted(base::Bug::kRetryFailedSync)) written = segment.file->sync();
    RETURN_IF_ERROR(written);
    if (!segment.has_records) segment.entry.first_seq = piece.records.front().first_seq;
    segment.has_records = true;
    segment.entry.end_seq = piece.end_seq;
    segment.entry.end_offset = piece.end_offset;
    segment.entry.last_crc = previous_crc_;
    segment.last_epoch = epoch_;
    written_upto_ = piece.whole_seq;
    if (!piece.ends_inside_group())
        written_end_ = {.seq = piece.end_seq, .segment_number = segment.entry.number, .offset = piece.end_offset};
    whole_slot_ = piece.whole_slot;
    if (alone) {
        note_durable();
        return {};
    }
    if (unsynced_.empty() || unsynced_.back() != &segment) unsynced_.push_back(&segment);
    has_unsynced_hint_.store(true, std::memory_order_relaxed);
    return sync ? sync_written() : Status();
}

Status Log::sync_written() {
    if (unsynced_.empty()) return {};
    for (const Segment* segment : unsynced_) RETURN_IF_ERROR(segment->file->sync());
    unsynced_.clear();
    has_unsynced_hint_.store(false, std::memory_order_relaxed);
    note_durable();
    return {};
}

/// All that was written is durable now; segments in front of the one written to are finished, but for those of a group
/// that is not: a segment that was sealed is believed without looking at the next.
void Log::note_durable() {
    durable_upto_.store(written_upto_, std::memory_order_relaxed);
    {
        const std::lock_guard lock(durable_end_mutex_);
        durable_end_ = written_end_;
    }
    if (finished_before_ == whole_slot_) return;
    const std::lock_guard lock(segments_mutex_);
    for (; finished_before_ < whole_slot_; ++finished_before_) {
        Segment& segment = *segments_[finished_before_];
        if (!segment.has_records) {  // skipped: too small for the record that came
            segment.entry.first_seq = segment.entry.end_seq =
                finished_before_ == 0 ? 0 : segments_[finished_before_ - 1]->entry.end_seq;
            segment.entry.end_offset = kSegmentHeaderSize;
            segment.last_epoch = finished_before_ == 0 ? 0 : segments_[finished_before_ - 1]->last_epoch;
        }
        finished_.push_back(finished_before_);
    }
}

}  // namespace chronos::wal
