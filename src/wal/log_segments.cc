// Log: preparing, using and sealing segments.
#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "event/body.h"
#include "wal/log.h"
#include "wal/log_segment.h"
#include "wal/removals.h"

namespace chronos::wal {
namespace {

/// Zeros in front of the commits: what lone appends use in a tenth of a second.
constexpr std::uint64_t kZeroAhead = std::uint64_t{4} << 20;
/// Less than this between two looks is nothing to prepare for.
constexpr std::uint64_t kLookSize = std::uint64_t{64} << 10;
/// Who commits more between two looks commits in large pieces, for which zeros gain less than they cost.
constexpr std::uint64_t kBurstSize = std::uint64_t{8} << 20;

std::uint64_t new_salt(io::Random& random) {
    std::array<std::byte, 8> bytes;
    random.fill(bytes);
    return base::load<std::uint64_t>(bytes.data()) | 1;
}

/// Compares the file with the image it was written from, and writes what the disk did not keep once more: later the
/// file is all there is. Returns the SHA-256 and the checksums of both.
///
/// Errors: kIo when the disk does not keep it the second time either.
struct FileHashes {
    base::Sha256Digest sha256;
    std::vector<std::uint32_t> block_crcs;
    std::uint64_t repaired_pieces = 0;
};

Result<FileHashes> hash_file(const Segment& segment, const std::string& name) {
    io::File& file = *segment.file;
    std::byte* const image = segment.image->data();
    ASSIGN_OR_RETURN(const SegmentHeader header, read_segment_header(file, name));
    if (header.salt != segment.entry.salt) return base::fail(ErrorCode::kIo, name + ": the disk lost the header");
    ASSIGN_OR_RETURN(const std::size_t header_size, file.read_at(0, {image, kSegmentHeaderSize}));
    if (header_size != kSegmentHeaderSize) return base::fail(ErrorCode::kIo, name + ": is shorter than it was");

    FileHashes hashes;
    base::Sha256 sha;
    io::AlignedBuffer piece(std::size_t{1} << 20);
    static_assert((std::size_t{1} << 20) % cache::kImageBlockSize == 0);
    for (std::uint64_t at = 0; at < segment.entry.end_offset; at += piece.size()) {
        const std::span<const std::byte> bytes =
            segment.bytes(at, std::min<std::uint64_t>(at + piece.size(), segment.entry.end_offset));
        const auto on_disk = piece.span(0, bytes.size());
        for (int attempt = 0;; ++attempt) {
            const auto got = file.read_disk_at(at, on_disk);
            if (got.ok() && *got == bytes.size() && std::memcmp(bytes.data(), on_disk.data(), *got) == 0) break;
            if (base::is_planted(base::Bug::kSealUnread)) break;
            if (attempt > 0) return base::fail(ErrorCode::kIo, name + ": the disk does not keep what is written");
            RETURN_IF_ERROR(file.write_at(at, bytes));
            RETURN_IF_ERROR(file.sync());
            ++hashes.repaired_pieces;
        }
        sha.update(bytes);
        const std::vector<std::uint32_t> crcs = cache::block_crcs_of(bytes);
        hashes.block_crcs.insert(hashes.block_crcs.end(), crcs.begin(), crcs.end());
    }
    hashes.sha256 = sha.finish();
    return hashes;
}

}  // namespace

Log::Log(io::Environment env, std::string directory, const LogOptions& options, cache::ImageCache& cache)
    : env_(env),
      directory_(std::move(directory)),
      options_(options),
      cache_(cache),
      images_(std::make_unique<std::atomic<cache::FileImage*>[]>(kSlotsMax)),
      segments_by_slot_(std::make_unique<std::atomic<Segment*>[]>(kSlotsMax)) {}

Log::~Log() = default;

/// Header of a further segment with room for a record of `room` bytes.
SegmentHeader Log::next_header(std::uint64_t room) {
    SegmentHeader header;
    {
        const std::lock_guard lock(segments_mutex_);
        header.number = next_number_++;
        header.file_size =
            segment_size_for(segments_.size() + spares_.size(), options_.segment_size_min, options_.segment_size_max);
    }
    header.file_size = std::max(header.file_size, base::round_up(kSegmentHeaderSize + room, options_.segment_size_min));
    header.database = database_;
    header.epoch = epoch_;
    header.salt = new_salt(env_.random);
    header.prepared_at = env_.clock.wall_ns();
    return header;
}

/// Requires: manifest_mutex_.
Status Log::save_manifest() {
    manifest_.durable_upto = durable_upto_.load(std::memory_order_relaxed);
    return write_manifest(env_.files, directory_, manifest_);
}

/// Makes a segment and enters it in the manifest. Requires: prepare_mutex_.
///
/// When the manifest could not be written, the old or the new one may be on disk; both are right, for the
/// segment holds nothing and is not used.
Result<std::unique_ptr<Segment>> Log::prepare_segment(std::uint64_t room) {
    const SegmentHeader header = next_header(room);
    CreatedSegment created;
    if (!options_.in_memory) {
        // Who asks for spares wants them ready to the end.
        const std::uint64_t zeroed_size = options_.spare_bytes > 0 ? header.file_size : kZeroAhead;
        ASSIGN_OR_RETURN(created, create_segment(env_, log_directory(), header, zeroed_size));
    }
    auto segment = std::make_unique<Segment>(created.zeroed_upto);
    segment->entry.number = header.number;
    segment->entry.salt = header.salt;
    segment->entry.file_size = header.file_size;
    segment->use_image(io::AlignedBuffer(header.file_size));
    segment->file = std::move(created.file);
    if (options_.in_memory) return segment;

    const std::lock_guard lock(manifest_mutex_);
    manifest_.segments.push_back(segment->entry);
    if (Status saved = save_manifest(); !saved.ok()) {
        // Not used, so not listed from the next manifest on; its file is found unlisted and removed then.
        manifest_.segments.pop_back();
        return std::move(saved).error();
    }
    return segment;
}

Slot Log::install(std::unique_ptr<Segment> segment) {
    const std::lock_guard lock(segments_mutex_);
    const auto slot = static_cast<Slot>(segments_.size());
    ASSERT(slot < kSlotsMax);
    images_[slot].store(segment->image.get(), std::memory_order_release);
    segments_by_slot_[slot].store(segment.get(), std::memory_order_release);
    segments_.push_back(std::move(segment));
    slot_count_.store(slot + 1, std::memory_order_release);
    return slot;
}

void Log::set_tail(Slot slot, std::uint64_t offset) {
    tail_slot_ = slot;
    tail_offset_ = offset;
    open_piece_ = {};
    open_piece_.slot = slot;
    open_piece_.segment = &segment(slot);
    open_piece_.begin_offset = open_piece_.end_offset = offset;
}

/// A spare, or when there is none a segment made now.
Result<std::unique_ptr<Segment>> Log::next_segment(std::size_t record_size) {
    const auto take_spare = [&]() -> std::unique_ptr<Segment> {
        const std::lock_guard lock(segments_mutex_);
        if (spares_.empty()) return nullptr;
        auto spare = std::move(spares_.front());
        spares_.pop_front();
        return spare;
    };
    if (auto spare = take_spare()) return spare;
    const std::lock_guard preparing(prepare_mutex_);
    counters_.spare_waits.fetch_add(1, std::memory_order_relaxed);
    if (auto spare = take_spare()) return spare;  // Made while this one waited.
    return prepare_segment(record_size);
}

/// Goes on in the next segment. No metadata operation when a spare is ready.
/// A spare that is too small for the record stays in the log without records.
Status Log::roll(std::size_t record_size) {
    while (kSegmentHeaderSize + record_size > segment(tail_slot_).entry.file_size ||
           tail_offset_ + record_size > segment(tail_slot_).entry.file_size) {
        ASSIGN_OR_RETURN(auto next, next_segment(record_size));
        close_open_piece();
        set_tail(install(std::move(next)), kSegmentHeaderSize);
    }
    return {};
}

Status Log::begin_segment() {
    ASSERT(group_.record_count == 0 && reserved_size_ == 0);
    ASSIGN_OR_RETURN(auto next, next_segment(0));
    close_open_piece();
    set_tail(install(std::move(next)), kSegmentHeaderSize);
    return {};
}

/// The size of the spare that the roll of that number from now on takes; made if there are fewer.
/// Requires: prepare_mutex_; the writer's lock, so that none is taken.
Result<std::uint64_t> Log::spare_size_at(std::size_t index, std::size_t record_size) {
    {
        const std::lock_guard lock(segments_mutex_);
        if (index < spares_.size()) return spares_[index]->entry.file_size;
    }
    ASSIGN_OR_RETURN(auto spare, prepare_segment(record_size));
    const std::lock_guard lock(segments_mutex_);
    spares_.push_back(std::move(spare));
    return spares_.back()->entry.file_size;
}

Status Log::prepare_spares() {
    while (true) {
        std::uint64_t bytes_in_front = 0;
        Segment* made = nullptr;  // Stays where it is when it is taken into use.
        {
            const std::lock_guard preparing(prepare_mutex_);
            {
                const std::lock_guard lock(segments_mutex_);
                for (const auto& spare : spares_) bytes_in_front += spare->entry.file_size;
                if (spares_.size() >= options_.spare_count && bytes_in_front >= options_.spare_bytes) {
                    wants_spares_.store(false, std::memory_order_relaxed);
                    return {};
                }
            }
            ASSIGN_OR_RETURN(auto spare, prepare_segment(0));
            made = spare.get();
            const std::lock_guard lock(segments_mutex_);
            spares_.push_back(std::move(spare));
        }
        // Who asks for spares wants their memory too, as much as one segment is.
        const bool is_asked_for = options_.spare_bytes > 0 && bytes_in_front < options_.segment_size_max;
        if (is_asked_for) made->touch(0, options_.segment_size_max - bytes_in_front);
    }
}

Status Log::prepare_ahead() {
    const std::uint64_t moved = used_bytes() - looked_at_bytes_;
    is_in_burst_.store(moved > kBurstSize, std::memory_order_relaxed);
    if (moved < kLookSize) return {};
    looked_at_bytes_ += moved;
    Segment& tail = segment(segment_count() - 1);
    if (moved > kBurstSize) {
        touch_ahead(tail, std::min(4 * moved, options_.touch_ahead_max));
        return {};
    }
    if (options_.in_memory || tail.zeros.committed_upto() == 0) return {};
    while (true) {
        const auto range = tail.zeros.begin_zeroing(kZeroAhead, kZeroPieceSize, tail.entry.file_size);
        if (range.begin == range.end) return {};
        Status zeroed = write_zeros(*tail.file, range.begin, range.end);
        tail.zeros.end_zeroing();
        RETURN_IF_ERROR(zeroed);
    }
}

/// Makes memory for the next `size` bytes, in the tail segment and the spare behind it.
void Log::touch_ahead(Segment& tail, std::uint64_t size) {
    const std::uint64_t begin = tail.zeros.committed_upto();
    const std::uint64_t left = tail.entry.file_size - begin;
    tail.touch(begin, std::min(size, left));
    if (size <= left) return;
    Segment* next = nullptr;
    {
        const std::lock_guard lock(segments_mutex_);
        if (!spares_.empty()) next = spares_.front().get();  // Stays where it is when it is taken into use.
    }
    if (next != nullptr) next->touch(0, size - left);
}

bool Log::has_finished() const {
    const std::lock_guard lock(segments_mutex_);
    return !finished_.empty();
}

Status Log::seal_finished(std::size_t count_max) {
    std::vector<Slot> finished;
    {
        const std::lock_guard lock(segments_mutex_);
        const auto end = finished_.begin() + static_cast<std::ptrdiff_t>(std::min(count_max, finished_.size()));
        finished.assign(finished_.begin(), end);
        finished_.erase(finished_.begin(), end);
    }
    while (!finished.empty()) {
        const Status sealed = seal(finished.front());
        if (!sealed.ok()) {  // Sealed segments stay a prefix: those behind wait as well.
            const std::lock_guard lock(segments_mutex_);
            finished_.insert(finished_.begin(), finished.begin(), finished.end());
            return sealed;
        }
        finished.erase(finished.begin());
    }
    return {};
}

Status Log::seal(Slot slot) {
    Segment& done = segment(slot);
    SegmentEntry entry = done.entry;
    entry.state = SegmentState::kSealed;
    entry.flags = SegmentEntry::kHasSha256;
    if (base::is_planted(base::Bug::kSealWrongEnd)) entry.end_offset -= io::kBlockSize;
    ASSIGN_OR_RETURN(FileHashes hashes, hash_file(done, segment_file_name({entry.number})));
    counters_.repaired_pieces.fetch_add(hashes.repaired_pieces, std::memory_order_relaxed);
    entry.sha256 = hashes.sha256;
    {
        const std::lock_guard lock(manifest_mutex_);
        for (SegmentEntry& listed : manifest_.segments)
            if (listed.number == entry.number) listed = entry;
        RETURN_IF_ERROR(save_manifest());
    }
    const std::lock_guard lock(segments_mutex_);
    done.block_crcs = std::move(hashes.block_crcs);
    return {};
}

std::optional<SealedSegment> Log::sealed(Slot slot) const {
    const std::lock_guard lock(segments_mutex_);
    if (slot >= segments_.size() || segments_[slot]->block_crcs.empty()) return std::nullopt;
    const Segment& segment = *segments_[slot];
    return SealedSegment{.number = segment.entry.number,
                         .salt = segment.entry.salt,
                         .first_seq = segment.entry.first_seq,
                         .end_seq = segment.entry.end_seq,
                         .end_offset = segment.entry.end_offset,
                         .last_crc = segment.entry.last_crc,
                         .last_epoch = segment.last_epoch,
                         .revision = segment.entry.revision,
                         .block_crcs = segment.block_crcs};
}

void Log::make_evictable(Slot slot) {
    Segment& done = segment(slot);
    if (done.image->is_evictable()) return;
    std::optional<SealedSegment> known = sealed(slot);
    ASSERT(known);
    if (dynamic_cast<cache::ColdFile*>(done.file.get()) == nullptr)
        done.file = std::make_unique<cache::ColdFile>(
            cache_.open_files(), env_.files,
            log_directory() + "/" + segment_file_name({known->number, known->revision}), std::move(done.file));
    done.image->make_evictable(cache_, {.file = done.file.get(),
                                        .name = "log/" + segment_file_name({known->number, known->revision}),
                                        .size = known->end_offset,
                                        .block_crcs = std::move(known->block_crcs)});
}

Status Log::for_each_batch(Slot slot, const std::function<Status(const RecoveredBatch&)>& visit) const {
    const std::optional<SealedSegment> known = sealed(slot);
    ASSERT(known);
    const Segment& done = segment(slot);
    const std::uint64_t end = done.entry.revision > 0 ? done.entry.records_end() : known->end_offset;
    std::vector<RemovedRecord> stubs;
    if (done.entry.revision > 0) {
        ASSIGN_OR_RETURN(stubs, decode_removals(done.bytes(end, known->end_offset), end, done.identity()));
    }
    std::size_t next_stub = 0;
    for (std::uint64_t at = kSegmentHeaderSize; at < end;) {
        if (next_stub < stubs.size() && stubs[next_stub].offset() == at) {
            const std::uint64_t offset = stub_offset(end, next_stub);
            RETURN_IF_ERROR(visit({.slot = slot,
                                   .body_offset = offset,
                                   .stub = done.image->data() + offset,
                                   .first_seq = stubs[next_stub].first_seq}));
            at = stubs[next_stub++].end_offset();
            continue;
        }
        const auto bytes = done.bytes(at, end);
        Envelope envelope;
        const bool is_valid = check_record(bytes, at, done.identity(), envelope) == RecordCheck::kValid;
        const bool is_batch = is_valid && envelope.kind == RecordKind::kBatch;
        const std::span<const std::byte> body =
            is_batch ? bytes.subspan(kEnvelopeSize, envelope.body_size) : std::span<const std::byte>();
        if (!is_valid || (is_batch && !event::check_body(body).ok()))
            return base::fail(ErrorCode::kCorrupt, "log/" + segment_file_name({known->number, known->revision}) +
                                                       " at offset " + std::to_string(at) + ": there is no record");
        if (is_batch)
            RETURN_IF_ERROR(visit({.slot = slot,
                                   .body_offset = at + kEnvelopeSize,
                                   .body = body.data(),
                                   .first_seq = envelope.first_seq}));
        at += envelope.record_size;
    }
    return {};
}

Result<std::uint64_t> Log::check_piece(Slot slot, std::uint64_t offset, std::span<std::byte> scratch) const {
    const std::optional<SealedSegment> known = sealed(slot);
    if (!known || offset >= known->end_offset) return std::uint64_t{0};
    const auto bytes = scratch.first(std::min<std::uint64_t>(scratch.size(), known->end_offset - offset));
    const std::string name = "log/" + segment_file_name({known->number, known->revision});
    ASSIGN_OR_RETURN(const std::size_t got, segment(slot).file->read_at(offset, bytes));
    const std::vector<std::uint32_t> crcs = cache::block_crcs_of(bytes.first(got));
    for (std::size_t i = 0; i < bytes.size(); i += cache::kImageBlockSize) {
        const std::size_t block = i / cache::kImageBlockSize;
        if (got == bytes.size() && crcs[block] == known->block_crcs[offset / cache::kImageBlockSize + block]) continue;
        return base::fail(ErrorCode::kCorrupt, name + " at offset " + std::to_string(offset + i) +
                                                   ": bytes on disk do not match their checksum");
    }
    return std::uint64_t{bytes.size()};
}

Log::FixedBytes Log::fixed_bytes() const {
    const std::lock_guard lock(segments_mutex_);
    while (evictable_before_ < segments_.size() && segments_[evictable_before_]->image->is_evictable())
        ++evictable_before_;
    FixedBytes fixed;
    for (Slot slot = evictable_before_; slot + 1 < segments_.size(); ++slot)
        fixed.waiting += segments_[slot]->fixed_bytes();
    if (!segments_.empty()) fixed.tail = segments_.back()->fixed_bytes();
    for (const auto& spare : spares_) fixed.tail += spare->fixed_bytes();
    return fixed;
}

std::uint64_t Log::file_bytes() const {
    const std::lock_guard lock(segments_mutex_);
    std::uint64_t bytes = 0;
    for (const auto& segment : segments_) bytes += segment->file_bytes();
    for (const auto& spare : spares_) bytes += spare->entry.file_size;
    for (const Replacement& replacement : replacements_) bytes += replacement.fresh->file_bytes();
    return bytes;
}

}  // namespace chronos::wal
