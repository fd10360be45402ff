// Log records: the envelope around a batch body, its checksums, and how both are checked. Format: docs/formats/log.md
// §1, §3.
//
//     |envelope 128|body|block CRCs|zeros| |envelope|body|…                  |zeros|
//     ^ a multiple of 64 after the one before                    commit ends at 4 KiB ^
//
// Threads: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "chronos/types.h"
#include "event/ids.h"

namespace chronos::wal {

inline constexpr std::uint32_t kRecordMagic = 0x43455243;  // "CREC"
inline constexpr std::size_t kEnvelopeSize = 128;
inline constexpr std::size_t kRecordAlignment = 64;
inline constexpr std::size_t kCrcBlockSize = 4096;
inline constexpr std::size_t kRecordSizeMax = std::size_t{32} << 20;
/// What the envelope's 16 bits can count.
inline constexpr std::uint32_t kGroupRecordsMax = 65'536;

enum class RecordKind : std::uint8_t {
    kBatch = 1,
    kMarker = 2,   ///< No body; says how far the log was durable.
    kRemoved = 3,  ///< Behind the records of a segment that was rewritten: what stood there (removals.h).
};

enum RecordFlag : std::uint32_t {
    kClosed = 1,  ///< On a marker: nothing follows it in its epoch.
};

struct Envelope {
    std::uint32_t magic = kRecordMagic;
    std::uint32_t header_crc = 0;
    std::uint16_t envelope_size = kEnvelopeSize;
    std::uint8_t version = 1;
    RecordKind kind = RecordKind::kBatch;
    std::uint32_t required_flags = 0;
    std::uint32_t optional_flags = 0;
    std::uint32_t segment_number = 0;
    std::uint64_t segment_salt = 0;
    std::uint32_t previous_crc = 0;
    std::uint32_t epoch = 0;
    std::uint64_t first_seq = 0;
    std::uint32_t event_count = 0;
    std::uint32_t body_size = 0;
    std::uint64_t durable_upto = 0;
    std::byte body_hash[16] = {};
    std::uint32_t record_size = 0;
    std::uint16_t group_index = 0;
    std::uint16_t group_last_index = 0;
    std::uint64_t file_offset = 0;
    std::uint64_t zero[3] = {};
    std::uint32_t block_crc_count = 0;
    std::uint32_t record_crc = 0;
};
static_assert(sizeof(Envelope) == kEnvelopeSize);
static_assert(offsetof(Envelope, first_seq) == 40 && offsetof(Envelope, durable_upto) == 56);
static_assert(offsetof(Envelope, file_offset) == 88 && offsetof(Envelope, record_crc) == 124);

/// Bytes a record with this body takes before padding to the end of its commit.
std::size_t record_size_for(std::size_t body_size);

/// What a record's seed and identity come from.
struct SegmentIdentity {
    std::uint32_t number = 0;
    std::uint64_t salt = 0;
};

/// Fills in envelope, block CRCs and padding around a body that is in place at `record + kEnvelopeSize`.
/// Everything of `envelope` but sizes, hashes, CRCs and the segment's identity is the caller's.
/// Returns the record CRC, which the next record carries.
std::uint32_t seal_record(std::byte* record, Envelope envelope, const SegmentIdentity& segment);

enum class RecordCheck : std::uint8_t {
    kValid,
    kNoRecord,     ///< No envelope that checks: end of log, torn, or damaged; its size is not known.
    kBadContent,   ///< The envelope checks, the rest does not.
    kUnsupported,  ///< Checks, and needs a newer version of chronos.
};

/// Checks the record at the start of `bytes` (which reach to the segment's end), found at `file_offset`.
/// On kValid and kBadContent `envelope` is filled.
RecordCheck check_record(std::span<const std::byte> bytes, std::uint64_t file_offset, const SegmentIdentity& segment,
                         Envelope& envelope);

/// Only the envelope: enough to learn how many bytes the record needs.
RecordCheck check_envelope(std::span<const std::byte> bytes, std::uint64_t file_offset, const SegmentIdentity& segment,
                           Envelope& envelope);

}  // namespace chronos::wal
