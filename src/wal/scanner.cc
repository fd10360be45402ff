#include "wal/scanner.h"

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "event/body.h"
#include "wal/segment.h"

namespace chronos::wal {
namespace {

constexpr std::size_t kReadPieceSize = std::size_t{4} << 20;

bool is_closing_marker(const Envelope& envelope) {
    return envelope.kind == RecordKind::kMarker && (envelope.optional_flags & kClosed) != 0;
}

}  // namespace

bool ScannedSegment::has_records() const { return end_offset > kSegmentHeaderSize; }

std::string Damage::to_string() const {
    std::string text = what + " in " + file + " at offset " + std::to_string(offset);
    if (!first_position) return text;
    text += ": positions [" + std::to_string(*first_position) + ", ";
    text += end_position ? std::to_string(*end_position) + ")" : "end of log) or fewer";
    return text + " are damaged";
}

Scanner::Scanner(io::FileSystem& files, std::string log_directory, const Manifest& manifest, Options options)
    : files_(files), log_directory_(std::move(log_directory)), manifest_(manifest), options_(options) {
    proven_durable_upto_ = manifest.durable_upto;
}

Status Scanner::open_segments(const std::function<void(const Damage&)>& on_damage) {
    bool open_before = false;
    for (const SegmentEntry& entry : manifest_.segments) {
        if (entry.state == SegmentState::kSealed && open_before)
            return base::fail(ErrorCode::kCorrupt, "the manifest lists an open segment in front of a sealed one");
        open_before = entry.state != SegmentState::kSealed;
        ScannedSegment segment;
        segment.entry = entry;
        segment.name = segment_file_name(entry.number);
        segment.end_offset = kSegmentHeaderSize;
        std::uint64_t size = 0;
        const auto open_one = [&]() -> Status {
            ASSIGN_OR_RETURN(segment.file,
                             files_.open(log_directory_ + "/" + segment.name,
                                         options_.read_only ? io::OpenMode::kRead : io::OpenMode::kReadWrite));
            ASSIGN_OR_RETURN(size, segment.file->size());
            ASSIGN_OR_RETURN(const SegmentHeader header, read_segment_header(*segment.file, segment.name));
            if (size != entry.file_size || header.file_size != entry.file_size || header.number != entry.number ||
                header.salt != entry.salt || header.database != manifest_.database)
                return base::fail(ErrorCode::kCorrupt, segment.name + ": is not the file the manifest lists");
            return {};
        };
        if (Status opened = open_one(); !opened.ok()) {
            Error error = std::move(opened).error();
            if (error.code == ErrorCode::kNotFound)
                error = base::fail(ErrorCode::kCorrupt, "log/" + segment.name + " is missing");
            if (!options_.continue_after_damage || error.code == ErrorCode::kUnsupported) return error;
            on_damage(
                {.file = segment.name, .first_position = {}, .end_position = {}, .end_seq = {}, .what = error.message});
            // With a damaged header the records can still be read: the manifest knows number, salt and size.
            if (size != entry.file_size) segment.file.reset();
        }
        bytes_total_ += entry.state == SegmentState::kSealed ? entry.end_offset : entry.file_size;
        segments_.push_back(std::move(segment));
    }
    return {};
}

Status Scanner::load(ScannedSegment& segment, std::uint64_t upto) {
    upto = std::min(upto, segment.entry.file_size);
    if (upto <= segment.loaded_size) return {};
    if (segment.image.empty()) segment.image = io::AlignedBuffer(segment.entry.file_size);
    upto = std::min<std::uint64_t>(base::round_up(upto, kReadPieceSize), segment.entry.file_size);
    while (segment.loaded_size < upto) {
        const std::uint64_t size = std::min<std::uint64_t>(kReadPieceSize, upto - segment.loaded_size);
        ASSIGN_OR_RETURN(const std::size_t got,
                         segment.file->read_at(segment.loaded_size, segment.image.span(segment.loaded_size, size)));
        if (got != size) return base::fail(ErrorCode::kCorrupt, segment.name + ": is shorter than its header says");
        segment.loaded_size += size;
    }
    return {};
}

Result<RecordCheck> Scanner::check_at(ScannedSegment& segment, std::uint64_t offset, Envelope& envelope) {
    if (segment.file == nullptr || offset + kEnvelopeSize > segment.entry.file_size) return RecordCheck::kNoRecord;
    RETURN_IF_ERROR(load(segment, offset + kEnvelopeSize));
    const auto at = [&](std::uint64_t size) { return segment.image.span(offset, size); };
    const RecordCheck check = check_envelope(at(segment.loaded_size - offset), offset, segment.identity(), envelope);
    if (check == RecordCheck::kUnsupported)
        return base::fail(ErrorCode::kUnsupported, segment.name + " at offset " + std::to_string(offset) +
                                                       ": a record needs a newer version of chronos");
    if (check != RecordCheck::kValid) return check;
    if (offset + envelope.record_size > segment.entry.file_size) return RecordCheck::kNoRecord;
    RETURN_IF_ERROR(load(segment, offset + envelope.record_size));
    return check_record(at(envelope.record_size), offset, segment.identity(), envelope);
}

bool Scanner::fits_chain(const Envelope& envelope) const {
    if (envelope.epoch < chain_.epoch) return false;
    if (chain_.is_broken || base::is_planted(base::Bug::kIgnoreChain)) return envelope.first_seq >= chain_.seq;
    return envelope.first_seq == chain_.seq && envelope.previous_crc == chain_.crc;
}

/// An epoch is durable in the manifest before anything is written in it, so a record of a later one shows that an old
/// manifest was put back.
Status Scanner::check_epoch(const ScannedSegment& segment, std::uint64_t offset, const Envelope& envelope,
                            const Callbacks& callbacks) {
    if (envelope.epoch <= manifest_.writer_epoch || manifest_is_old_) return {};
    manifest_is_old_ = true;
    std::string what = "MANIFEST is older than the record in " + segment.name + " at offset " + std::to_string(offset) +
                       ": an old one was put back";
    if (!options_.continue_after_damage)
        return base::fail(ErrorCode::kCorrupt, what +
                                                   "; put the right one back, or remove it and use `chronos salvage`; "
                                                   "nothing was changed");
    callbacks.on_damage({.file = "MANIFEST",
                         .first_position = chain_.main_position,
                         .end_position = chain_.main_position,
                         .first_seq = chain_.seq,
                         .end_seq = chain_.seq,
                         .what = std::move(what)});
    return {};
}

Status Scanner::accept(std::size_t index, std::uint64_t offset, const Envelope& envelope, const Callbacks& callbacks) {
    ScannedSegment& segment = segments_[index];
    RETURN_IF_ERROR(check_epoch(segment, offset, envelope, callbacks));
    const auto body = segment.image.span(offset + kEnvelopeSize, envelope.body_size);
    if (envelope.durable_upto > envelope.first_seq)
        return base::fail(ErrorCode::kCorrupt, segment.name + ": a record says later events were durable before it");
    const bool is_marker = envelope.kind == RecordKind::kMarker;
    if (is_marker ? envelope.event_count != 0 || envelope.body_size != 0 : envelope.event_count == 0)
        return base::fail(ErrorCode::kCorrupt, segment.name + " at offset " + std::to_string(offset) +
                                                   ": the record's kind and counts do not agree");
    if (!is_marker) {
        if (Status checked = event::check_body(body); !checked.ok())
            return base::with_context(std::move(checked).error(),
                                      segment.name + " at offset " + std::to_string(offset));
        const event::BodyHeader header = event::BodyView(body.data()).header();
        if (header.event_count != envelope.event_count || header.database != manifest_.database)
            return base::fail(ErrorCode::kCorrupt, segment.name + " at offset " + std::to_string(offset) +
                                                       ": envelope and batch body do not agree");
        if (header.branch == event::kMainBranch) chain_.main_position = header.first_position + header.event_count;
    }
    if (!segment.has_records()) segment.first_seq = envelope.first_seq;
    chain_.seq = envelope.first_seq + envelope.event_count;
    chain_.crc = envelope.record_crc;
    chain_.epoch = envelope.epoch;
    chain_.is_broken = false;
    segment.end_offset = offset + envelope.record_size;
    segment.end_seq = chain_.seq;
    segment.last_crc = envelope.record_crc;
    segment.last_epoch = envelope.epoch;
    proven_durable_upto_ = std::max(proven_durable_upto_, envelope.durable_upto);
    closed_ = is_closing_marker(envelope) && envelope.epoch == manifest_.writer_epoch;
    tail_index_ = index;
    return callbacks.on_record({index, offset, envelope}, segment);
}

Result<std::optional<ScannedRecord>> Scanner::next_record(std::size_t index, std::uint64_t offset, std::uint64_t end) {
    for (std::uint64_t at = base::round_up(offset, io::kBlockSize); at < end; at += io::kBlockSize) {
        ScannedRecord record{index, at, {}};
        ASSIGN_OR_RETURN(const RecordCheck check, check_at(segments_[index], at, record.envelope));
        if (check == RecordCheck::kValid && record.envelope.first_seq >= chain_.seq &&
            record.envelope.epoch >= chain_.epoch)
            return std::optional(record);
    }
    return std::optional<ScannedRecord>();
}

Status Scanner::report(ScannedSegment& segment, std::uint64_t offset, const std::optional<ScannedRecord>& next,
                       std::string what, const Callbacks& callbacks) {
    Damage damage{.file = segment.name,
                  .offset = offset,
                  .first_position = chain_.main_position,
                  .end_position = {},
                  .first_seq = chain_.seq,
                  .end_seq = {},
                  .what = std::move(what)};
    if (next && next->envelope.kind == RecordKind::kBatch && next->envelope.body_size >= event::kBodyHeaderSize) {
        const ScannedSegment& later = segments_[next->segment_index];
        const auto header = event::BodyView(later.image.data() + next->offset + kEnvelopeSize).header();
        if (header.branch == event::kMainBranch) damage.end_position = header.first_position;
    }
    if (next) damage.end_seq = next->envelope.first_seq;
    if (!options_.continue_after_damage)
        return base::fail(ErrorCode::kCorrupt, damage.to_string() +
                                                   "; nothing was changed. `chronos verify` lists all damage, "
                                                   "`chronos salvage` copies what is left into a new store");
    callbacks.on_damage(damage);
    chain_.is_broken = true;
    return {};
}

void Scanner::release(ScannedSegment& segment) {
    if (!options_.release_images) return;
    segment.image = io::AlignedBuffer();
    segment.loaded_size = 0;
}

Status Scanner::scan_sealed(std::size_t index, const Callbacks& callbacks) {
    ScannedSegment& segment = segments_[index];
    const std::uint64_t end = segment.entry.end_offset;
    std::uint64_t offset = kSegmentHeaderSize;
    while (offset < end) {
        Envelope envelope;
        ASSIGN_OR_RETURN(const RecordCheck check, check_at(segment, offset, envelope));
        if (check == RecordCheck::kValid && fits_chain(envelope)) {
            RETURN_IF_ERROR(accept(index, offset, envelope, callbacks));
            offset += envelope.record_size;
            continue;
        }
        const bool size_is_known = check != RecordCheck::kNoRecord;
        std::optional<ScannedRecord> next;
        if (size_is_known) {
            ScannedRecord following{index, offset + envelope.record_size, {}};
            ASSIGN_OR_RETURN(const RecordCheck again, check_at(segment, following.offset, following.envelope));
            if (again == RecordCheck::kValid && following.offset < end) next = following;
        }
        if (!next) {
            ASSIGN_OR_RETURN(next, next_record(index, offset + 1, end));
        }
        RETURN_IF_ERROR(report(segment, offset, next, "a record does not match its checksums or place", callbacks));
        offset = next ? next->offset : end;
    }
    if (segment.end_offset < end && !chain_.is_broken)
        return base::fail(ErrorCode::kCorrupt, segment.name + ": ends before the manifest says");
    if (!chain_.is_broken &&
        (chain_.seq != segment.entry.end_seq || (segment.has_records() && chain_.crc != segment.entry.last_crc)))
        return report(segment, segment.end_offset, std::nullopt, "the segment is not the one that was sealed",
                      callbacks);
    return {};
}

Result<std::optional<std::size_t>> Scanner::continuation_after(std::size_t index) {
    for (std::size_t i = index + 1; i < segments_.size(); ++i) {
        Envelope envelope;
        ASSIGN_OR_RETURN(const RecordCheck check, check_at(segments_[i], kSegmentHeaderSize, envelope));
        if (check == RecordCheck::kValid && fits_chain(envelope)) return std::optional(i);
    }
    return std::optional<std::size_t>();
}

Status Scanner::find_evidence(std::size_t index, std::uint64_t offset, std::optional<ScannedRecord>& next) {
    for (std::size_t i = index; i < segments_.size(); ++i) {
        std::uint64_t from = i == index ? offset : kSegmentHeaderSize;
        while (true) {
            ASSIGN_OR_RETURN(const auto found, next_record(i, from, segments_[i].entry.file_size));
            if (!found) break;
            proven_durable_upto_ = std::max(proven_durable_upto_, found->envelope.durable_upto);
            if (!next || found->envelope.first_seq < next->envelope.first_seq) next = found;
            from = found->offset + 1;
        }
    }
    return {};
}

Status Scanner::scan_open(std::size_t index, const Callbacks& callbacks) {
    std::uint64_t offset = kSegmentHeaderSize;
    while (true) {
        ScannedSegment& segment = segments_[index];
        Envelope envelope;
        ASSIGN_OR_RETURN(RecordCheck check, check_at(segment, offset, envelope));
        if (check == RecordCheck::kBadContent && base::is_planted(base::Bug::kAcceptTornTail))
            check = RecordCheck::kValid;
        if (check == RecordCheck::kValid && fits_chain(envelope)) {
            RETURN_IF_ERROR(accept(index, offset, envelope, callbacks));
            offset += envelope.record_size;
            if (callbacks.on_progress) callbacks.on_progress(bytes_done_ + offset, bytes_total_);
            continue;
        }
        if (closed_) return {};
        ASSIGN_OR_RETURN(const auto continuation, continuation_after(index));
        if (continuation) {
            bytes_done_ += segment.entry.file_size;
            release(segment);
            index = *continuation;
            offset = kSegmentHeaderSize;
            continue;
        }
        std::optional<ScannedRecord> next;
        RETURN_IF_ERROR(find_evidence(index, offset, next));
        if (proven_durable_upto_ <= chain_.seq || base::is_planted(base::Bug::kDamageAsTornTail)) return {};
        RETURN_IF_ERROR(report(segment, offset, next, "a synced record does not match its checksums", callbacks));
        if (!next) return {};
        index = next->segment_index;
        offset = next->offset;
    }
}

void Scanner::pass_over(std::size_t index, const Chain& behind) {
    ScannedSegment& segment = segments_[index];
    segment.first_seq = segment.entry.first_seq;
    segment.end_seq = segment.entry.end_seq;
    segment.end_offset = segment.entry.end_offset;
    segment.last_crc = behind.crc;
    segment.last_epoch = behind.epoch;
    chain_ = behind;
    bytes_done_ += segment.entry.end_offset;
    if (segment.has_records()) tail_index_ = index;
    passed_over_ = index + 1;
}

Status Scanner::scan(const Callbacks& callbacks) {
    std::size_t index = passed_over_;
    for (; index < segments_.size() && segments_[index].entry.state == SegmentState::kSealed; ++index) {
        segments_[index].last_epoch = chain_.epoch;  // if it has no record
        RETURN_IF_ERROR(scan_sealed(index, callbacks));
        if (callbacks.on_sealed_end) RETURN_IF_ERROR(callbacks.on_sealed_end(index));
        bytes_done_ += segments_[index].entry.end_offset;
        if (callbacks.on_progress) callbacks.on_progress(bytes_done_, bytes_total_);
        release(segments_[index]);
    }
    if (index < segments_.size()) RETURN_IF_ERROR(scan_open(index, callbacks));
    if (callbacks.on_progress) callbacks.on_progress(bytes_total_, bytes_total_);
    return {};
}

}  // namespace chronos::wal
