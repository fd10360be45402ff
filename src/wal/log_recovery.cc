// Log: creating, opening and recovering. Rules: docs/formats/log.md §6.
#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "wal/log.h"
#include "wal/log_segment.h"

namespace chronos::wal {
namespace {

constexpr std::size_t kReserveSize = std::size_t{64} << 10;

/// Everything in front of the segment the log goes on in ends where it was read to; sealed segments are always a
/// prefix of the manifest.
void seal_in_front(std::vector<ScannedSegment>& segments, std::size_t index) {
    std::uint64_t seq = 0;
    for (std::size_t i = 0; i < index; ++i) {
        ScannedSegment& segment = segments[i];
        if (segment.entry.state != SegmentState::kSealed) {
            segment.entry.state = SegmentState::kSealed;
            segment.entry.first_seq = segment.has_records() ? segment.first_seq : seq;
            segment.entry.end_seq = segment.has_records() ? segment.end_seq : seq;
            segment.entry.end_offset = segment.end_offset;
            segment.entry.last_crc = segment.last_crc;
        }
        seq = segment.entry.end_seq;
    }
}

/// Whether nothing may share the last block of a record: groups begin and end with a block.
bool ends_block(const std::deque<ScannedRecord>& tail, std::size_t i) {
    const auto is_in_group = [](const ScannedRecord& record) { return record.envelope.group_last_index > 0; };
    if (i + 1 == tail.size()) return true;
    const bool ends_group = is_in_group(tail[i]) && tail[i].envelope.group_index == tail[i].envelope.group_last_index;
    return ends_group || (is_in_group(tail[i + 1]) && tail[i + 1].envelope.group_index == 0);
}

RecoveredBatch batch_at(const ScannedRecord& record, const ScannedSegment& segment) {
    const std::uint64_t offset = record.is_removed() ? stub_offset(segment, record) : record.offset + kEnvelopeSize;
    const std::byte* const bytes = segment.image.data() + offset;
    return {.slot = static_cast<Slot>(record.segment_index),
            .body_offset = offset,
            .body = record.is_removed() ? nullptr : bytes,
            .stub = record.is_removed() ? bytes : nullptr,
            .first_seq = record.envelope.first_seq};
}

}  // namespace

Status Log::create(io::Environment env, const std::string& directory, const Uuid& database, const LogOptions& options) {
    const std::string unfinished = directory + ".new";
    RETURN_IF_ERROR(env.files.make_directory(unfinished));
    RETURN_IF_ERROR(env.files.make_directory(unfinished + "/log"));
    RETURN_IF_ERROR(env.files.sync_directory(unfinished));

    cache::ImageCache cache(0);
    Log log(env, unfinished, options, cache);
    log.database_ = log.manifest_.database = database;
    env.random.fill(log.manifest_.secret);
    ASSIGN_OR_RETURN(const auto first, log.prepare_segment(0));
    (void)first;

    RETURN_IF_ERROR(env.files.rename(unfinished, directory));
    const std::size_t slash = directory.rfind('/');
    return env.files.sync_directory(slash == std::string::npos ? "." : directory.substr(0, slash));
}

Result<std::unique_ptr<Log>> Log::open(io::Environment env, const std::string& directory, const LogOptions& options,
                                       cache::ImageCache& cache, const RecoveryOptions& recovery) {
    std::unique_ptr<Log> log(new Log(env, directory, options, cache));
    RETURN_IF_ERROR(log->recover(recovery));
    return log;
}

std::unique_ptr<Log> Log::open_in_memory(io::Environment env, const Uuid& database, cache::ImageCache& cache) {
    LogOptions options;
    options.in_memory = true;
    std::unique_ptr<Log> log(new Log(env, "", options, cache));
    log->database_ = log->manifest_.database = database;
    env.random.fill(log->secret_);
    auto first = log->prepare_segment(0);
    ASSERT(first.ok());
    log->set_tail(log->install(std::move(first).value()), kSegmentHeaderSize);
    return log;
}

/// Passes over the segments in front that are known.
Status Log::believe_known(Scanner& scanner, const RecoveryOptions& recovery) {
    for (std::size_t i = 0; i < recovery.known.size(); ++i) {
        const SealedSegment& known = recovery.known[i];
        const bool is_same = i < manifest_.segments.size() && is_known(manifest_.segments[i], known);
        if (!is_same) return base::fail(ErrorCode::kCorrupt, "what is known of the log is not what the manifest lists");
        scanner.segments()[i].block_crcs = known.block_crcs;
        scanner.pass_over(i, {.seq = known.end_seq,
                              .crc = known.last_crc,
                              .epoch = known.last_epoch,
                              .main_position = recovery.known_end_positions[i]});
    }
    return {};
}

bool is_known(const SegmentEntry& entry, const SealedSegment& known) {
    return entry.state == SegmentState::kSealed && (entry.flags & SegmentEntry::kHasSha256) != 0 &&
           entry.number == known.number && entry.salt == known.salt && entry.first_seq == known.first_seq &&
           entry.end_seq == known.end_seq && entry.last_crc == known.last_crc &&
           ((entry.end_offset == known.end_offset && entry.revision == known.revision) ||
            base::is_planted(base::Bug::kBelieveStaleIndex));
}

void Log::let_go(Slot slot, cache::BlockCrcs block_crcs) {
    ASSERT(recovering_ != nullptr);
    ScannedSegment& segment = recovering_->segments()[slot];
    segment.image = io::AlignedBuffer();
    segment.loaded_size = 0;
    segment.removed = {};
    segment.has_read_removals = false;
    segment.block_crcs = std::move(block_crcs);
}

Status Log::recover(const RecoveryOptions& recovery) {
    ASSIGN_OR_RETURN(manifest_, read_manifest(env_.files, directory_));
    database_ = manifest_.database;
    secret_ = manifest_.secret;
    store_epoch_ = manifest_.store_epoch;
    epoch_ = manifest_.writer_epoch + (base::is_planted(base::Bug::kEpochStays) ? 0 : 1);
    if (manifest_.segments.empty()) return base::fail(ErrorCode::kCorrupt, "the manifest lists no segment");
    for (const SegmentEntry& entry : manifest_.segments) next_number_ = std::max(next_number_, entry.number + 1);
    // What a killed process renamed may not be durable yet; everything below builds on it.
    RETURN_IF_ERROR(env_.files.sync_directory(directory_));
    RETURN_IF_ERROR(env_.files.sync_directory(log_directory()));

    const Manifest before = manifest_;
    Scanner scanner(env_.files, log_directory(), before, {.open_files = &cache_.open_files()});
    RETURN_IF_ERROR(scanner.open_segments({}));
    recovering_ = &scanner;
    RETURN_IF_ERROR(believe_known(scanner, recovery));
    std::deque<ScannedRecord> tail;           // Records not yet known to have been durable.
    std::vector<ScannedRecord> last_markers;  // Those behind the last proven batch: nothing vouches for them.
    const auto pass_proven = [&]() -> Status {
        while (!tail.empty()) {
            const ScannedRecord& record = tail.front();
            if (record.envelope.first_seq + record.envelope.event_count > scanner.proven_durable_upto()) return {};
            RETURN_IF_ERROR(recovery.on_batch(batch_at(record, scanner.segments()[record.segment_index])));
            tail.pop_front();
            last_markers.clear();
        }
        return {};
    };
    const auto on_record = [&](const ScannedRecord& record, const ScannedSegment& segment) -> Status {
        const bool is_marker = record.envelope.kind == RecordKind::kMarker;
        if (!is_marker) tail.push_back(record);
        RETURN_IF_ERROR(pass_proven());
        if (record.is_removed() && !tail.empty())
            return base::fail(ErrorCode::kCorrupt,
                              segment.name + ": a record was removed of which nothing says that it was durable");
        if (is_marker) last_markers.push_back(record);  // It vouches for batches, not for itself.
        return {};
    };
    const auto on_sealed_end = [&](std::size_t index) -> Status {
        ScannedSegment& segment = scanner.segments()[index];
        if (!tail.empty() || (segment.entry.flags & SegmentEntry::kHasSha256) == 0) return {};
        // Read through its header once more, for a segment without records was not loaded.
        RETURN_IF_ERROR(scanner.load_all(index));
        segment.block_crcs = cache::block_crcs_of(std::as_const(segment.image).span(0, segment.entry.end_offset));
        if (!recovery.on_sealed) return {};
        return recovery.on_sealed(*this, static_cast<Slot>(index),
                                  {.number = segment.entry.number,
                                   .salt = segment.entry.salt,
                                   .first_seq = segment.entry.first_seq,
                                   .end_seq = segment.entry.end_seq,
                                   .end_offset = segment.entry.end_offset,
                                   .last_crc = segment.entry.last_crc,
                                   .last_epoch = segment.last_epoch,
                                   .revision = segment.entry.revision,
                                   .block_crcs = segment.block_crcs});
    };
    RETURN_IF_ERROR(scanner.scan({.on_record = on_record,
                                  .on_sealed_end = on_sealed_end,
                                  .on_damage = {},
                                  .on_progress = recovery.on_progress}));
    if (scanner.segments()[scanner.tail_index()].entry.state == SegmentState::kSealed) {
        // Only a marker stood behind it, and is gone. A sealed segment is never appended to.
        if (scanner.tail_index() + 1 == scanner.segments().size())
            return base::fail(ErrorCode::kCorrupt, "the manifest lists no open segment");
        scanner.set_tail_index(scanner.tail_index() + 1);
    }

    RETURN_IF_ERROR(clear_log_directory(scanner.end_seq()));
    std::vector<ScannedSegment> released;
    previous_crc_ = scanner.last_crc();
    if (!tail.empty() && !base::is_planted(base::Bug::kKeepTailInPageCache))
        RETURN_IF_ERROR(secure_tail(scanner, tail, released));
    durable_upto_ = written_upto_ = scanner.end_seq();
    if (tail.empty()) {
        for (const ScannedRecord& marker : last_markers)
            // Sealing has compared the file with what was written.
            if ((scanner.segments()[marker.segment_index].entry.flags & SegmentEntry::kHasSha256) == 0)
                unproven_markers_.push_back(
                    {static_cast<Slot>(marker.segment_index), marker.offset, marker.envelope.record_size});
    }
    for (const ScannedRecord& record : tail)
        RETURN_IF_ERROR(recovery.on_batch(batch_at(record, scanner.segments()[record.segment_index])));
    const bool begins_now = !scanner.closed() || !tail.empty();
    recovering_ = nullptr;
    RETURN_IF_ERROR(adopt(scanner));
    if (begins_now) RETURN_IF_ERROR(begin_epoch());
    for (ScannedSegment& segment : released) RETURN_IF_ERROR(recycle(segment));
    if (epoch_has_begun_) keep_reserve();
    return {};
}

/// A segment that was let go, or never read, begins without bytes in memory.
std::unique_ptr<Segment> Log::adopt_segment(ScannedSegment& scanned) {
    auto segment = std::make_unique<Segment>();
    segment->entry = scanned.entry;
    segment->has_records = scanned.has_records();
    segment->last_epoch = scanned.last_epoch;
    if (scanned.entry.state != SegmentState::kSealed) {
        segment->entry.first_seq = scanned.first_seq;
        segment->entry.end_seq = scanned.end_seq;
        segment->entry.end_offset = base::round_up(scanned.end_offset, io::kBlockSize);
        segment->entry.last_crc = scanned.last_crc;
    }
    segment->file = std::move(scanned.file);
    if (segment->entry.revision > 0) {
        const auto size = segment->file->size_on_disk();
        segment->size_on_disk = size.ok() ? *size : segment->entry.file_size;
    }
    segment->block_crcs = std::move(scanned.block_crcs);
    if (!scanned.image.empty()) {
        segment->filled_upto = scanned.loaded_size;
        segment->use_image(std::move(scanned.image));
    } else if (!segment->block_crcs.empty()) {
        segment->image =
            std::make_unique<cache::FileImage>(cache_, cache::ImageSource{.file = segment->file.get(),
                                                                          .name = "log/" + scanned.name,
                                                                          .size = segment->entry.end_offset,
                                                                          .block_crcs = segment->block_crcs});
    } else {
        segment->use_image(io::AlignedBuffer(scanned.entry.file_size));
    }
    return segment;
}

/// Makes the epoch durable, before anything is written in it. After a clean close that waits for the first append, so
/// that opening a store to read it changes nothing.
///
/// A marker at the end may exist only in the page cache, and the log is about to go on behind it: it is written again.
/// The same bytes do no harm where they are durable already.
Status Log::begin_epoch() {
    if (base::is_planted(base::Bug::kMarkerNotRewritten)) unproven_markers_.clear();
    for (const UnprovenMarker& marker : unproven_markers_) {
        Segment& segment = this->segment(marker.slot);
        RETURN_IF_ERROR(
            segment.file->write_at(marker.offset, segment.bytes(marker.offset, marker.offset + marker.size)));
        RETURN_IF_ERROR(segment.file->sync());
    }
    unproven_markers_.clear();
    const std::lock_guard lock(manifest_mutex_);
    manifest_.writer_epoch = epoch_;
    Status saved = save_manifest();
    if (!saved.ok() && saved.error().code == ErrorCode::kNoSpace && env_.files.remove_file(reserve_path()).ok()) {
        RETURN_IF_ERROR(env_.files.sync_directory(directory_));
        saved = save_manifest();
    }
    epoch_has_begun_ = saved.ok();
    return saved;
}

/// Makes sure that records that may exist only in the page cache are on disk. Without room for a fresh segment they are
/// written over themselves: the same bytes, so that a torn write changes nothing.
Status Log::secure_tail(Scanner& scanner, std::deque<ScannedRecord>& tail, std::vector<ScannedSegment>& released) {
    Status rewritten = rewrite_tail(scanner, tail, released);
    if (rewritten.ok() || rewritten.error().code != ErrorCode::kNoSpace) return rewritten;
    for (const ScannedRecord& record : tail) {
        const ScannedSegment& segment = scanner.segments()[record.segment_index];
        RETURN_IF_ERROR(
            segment.file->write_at(record.offset, segment.image.span(record.offset, record.envelope.record_size)));
    }
    for (ScannedSegment& segment : scanner.segments()) {
        if (segment.entry.state != SegmentState::kSealed) RETURN_IF_ERROR(segment.file->sync());
    }
    return {};
}

/// Keeps a small file whose removal makes room for a manifest on a full disk. Best effort.
void Log::keep_reserve() {
    const auto exists = env_.files.exists(reserve_path());
    if (!exists.ok() || *exists) return;
    auto file = env_.files.open(reserve_path(), io::OpenMode::kCreate);
    if (!file.ok()) return;
    const std::vector<std::byte> filler(kReserveSize, std::byte{0xFF});
    const bool is_kept = (*file)->write_at(0, filler).ok() && (*file)->sync().ok();
    file->reset();
    if (!is_kept) (void)env_.files.remove_file(reserve_path());
    (void)env_.files.sync_directory(directory_);
}

/// Copies records that may exist only in the page cache into a fresh segment, synced before the manifest names it,
/// and seals the log in front of them. `tail` then tells their new places; what held only them is `released`.
///
///     before:  A [proven|tail…]  B [tail…]  spares…
///     after:   A [proven]        N [tail]   spares…      released: B, and A when nothing in it was proven
Status Log::rewrite_tail(Scanner& scanner, std::deque<ScannedRecord>& old_tail, std::vector<ScannedSegment>& released) {
    std::deque<ScannedRecord> tail = old_tail;  // The old places stay right until the new ones are durable.
    std::vector<ScannedSegment>& segments = scanner.segments();
    const std::size_t first_index = tail.front().segment_index;
    const std::size_t last_index = scanner.tail_index();
    const std::uint64_t first_offset = tail.front().offset;

    std::uint64_t room = 0;
    for (std::size_t i = 0; i < tail.size(); ++i)
        room += record_size_for(tail[i].envelope.body_size) + (ends_block(tail, i) ? io::kBlockSize : 0);
    const SegmentHeader header = next_header(room);
    ScannedSegment fresh;
    fresh.entry.number = header.number;
    fresh.entry.salt = header.salt;
    fresh.entry.file_size = fresh.loaded_size = header.file_size;
    fresh.name = segment_file_name({header.number});
    fresh.image = io::AlignedBuffer(header.file_size);
    ASSIGN_OR_RETURN(CreatedSegment created, create_segment(env_, log_directory(), header, header.file_size));
    fresh.file = std::move(created.file);

    std::uint64_t offset = kSegmentHeaderSize;
    const std::uint32_t crc_in_front = tail.front().envelope.previous_crc;
    std::uint32_t crc = crc_in_front;
    fresh.first_seq = tail.front().envelope.first_seq;
    const std::size_t fresh_index = first_offset == kSegmentHeaderSize ? first_index : first_index + 1;
    const std::uint64_t proven = tail.front().envelope.first_seq;
    for (std::size_t i = 0; i < tail.size(); ++i) {
        ScannedRecord& record = tail[i];
        std::memcpy(fresh.image.data() + offset + kEnvelopeSize,
                    segments[record.segment_index].image.data() + record.offset + kEnvelopeSize,
                    record.envelope.body_size);
        std::size_t size = record_size_for(record.envelope.body_size);
        if (ends_block(tail, i)) size = base::round_up(offset + size, io::kBlockSize) - offset;
        record.envelope.record_size = static_cast<std::uint32_t>(size);
        record.envelope.previous_crc = crc;
        record.envelope.epoch = epoch_;
        record.envelope.durable_upto = proven;
        record.envelope.file_offset = offset;
        crc = seal_record(fresh.image.data() + offset, record.envelope, fresh.identity());
        record.segment_index = fresh_index;
        record.offset = offset;
        offset += size;
    }
    fresh.end_offset = offset;
    fresh.end_seq = scanner.end_seq();
    fresh.last_crc = crc;
    fresh.last_epoch = epoch_;
    Status written = fresh.file->write_at(
        kSegmentHeaderSize, std::as_const(fresh.image).span(kSegmentHeaderSize, offset - kSegmentHeaderSize));
    if (written.ok()) written = fresh.file->sync();
    if (!written.ok()) {
        fresh.file.reset();
        (void)env_.files.remove_file(log_directory() + "/" + fresh.name);
        return written;
    }
    previous_crc_ = crc;
    old_tail = tail;

    const std::size_t release_from = fresh_index;
    for (std::size_t i = release_from; i <= last_index; ++i) released.push_back(std::move(segments[i]));
    segments.erase(segments.begin() + static_cast<std::ptrdiff_t>(release_from),
                   segments.begin() + static_cast<std::ptrdiff_t>(last_index) + 1);
    if (fresh_index > first_index) {
        ScannedSegment& kept = segments[first_index];
        kept.end_seq = proven;
        kept.end_offset = first_offset;
        kept.last_crc = crc_in_front;
    }
    seal_in_front(segments, fresh_index);
    segments.insert(segments.begin() + static_cast<std::ptrdiff_t>(fresh_index), std::move(fresh));
    scanner.set_tail_index(fresh_index);
    manifest_.segments.clear();
    for (const ScannedSegment& segment : segments) manifest_.segments.push_back(segment.entry);
    counters_.rewritten_records.fetch_add(tail.size(), std::memory_order_relaxed);
    return {};
}

/// Takes over the segments: up to the tail into use, those behind it as spares.
Status Log::adopt(Scanner& scanner) {
    std::vector<ScannedSegment>& segments = scanner.segments();
    const std::size_t tail = scanner.tail_index();
    const std::uint64_t tail_offset = base::round_up(segments[tail].end_offset, io::kBlockSize);
    std::uint64_t seq = 0;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        auto segment = adopt_segment(segments[i]);
        if (i > tail) {
            const std::lock_guard lock(segments_mutex_);
            spares_.push_back(std::move(segment));
            continue;
        }
        if (!segment->has_records) {
            segment->entry.first_seq = segment->entry.end_seq = seq;
            segment->entry.end_offset = kSegmentHeaderSize;
        }
        seq = segment->entry.end_seq;
        used_bytes_.fetch_add(segment->used_bytes(), std::memory_order_relaxed);
        const bool is_sealed =
            segment->entry.state == SegmentState::kSealed && (segment->entry.flags & SegmentEntry::kHasSha256) != 0;
        const Slot slot = install(std::move(segment));
        const std::lock_guard lock(segments_mutex_);
        if (i < tail && !is_sealed) finished_.push_back(slot);
    }
    whole_slot_ = finished_before_ = static_cast<Slot>(tail);
    set_tail(static_cast<Slot>(tail), tail_offset);
    written_end_ = {.seq = scanner.end_seq(),
                    .segment_number = segment(static_cast<Slot>(tail)).entry.number,
                    .offset = tail_offset};
    durable_end_ = written_end_;
    looked_at_bytes_ = used_bytes();
    return {};
}

