// What an index file holds, in memory. A part of the index is written as it stands (part_writer.cc); content as a whole
// is what tests make up and compare with.
//
// Threads: plain values.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "event/ids.h"

namespace chronos::index {

inline constexpr std::uint64_t kNoSeq = ~std::uint64_t{0};

/// As many events as one file may hold: deltas of seq are 32 bits.
inline constexpr std::uint64_t kIndexFileEventsMax = 0xFFFF'FFFF;

/// What postings are kept by.
enum class KeyKind : std::uint8_t { kEntity, kType, kTag, kCorrelation, kCausation, kActor };
inline constexpr std::size_t kKeyKinds = 6;

/// Where a segment ends, as in the manifest: 48 bits, and 16 for its revision, which older files have as 0.
class SegmentEnd {
public:
    constexpr SegmentEnd() = default;
    constexpr SegmentEnd(std::uint64_t offset, std::uint32_t revision = 0)
        : bits_((offset & kOffsetMask) | std::uint64_t{revision} << kOffsetBits) {}
    constexpr operator std::uint64_t() const { return bits_ & kOffsetMask; }
    [[nodiscard]] constexpr std::uint32_t revision() const { return static_cast<std::uint32_t>(bits_ >> kOffsetBits); }

private:
    static constexpr unsigned kOffsetBits = 48;
    static constexpr std::uint64_t kOffsetMask = (std::uint64_t{1} << kOffsetBits) - 1;
    std::uint64_t bits_ = 0;
};

/// A segment of the log, as the index saw it: the file is believed only beside exactly this segment.
struct IndexedSegment {
    std::uint32_t number = 0;
    std::uint32_t last_crc = 0;  ///< CRC of its last record.
    std::uint64_t salt = 0;
    std::uint64_t first_seq = 0;
    std::uint64_t end_seq = 0;
    SegmentEnd end_offset;
    std::uint32_t last_epoch = 0;         ///< Epoch of its last record; that of the one before when it has none.
    std::uint32_t first_block_crc = 0;    ///< Index of its first checksum in `block_crcs`.
    std::uint64_t main_end_position = 0;  ///< Events on main up to its end.
    std::int64_t last_recorded_at = 0;    ///< Up to its end.

    [[nodiscard]] std::uint32_t revision() const { return end_offset.revision(); }
};
static_assert(sizeof(IndexedSegment) == 64);

/// In the place of an event's offset: the event was removed, and its stub is there (docs/formats/log.md §9).
inline constexpr std::uint32_t kRemovedMark = 0x8000'0000;

/// Events of one branch that follow each other.
struct IndexedRun {
    event::BranchNumber branch = 0;
    std::uint32_t zero = 0;
    std::uint64_t first_position = 0;
    std::uint64_t first_seq = 0;
    std::uint64_t count = 0;
};
static_assert(sizeof(IndexedRun) == 32);

/// The times of the events of one stripe: seqs [k · kStripeEvents, (k + 1) · kStripeEvents) for some k, as far as the
/// file has them. Stripes are cut at multiples of seq, not of begin_seq, so that those of merged files still say what
/// is exact.
struct TimeStripe {
    std::int64_t first_recorded_at = 0;
    std::int64_t min_occurred_at = 0;
    std::int64_t max_occurred_at = 0;
};
static_assert(sizeof(TimeStripe) == 24);
inline constexpr std::uint64_t kStripeEvents = 1024;

/// The stripes that [begin_seq, end_seq) touches; that of `seq` has index seq / kStripeEvents − begin_seq /
/// kStripeEvents.
constexpr std::uint64_t stripe_count(std::uint64_t begin_seq, std::uint64_t end_seq) {
    return begin_seq == end_seq ? 0 : (end_seq - 1) / kStripeEvents - begin_seq / kStripeEvents + 1;
}

/// A key and its part of a dictionary's postings.
struct IndexedKey {
    std::uint64_t hash = 0;  ///< PostingMap::hash of (branch, key), kept because the seed is the database's for ever.
    std::string_view key;
    event::BranchNumber branch = 0;
    std::uint32_t count = 0;
    std::uint64_t first_posting = 0;          ///< Index in `postings`.
    std::uint64_t first_place = 0;            ///< Entities: how many events the stream has before these. Others: 0.
    std::uint64_t previous_seq = kNoSeq;      ///< Entities: the stream's last event before these. Others: kNoSeq.
    std::uint64_t stream_first_seq = kNoSeq;  ///< Entities: the stream's first event of all. Others: kNoSeq.
};

struct IndexedId {
    std::uint64_t hash = 0;   ///< IdTable::hash.
    std::uint32_t delta = 0;  ///< seq − begin_seq of the event, or of the batch's first event.
};

/// What of an index file stays in memory while it is open, but for filters.
struct IndexResident {
    std::vector<IndexedSegment> segments;  ///< In order, without gaps; together [begin_seq, end_seq).
    /// CRC32C of each cache::kImageBlockSize bytes of each segment up to its end_offset.
    std::vector<std::uint32_t> block_crcs;
    std::vector<IndexedRun> runs;     ///< In order of seq; together [begin_seq, end_seq).
    std::vector<TimeStripe> stripes;  ///< stripe_count(begin_seq, end_seq) of them.
};

struct IndexContent : IndexResident {
    std::uint64_t begin_seq = 0, end_seq = 0;
    std::vector<std::uint32_t> offsets;  ///< By seq − begin_seq: where the event is in its segment, in units of 8;
                                         ///< perhaps with kRemovedMark.
    std::vector<std::uint32_t> places;   ///< By seq − begin_seq: its 0-based place in its entity's stream.
    struct Dictionary {
        std::vector<IndexedKey> keys;         ///< In any order; (hash, branch, key) is unique.
        std::vector<std::uint32_t> postings;  ///< seq − begin_seq, ascending within a key.
    };
    std::array<Dictionary, kKeyKinds> dictionaries;
    std::vector<IndexedId> ids, batches;  ///< In any order; hashes may repeat.
};

}  // namespace chronos::index
