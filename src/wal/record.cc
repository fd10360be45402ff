#include "wal/record.h"

#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "base/planted_bug.h"

namespace chronos::wal {
namespace {

std::size_t block_count(std::size_t body_size) { return (body_size + kCrcBlockSize - 1) / kCrcBlockSize; }

std::uint32_t seed_of(const SegmentIdentity& segment) {
    std::byte salt[8];
    base::store(salt, segment.salt);
    return base::crc32c(salt);
}

std::uint32_t header_crc(std::span<const std::byte> record, std::uint32_t seed) {
    return base::crc32c(record.subspan(8, kEnvelopeSize - 8), seed);
}

/// Over the envelope from byte 8 up to the record CRC, and the table of block CRCs.
std::uint32_t record_crc(std::span<const std::byte> record, std::size_t body_size, std::uint32_t seed) {
    const std::uint32_t crc = base::crc32c(record.subspan(8, kEnvelopeSize - 4 - 8), seed);
    return base::crc32c(record.subspan(kEnvelopeSize + body_size, block_count(body_size) * 4), crc);
}

/// The segment's own, whatever an envelope says.
SegmentIdentity identity_to_check(const SegmentIdentity& segment, [[maybe_unused]] const Envelope& envelope) {
    if (base::is_planted(base::Bug::kAcceptStaleRecord)) return {envelope.segment_number, envelope.segment_salt};
    return segment;
}

bool sizes_add_up(const Envelope& envelope) {
    return envelope.body_size % 8 == 0 && envelope.record_size % kRecordAlignment == 0 &&
           envelope.block_crc_count == block_count(envelope.body_size) && envelope.record_size <= kRecordSizeMax &&
           envelope.record_size >= record_size_for(envelope.body_size);
}

bool body_checks(std::span<const std::byte> record, const Envelope& envelope, std::uint32_t seed) {
    const auto body = record.subspan(kEnvelopeSize, envelope.body_size);
    const std::byte* table = body.data() + body.size();
    for (std::size_t block = 0; block < envelope.block_crc_count; ++block) {
        const std::size_t at = block * kCrcBlockSize;
        const std::size_t size = std::min(kCrcBlockSize, body.size() - at);
        if (base::crc32c(body.subspan(at, size), seed) != base::load<std::uint32_t>(table + block * 4)) return false;
    }
    const base::Hash128 hash = base::xxh3_128(body);
    if (std::memcmp(hash.data(), envelope.body_hash, hash.size()) != 0) return false;
    const std::size_t used = kEnvelopeSize + envelope.body_size + envelope.block_crc_count * std::size_t{4};
    return base::all_zero(record.subspan(used, envelope.record_size - used));
}

}  // namespace

std::size_t record_size_for(std::size_t body_size) {
    return base::round_up(kEnvelopeSize + body_size + block_count(body_size) * 4, kRecordAlignment);
}

std::uint32_t seal_record(std::byte* record, Envelope envelope, const SegmentIdentity& segment) {
    const std::uint32_t seed = seed_of(segment);
    const std::span<const std::byte> body(record + kEnvelopeSize, envelope.body_size);
    envelope.segment_number = segment.number;
    envelope.segment_salt = segment.salt;
    envelope.block_crc_count = static_cast<std::uint32_t>(block_count(envelope.body_size));
    ASSERT(sizes_add_up(envelope));
    const base::Hash128 hash = base::xxh3_128(body);
    std::memcpy(envelope.body_hash, hash.data(), hash.size());

    std::byte* table = record + kEnvelopeSize + body.size();
    for (std::size_t block = 0; block < envelope.block_crc_count; ++block) {
        const std::size_t at = block * kCrcBlockSize;
        const std::size_t size = std::min(kCrcBlockSize, body.size() - at);
        base::store(table + block * 4, base::crc32c(body.subspan(at, size), seed));
    }
    const std::size_t used = kEnvelopeSize + body.size() + envelope.block_crc_count * std::size_t{4};
    std::memset(record + used, 0, envelope.record_size - used);

    base::store(record, envelope);
    const std::span<const std::byte> whole(record, envelope.record_size);
    const std::uint32_t crc = record_crc(whole, envelope.body_size, seed);
    base::store(record + offsetof(Envelope, record_crc), crc);
    base::store(record + offsetof(Envelope, header_crc), header_crc(whole, seed));
    return crc;
}

RecordCheck check_envelope(std::span<const std::byte> bytes, std::uint64_t file_offset, const SegmentIdentity& segment,
                           Envelope& envelope) {
    if (bytes.size() < kEnvelopeSize) return RecordCheck::kNoRecord;
    envelope = base::load<Envelope>(bytes.data());
    const SegmentIdentity wanted = identity_to_check(segment, envelope);
    if (envelope.magic != kRecordMagic || envelope.segment_salt != wanted.salt) return RecordCheck::kNoRecord;
    if (header_crc(bytes, seed_of(wanted)) != envelope.header_crc) return RecordCheck::kNoRecord;
    if (envelope.segment_number != wanted.number || envelope.file_offset != file_offset) return RecordCheck::kNoRecord;
    if (envelope.version != 1 || envelope.envelope_size != kEnvelopeSize || envelope.required_flags != 0 ||
        (envelope.kind != RecordKind::kBatch && envelope.kind != RecordKind::kMarker &&
         envelope.kind != RecordKind::kRemoved))
        return RecordCheck::kUnsupported;
    if (!sizes_add_up(envelope) || !base::all_zero(std::as_bytes(std::span(envelope.zero))))
        return RecordCheck::kNoRecord;
    return RecordCheck::kValid;
}

RecordCheck check_record(std::span<const std::byte> bytes, std::uint64_t file_offset, const SegmentIdentity& segment,
                         Envelope& envelope) {
    const RecordCheck check = check_envelope(bytes, file_offset, segment, envelope);
    if (check != RecordCheck::kValid) return check;
    if (envelope.record_size > bytes.size()) return RecordCheck::kNoRecord;
    if (base::is_planted(base::Bug::kSkipRecordChecksum)) return RecordCheck::kValid;
    const auto record = bytes.first(envelope.record_size);
    const std::uint32_t seed = seed_of(identity_to_check(segment, envelope));
    if (record_crc(record, envelope.body_size, seed) != envelope.record_crc) return RecordCheck::kBadContent;
    if (!body_checks(record, envelope, seed)) return RecordCheck::kBadContent;
    return RecordCheck::kValid;
}

}  // namespace chronos::wal
