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

std::uint64_t ScannedSegment::records_end() const {
    if (entry.revision > 0) return entry.records_end();
    return entry.state == SegmentState::kSealed ? entry.end_offset : entry.file_size;
}

std::size_t ScannedSegment::removed_from(std::uint64_t offset) const {
    const auto found = std::lower_bound(removed.begin(), removed.end(), offset,
                                        [](const RemovedRecord& stub, std::uint64_t at) { return stub.offset() < at; });
    return static_cast<std::size_t>(found - removed.begin());
}

std::uint64_t stub_offset(const ScannedSegment& segment, const ScannedRecord& record) {
    return stub_offset(segment.entry.records_end(), segment.removed_from(record.offset));
}

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
        segment.name = segment_file_name({entry.number, entry.revision});
        segment.end_offset = kSegmentHeaderSize;
        std::uint64_t size = 0;
        const auto open_one = [&]() -> Status {
            ASSIGN_OR_RETURN(segment.file,
                             files_.open(log_directory_ + "/" + segment.name,
                                         options_.read_only ? io::OpenMode::kRead : io::OpenMode::kReadWrite));
            ASSIGN_OR_RETURN(size, segment.file->size());
            ASSIGN_OR_RETURN(const SegmentHeader header, read_segment_header(*segment.file, segment.name));
            const std::uint64_t removals_offset = entry.revision == 0 ? 0 : entry.records_end();
            if (size != entry.file_size || header.file_size != entry.file_size || header.number != entry.number ||
                header.salt != entry.salt || header.database != manifest_.database ||
                header.revision != entry.revision || header.removals_offset != removals_offset)
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
        // Without a hash it may be written again when it is sealed.
        const bool is_only_read = options_.read_only || (entry.state == SegmentState::kSealed &&
                                                         (entry.flags & SegmentEntry::kHasSha256) != 0);
        cache::OpenFiles* const pool = options_.open_files != nullptr ? options_.open_files
                                       : options_.read_only           ? &few_files_
                                                                      : nullptr;
        if (segment.file != nullptr && is_only_read && pool != nullptr)
            segment.file = std::make_unique<cache::ColdFile>(*pool, files_, log_directory_ + "/" + segment.name,
                                                             std::move(segment.file));
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

/// Stubs of what was removed. With continue_after_damage those that cannot be read are lost.
Status Scanner::read_removals(ScannedSegment& segment) {
    if (segment.has_read_removals) return {};
    RETURN_IF_ERROR(load(segment, segment.entry.file_size));
    const std::uint64_t offset = segment.records_end();
    auto stubs = decode_removals(std::as_const(segment.image).span(offset, segment.entry.file_size - offset), offset,
                                 segment.identity());
    segment.has_read_removals = true;
    if (stubs.ok()) {
        segment.removed = std::move(stubs).value();
        return {};
    }
    if (!options_.continue_after_damage || stubs.error().code != ErrorCode::kCorrupt)
        return base::with_context(std::move(stubs).error(), "log/" + segment.name);
    segment.has_lost_removals = true;
    return {};
}

/// A removed record is there if its place is empty.
Result<RecordCheck> Scanner::check_removed(ScannedSegment& segment, const RemovedRecord& stub, Envelope& envelope) {
    RETURN_IF_ERROR(load(segment, stub.end_offset()));
    envelope = {};
    envelope.kind = RecordKind::kRemoved;
    envelope.segment_number = segment.entry.number;
    envelope.segment_salt = segment.entry.salt;
    envelope.epoch = stub.epoch;
    envelope.first_seq = stub.first_seq;
    envelope.event_count = stub.event_count;
    envelope.record_size = stub.record_size;
    envelope.group_index = stub.group_index;
    envelope.group_last_index = stub.group_last_index;
    envelope.file_offset = stub.offset();
    envelope.record_crc = stub.record_crc;
    const auto place = std::as_const(segment.image).span(stub.offset(), stub.record_size);
    return base::all_zero(place) ? RecordCheck::kValid : RecordCheck::kBadContent;
}

Result<RecordCheck> Scanner::check_at(ScannedSegment& segment, std::uint64_t offset, Envelope& envelope) {
    const std::uint64_t end = segment.entry.revision > 0 ? segment.records_end() : segment.entry.file_size;
    if (segment.file == nullptr || offset + kEnvelopeSize > end) return RecordCheck::kNoRecord;
    if (segment.entry.revision > 0) {
        RETURN_IF_ERROR(read_removals(segment));
        const std::size_t i = segment.removed_from(offset);
        if (i < segment.removed.size() && segment.removed[i].offset() == offset)
            return check_removed(segment, segment.removed[i], envelope);
    }
    RETURN_IF_ERROR(load(segment, offset + kEnvelopeSize));
    const auto at = [&](std::uint64_t size) { return segment.image.span(offset, size); };
    const RecordCheck check = check_envelope(at(segment.loaded_size - offset), offset, segment.identity(), envelope);
    if (check == RecordCheck::kUnsupported)
        return base::fail(ErrorCode::kUnsupported, segment.name + " at offset " + std::to_string(offset) +
                                                       ": a record needs a newer version of chronos");
    if (check != RecordCheck::kValid) return check;
    if (envelope.kind == RecordKind::kRemoved) return RecordCheck::kNoRecord;  // Its place is behind all records.
    if (offset + envelope.record_size > end) return RecordCheck::kNoRecord;
    RETURN_IF_ERROR(load(segment, offset + envelope.record_size));
    return check_record(at(envelope.record_size), offset, segment.identity(), envelope);
}

bool Scanner::fits_chain(const Envelope& envelope) const {
    if (envelope.epoch < chain_.epoch) return false;
    if (chain_.is_broken || base::is_planted(base::Bug::kIgnoreChain)) return envelope.first_seq >= chain_.seq;
    if (envelope.first_seq != chain_.seq) return false;
    // Stubs were checked against each other's records when they were made.
    return envelope.kind == RecordKind::kRemoved || envelope.previous_crc == chain_.crc;
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

bool Scanner::fits_group(const Envelope& envelope) const {
    if (envelope.group_index > envelope.group_last_index) return false;
    if (envelope.kind == RecordKind::kMarker && envelope.group_last_index > 0) return false;
    if (group_.empty()) return envelope.group_index == 0 || follows_passed_over_;
    const Envelope& before = group_.back().envelope;
    return envelope.group_last_index == before.group_last_index && envelope.group_index == before.group_index + 1;
}

/// What the checksums do not say: whether envelope and body agree with each other and with what is in front.
Status Scanner::check_content(const ScannedSegment& segment, std::uint64_t offset, const Envelope& envelope) {
    const std::string at = segment.name + " at offset " + std::to_string(offset);
    const std::uint64_t durable_max = group_.empty() ? envelope.first_seq : group_.front().envelope.first_seq;
    if (envelope.durable_upto > durable_max)
        return base::fail(ErrorCode::kCorrupt, segment.name + ": a record says later events were durable before it");
    if (envelope.kind == RecordKind::kRemoved) return {};
    const bool is_marker = envelope.kind == RecordKind::kMarker;
    if (is_marker ? envelope.event_count != 0 || envelope.body_size != 0 : envelope.event_count == 0)
        return base::fail(ErrorCode::kCorrupt, at + ": the record's kind and counts do not agree");
    if (is_marker) return {};
    const auto body = segment.image.span(offset + kEnvelopeSize, envelope.body_size);
    if (Status checked = event::check_body(body); !checked.ok())
        return base::with_context(std::move(checked).error(), at);
    const event::BodyHeader header = event::BodyView(body.data()).header();
    if (header.event_count != envelope.event_count || header.database != manifest_.database)
        return base::fail(ErrorCode::kCorrupt, at + ": envelope and batch body do not agree");
    return {};
}

/// The record is the next one of the log. It is handed on with the last of its group.
Status Scanner::accept(std::size_t index, std::uint64_t offset, const Envelope& envelope, const Callbacks& callbacks) {
    const ScannedSegment& segment = segments_[index];
    RETURN_IF_ERROR(check_epoch(segment, offset, envelope, callbacks));
    RETURN_IF_ERROR(check_content(segment, offset, envelope));
    if (group_.empty()) chain_before_group_ = chain_;
    if (envelope.kind == RecordKind::kBatch) {
        const auto header = event::BodyView(segment.image.data() + offset + kEnvelopeSize).header();
        if (header.branch == event::kMainBranch) chain_.main_position = header.first_position + header.event_count;
    } else if (envelope.kind == RecordKind::kRemoved) {
        const RemovedRecord& stub = segment.removed[segment.removed_from(offset)];
        if (stub.branch == event::kMainBranch) chain_.main_position = stub.first_position + stub.event_count;
    }
    chain_.seq = envelope.first_seq + envelope.event_count;
    chain_.crc = envelope.record_crc;
    chain_.epoch = envelope.epoch;
    chain_.is_broken = false;
    follows_passed_over_ = false;
    proven_durable_upto_ = std::max(proven_durable_upto_, envelope.durable_upto);
    group_.push_back({index, offset, envelope});
    return envelope.group_index == envelope.group_last_index ? hand_on_group(callbacks) : Status();
}

/// A segment's end is told between its last record and the next segment's first.
Status Scanner::hand_on_group(const Callbacks& callbacks) {
    for (const ScannedRecord& record : group_) {
        RETURN_IF_ERROR(finish_left(record.segment_index, callbacks));
        RETURN_IF_ERROR(hand_on(record, callbacks));
    }
    group_.clear();
    return {};
}

Status Scanner::hand_on(const ScannedRecord& record, const Callbacks& callbacks) {
    const Envelope& envelope = record.envelope;
    ScannedSegment& segment = segments_[record.segment_index];
    if (!segment.has_records()) segment.first_seq = envelope.first_seq;
    segment.end_offset = record.offset + envelope.record_size;
    segment.end_seq = envelope.first_seq + envelope.event_count;
    segment.last_crc = envelope.record_crc;
    segment.last_epoch = envelope.epoch;
    closed_ = is_closing_marker(envelope) && envelope.epoch == manifest_.writer_epoch;
    tail_index_ = record.segment_index;
    return callbacks.on_record(record, segment);
}

/// The log is again as it was in front of a group that is not whole. Returns the group's first record, if one waited.
std::optional<ScannedRecord> Scanner::drop_group() {
    if (group_.empty()) return std::nullopt;
    const ScannedRecord first = group_.front();
    group_.clear();
    chain_ = chain_before_group_;
    for (const std::size_t index : left_) release(segments_[index]);
    left_.clear();
    return first;
}

/// The segment was read to its end; its bytes stay as long as records in it wait.
Status Scanner::leave(std::size_t index, const Callbacks& callbacks) {
    left_.push_back(index);
    return group_.empty() ? finish_left(segments_.size(), callbacks) : Status();
}

Status Scanner::finish_left(std::size_t before_index, const Callbacks& callbacks) {
    while (!left_.empty() && left_.front() < before_index) {
        const std::size_t index = left_.front();
        left_.erase(left_.begin());
        const bool is_sealed = segments_[index].entry.state == SegmentState::kSealed;
        if (is_sealed && callbacks.on_sealed_end) RETURN_IF_ERROR(callbacks.on_sealed_end(index));
        release(segments_[index]);
    }
    return {};
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
    (void)drop_group();  // What is in front of the damage is not whole without what is behind.
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
    segment.removed = {};
    segment.has_read_removals = false;
}

/// Zeros in a segment whose stubs are lost.
bool Scanner::is_hole_of_unknown(const ScannedSegment& segment, std::uint64_t offset) const {
    const std::uint64_t end = std::min(segment.records_end(), base::round_up(offset + 1, io::kBlockSize));
    return segment.has_lost_removals && base::all_zero(segment.image.span(offset, end - offset));
}

/// The first removed record behind `offset` that begins no rest of a group.
Result<std::optional<ScannedRecord>> Scanner::next_removed(std::size_t index, std::uint64_t offset) {
    ScannedSegment& segment = segments_[index];
    if (segment.entry.revision == 0 || segment.file == nullptr) return std::optional<ScannedRecord>();
    RETURN_IF_ERROR(read_removals(segment));
    for (std::size_t i = segment.removed_from(offset + 1); i < segment.removed.size(); ++i) {
        ScannedRecord record{index, segment.removed[i].offset(), {}};
        ASSIGN_OR_RETURN(const RecordCheck check, check_removed(segment, segment.removed[i], record.envelope));
        if (check == RecordCheck::kValid && record.envelope.first_seq >= chain_.seq && record.envelope.group_index == 0)
            return std::optional(record);
    }
    return std::optional<ScannedRecord>();
}

/// Where a sealed segment can be read again behind a record that does not fit. Rests of a group cannot.
Result<std::optional<ScannedRecord>> Scanner::next_in_sealed(std::size_t index, std::uint64_t offset, RecordCheck check,
                                                             const Envelope& envelope) {
    ScannedSegment& segment = segments_[index];
    const std::uint64_t end = segment.records_end();
    if (check == RecordCheck::kValid && fits_chain(envelope) && envelope.group_index == 0)
        return std::optional(ScannedRecord{index, offset, envelope});  // It did not fit the group in front.
    if (check != RecordCheck::kNoRecord) {
        ScannedRecord following{index, offset + envelope.record_size, {}};
        ASSIGN_OR_RETURN(const RecordCheck again, check_at(segment, following.offset, following.envelope));
        if (again == RecordCheck::kValid && following.offset < end && following.envelope.group_index == 0)
            return std::optional(following);
    }
    ASSIGN_OR_RETURN(const auto removed, next_removed(index, offset));
    while (true) {
        ASSIGN_OR_RETURN(const auto next, next_record(index, offset + 1, end));
        if (removed && (!next || removed->offset < next->offset)) return removed;
        if (!next || next->envelope.group_index == 0) return next;
        offset = next->offset;
    }
}

Status Scanner::scan_sealed(std::size_t index, const Callbacks& callbacks) {
    ScannedSegment& segment = segments_[index];
    const std::uint64_t end = segment.records_end();
    std::uint64_t offset = kSegmentHeaderSize;
    if (segment.entry.revision > 0 && segment.file != nullptr) {
        RETURN_IF_ERROR(read_removals(segment));
        if (segment.has_lost_removals)
            RETURN_IF_ERROR(report(segment, end, std::nullopt, "what tells of removed records is damaged", callbacks));
    }
    while (offset < end) {
        Envelope envelope;
        ASSIGN_OR_RETURN(const RecordCheck check, check_at(segment, offset, envelope));
        if (check == RecordCheck::kValid && fits_chain(envelope) && fits_group(envelope)) {
            RETURN_IF_ERROR(accept(index, offset, envelope, callbacks));
            offset += envelope.record_size;
            continue;
        }
        ASSIGN_OR_RETURN(const auto next, next_in_sealed(index, offset, check, envelope));
        if (check == RecordCheck::kNoRecord && is_hole_of_unknown(segment, offset)) {
            (void)drop_group();
            chain_.is_broken = true;
            offset = next ? next->offset : end;
            continue;
        }
        RETURN_IF_ERROR(report(segment, offset, next, "a record does not match its checksums or place", callbacks));
        offset = next ? next->offset : end;
    }
    const bool has_records = end > kSegmentHeaderSize;
    if (!chain_.is_broken &&
        (chain_.seq != segment.entry.end_seq || (has_records && chain_.crc != segment.entry.last_crc)))
        return report(segment, offset, std::nullopt, "the segment is not the one that was sealed", callbacks);
    return {};
}

Result<std::optional<std::size_t>> Scanner::continuation_after(std::size_t index) {
    for (std::size_t i = index + 1; i < segments_.size(); ++i) {
        Envelope envelope;
        ASSIGN_OR_RETURN(const RecordCheck check, check_at(segments_[i], kSegmentHeaderSize, envelope));
        if (check == RecordCheck::kValid && fits_chain(envelope) && fits_group(envelope)) return std::optional(i);
    }
    return std::optional<std::size_t>();
}

/// Looks at all records behind: what they say was durable, and where the log could be read again.
Status Scanner::find_evidence(std::size_t index, std::uint64_t offset, std::optional<ScannedRecord>& next) {
    for (std::size_t i = index; i < segments_.size(); ++i) {
        std::uint64_t from = i == index ? offset : kSegmentHeaderSize;
        while (true) {
            ASSIGN_OR_RETURN(const auto found, next_record(i, from, segments_[i].records_end()));
            if (!found) break;
            proven_durable_upto_ = std::max(proven_durable_upto_, found->envelope.durable_upto);
            const bool begins_whole = found->envelope.group_index == 0;
            if (begins_whole && (!next || found->envelope.first_seq < next->envelope.first_seq)) next = found;
            from = found->offset + 1;
        }
    }
    return {};
}

/// Reads on from segment to segment. Where no record follows, either the log ends or there is damage.
Status Scanner::scan_open(std::size_t index, const Callbacks& callbacks) {
    std::uint64_t offset = kSegmentHeaderSize;
    while (true) {
        Envelope envelope;
        ASSIGN_OR_RETURN(RecordCheck check, check_at(segments_[index], offset, envelope));
        if (check == RecordCheck::kBadContent && base::is_planted(base::Bug::kAcceptTornTail))
            check = RecordCheck::kValid;
        const bool fits = check == RecordCheck::kValid && fits_chain(envelope);
        if (fits && fits_group(envelope)) {
            RETURN_IF_ERROR(accept(index, offset, envelope, callbacks));
            offset += envelope.record_size;
            report_progress(offset, callbacks);
            continue;
        }
        if (closed_ && group_.empty()) return {};
        // A record that fits the chain and not its group is damage; otherwise the next may follow in another segment.
        ScannedRecord behind{index, offset, {}};
        std::optional<std::size_t> continuation;
        if (!fits) {
            ASSIGN_OR_RETURN(continuation, continuation_after(index));
            if (!continuation) {
                ASSIGN_OR_RETURN(continuation, continuation_without_group(behind));
            }
        }
        if (continuation) {
            bytes_done_ += segments_[index].entry.file_size;
            RETURN_IF_ERROR(leave(index, callbacks));
            index = *continuation;
            offset = kSegmentHeaderSize;
            continue;
        }
        std::optional<ScannedRecord> next;
        RETURN_IF_ERROR(find_evidence(behind.segment_index, behind.offset, next));
        const bool is_proven = proven_durable_upto_ > chain_.seq || fits;
        if (!is_proven || base::is_planted(base::Bug::kDamageAsTornTail)) return {};
        RETURN_IF_ERROR(report(
            segments_[index], offset, next,
            fits ? "a group of records is not whole" : "a synced record does not match its checksums", callbacks));
        if (!next) return {};
        index = next->segment_index;
        offset = next->offset;
    }
}

/// A group that is not whole is not of the log, and what was appended after recovery had dropped it may be in another
/// segment, when it did not fit behind. Sets `behind` to where the dropped group begins.
///
///     A  |record|  |member 0|member 1|        B  |record that came next, too large for A|
Result<std::optional<std::size_t>> Scanner::continuation_without_group(ScannedRecord& behind) {
    const auto first = drop_group();
    if (!first) return std::optional<std::size_t>();
    if (segments_[first->segment_index].entry.state != SegmentState::kSealed)
        behind = {first->segment_index, first->offset + 1, {}};
    return continuation_after(behind.segment_index);
}

void Scanner::report_progress(std::uint64_t offset, const Callbacks& callbacks) const {
    if (callbacks.on_progress) callbacks.on_progress(std::min(bytes_done_ + offset, bytes_total_), bytes_total_);
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
    follows_passed_over_ = true;
}

Status Scanner::scan(const Callbacks& callbacks) {
    std::size_t index = passed_over_;
    for (; index < segments_.size() && segments_[index].entry.state == SegmentState::kSealed; ++index) {
        segments_[index].last_epoch = chain_.epoch;  // if it has no record
        RETURN_IF_ERROR(scan_sealed(index, callbacks));
        bytes_done_ += segments_[index].entry.end_offset;
        RETURN_IF_ERROR(leave(index, callbacks));
        report_progress(0, callbacks);
    }
    if (index < segments_.size()) {
        RETURN_IF_ERROR(scan_open(index, callbacks));
    } else if (!group_.empty()) {
        RETURN_IF_ERROR(report(segments_.back(), segments_.back().entry.end_offset, std::nullopt,
                               "a group of records is not whole", callbacks));
    }
    if (callbacks.on_progress) callbacks.on_progress(bytes_total_, bytes_total_);
    return {};
}

}  // namespace chronos::wal