/// Turns a file that holds nothing of the log into a spare: new number and salt, so its old bytes check no more.
Status Log::recycle(ScannedSegment& released) {
    const std::lock_guard preparing(prepare_mutex_);
    SegmentHeader header = next_header(0);
    header.file_size = released.entry.file_size;
    const std::string path = log_directory() + "/" + segment_file_name({header.number});
    RETURN_IF_ERROR(env_.files.rename(log_directory() + "/" + released.name, path + ".tmp"));
    RETURN_IF_ERROR(write_segment_header(*released.file, header));
    RETURN_IF_ERROR(env_.files.rename(path + ".tmp", path));
    RETURN_IF_ERROR(env_.files.sync_directory(log_directory()));

    auto segment = std::make_unique<Segment>();
    segment->entry.number = header.number;
    segment->entry.salt = header.salt;
    segment->entry.file_size = header.file_size;
    segment->file = std::move(released.file);
    segment->use_image(io::AlignedBuffer(header.file_size));
    const std::lock_guard lock(manifest_mutex_);
    manifest_.segments.push_back(segment->entry);
    RETURN_IF_ERROR(save_manifest());
    const std::lock_guard segments_lock(segments_mutex_);
    spares_.push_back(std::move(segment));
    counters_.recycled_segments.fetch_add(1, std::memory_order_relaxed);
    return {};
}

/// Unfinished files go; files the manifest does not know are kept aside.
Status Log::clear_log_directory(std::uint64_t end_seq) {
    ASSIGN_OR_RETURN(const auto entries, env_.files.list(log_directory()));
    bool changed = false;
    for (const io::DirectoryEntry& entry : entries) {
        const bool listed = std::any_of(manifest_.segments.begin(), manifest_.segments.end(), [&](const auto& segment) {
            return segment_file_name({segment.number, segment.revision}) == entry.name;
        });
        if (listed) continue;
        RETURN_IF_ERROR(clear_unlisted(entry.name, end_seq));
        changed = true;
    }
    return changed ? env_.files.sync_directory(log_directory()) : Status();
}

/// What the records of a file say was durable.
Result<std::uint64_t> Log::vouched_upto(const std::string& name) {
    ASSIGN_OR_RETURN(auto file, env_.files.open(log_directory() + "/" + name, io::OpenMode::kRead));
    const auto header = read_segment_header(*file, name);
    if (!header.ok() || header->database != database_) return std::uint64_t{0};
    std::uint64_t durable_upto = 0;
    std::vector<std::byte> block(kEnvelopeSize);
    ASSIGN_OR_RETURN(const std::uint64_t file_size, file->size());
    for (std::uint64_t at = kSegmentHeaderSize; at < std::min(header->file_size, file_size); at += io::kBlockSize) {
        ASSIGN_OR_RETURN(const std::size_t got, file->read_at(at, block));
        Envelope envelope;
        if (got == block.size() &&
            check_envelope(block, at, {header->number, header->salt}, envelope) == RecordCheck::kValid)
            durable_upto = std::max(durable_upto, envelope.durable_upto);
    }
    return durable_upto;
}

/// Removes a spare that was prepared but never entered in the manifest, and other revisions of segments that are
/// listed; moves anything else to lost+found.
///
/// Errors: kCorrupt when the file knows of durable events that the listed files do not hold: the manifest is too old.
Status Log::clear_unlisted(const std::string& name, std::uint64_t end_seq) {
    const std::string path = log_directory() + "/" + name;
    if (name.ends_with(".log.tmp")) return env_.files.remove_file(path);
    // What it holds is in the one that is listed, but for what was removed.
    const auto id = parse_segment_file_name(name);
    const bool is_revision = id && std::any_of(manifest_.segments.begin(), manifest_.segments.end(),
                                               [&](const SegmentEntry& entry) { return entry.number == id->number; });
    if (is_revision) return env_.files.remove_file(path);
    const auto is_unused_spare = [&]() -> Result<bool> {
        ASSIGN_OR_RETURN(auto file, env_.files.open(path, io::OpenMode::kRead));
        ASSIGN_OR_RETURN(const SegmentHeader header, read_segment_header(*file, name));
        if (header.database != database_ || header.file_size > kSegmentSizeMax * 2) return false;
        std::vector<std::byte> first(io::kBlockSize);
        ASSIGN_OR_RETURN(const std::size_t got, file->read_at(kSegmentHeaderSize, first));
        first.resize(got);
        return base::all_zero(first);
    };
    const auto unused = is_unused_spare();
    if (unused.ok() && *unused) return env_.files.remove_file(path);
    const auto vouched = vouched_upto(name);
    if (vouched.ok() && *vouched > end_seq)
        return base::fail(ErrorCode::kCorrupt,
                          "the manifest does not list log/" + name +
                              ", which holds later events: an old MANIFEST was put back. Put the right one back, or "
                              "remove it and use `chronos salvage`; nothing was changed");

    const std::string lost_and_found = directory_ + "/lost+found";
    ASSIGN_OR_RETURN(const bool exists, env_.files.exists(lost_and_found));
    if (!exists) RETURN_IF_ERROR(env_.files.make_directory(lost_and_found));
    std::string kept = lost_and_found + "/" + std::to_string(epoch_) + "-" + name;
    while (true) {
        ASSIGN_OR_RETURN(const bool is_taken, env_.files.exists(kept));
        if (!is_taken) break;
        kept += "+";
    }
    RETURN_IF_ERROR(env_.files.rename(path, kept));
    RETURN_IF_ERROR(env_.files.sync_directory(lost_and_found));
    return env_.files.sync_directory(directory_);
}

}  // namespace chronos::wal
