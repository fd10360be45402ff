// The bytes of an index file: structures, sizes and where everything lies. Format:
// docs/formats/index.md.
//
// Threads: values and pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "cache/file_image.h"
#include "chronos/types.h"
#include "index/index_content.h"

namespace chronos::index {

inline constexpr std::uint32_t kIndexFormatVersion = 1;
inline constexpr std::uint64_t kSectionAlignment = 64;
inline constexpr std::size_t kKeySizeMax = 0xFFFF;
/// Far above any file, far below where sums of sizes could overflow.
inline constexpr std::uint64_t kIndexFileSizeMax = std::uint64_t{1} << 40;

struct IndexHead {
    std::array<char, 8> magic{'C', 'H', 'R', 'O', 'N', 'I', 'D', 'X'};
    std::uint32_t format_version = kIndexFormatVersion;
    std::array<std::byte, 52> zero{};
};
static_assert(sizeof(IndexHead) == 64 && offsetof(IndexHead, format_version) == 8);

struct IndexFooter {
    struct Dictionary {
        std::uint64_t key_count = 0;
        std::uint64_t key_bytes = 0;
        std::uint64_t posting_count = 0;
    };

    std::array<char, 8> magic{'C', 'H', 'R', 'O', 'N', 'I', 'D', 'F'};
    std::uint32_t crc = 0;  ///< Of the bytes from `resident_crc` on.
    std::uint32_t resident_crc = 0;
    Uuid database;
    std::uint64_t file_size = 0;
    std::uint64_t begin_seq = 0;
    std::uint64_t end_seq = 0;
    std::uint64_t segment_count = 0;
    std::uint64_t log_crc_count = 0;
    std::uint64_t run_count = 0;
    std::uint64_t id_count = 0;
    std::uint64_t batch_count = 0;
    std::array<Dictionary, kKeyKinds> dictionaries;
    std::array<std::byte, 16> zero{};

    [[nodiscard]] std::uint64_t event_count() const { return end_seq - begin_seq; }
};
static_assert(sizeof(IndexFooter) == 256 && offsetof(IndexFooter, resident_crc) == 12 &&
              offsetof(IndexFooter, dictionaries) == 96 && offsetof(IndexFooter, zero) == 240);

/// What an entry of every dictionary begins with.
struct StoredKey {
    std::uint64_t hash = 0;
    std::uint64_t offset_and_size = 0;  ///< Of the key in the key bytes: offset × 65536 + size.
    std::uint64_t first_posting = 0;
    std::uint32_t branch = 0;
    std::uint32_t count = 0;
    std::uint32_t first_delta = 0;
    std::uint32_t last_delta = 0;

    [[nodiscard]] std::uint64_t key_offset() const { return offset_and_size >> 16; }
    [[nodiscard]] std::size_t key_size() const { return offset_and_size & kKeySizeMax; }
};
static_assert(sizeof(StoredKey) == 40 && offsetof(StoredKey, branch) == 24);

/// What follows in an entry of the entities.
struct StoredStream {
    std::uint64_t first_place = 0;
    std::uint64_t previous_seq = kNoSeq;
    std::uint64_t first_seq = kNoSeq;
};
static_assert(sizeof(StoredStream) == 24);

static_assert(sizeof(IndexedSegment) == 64 && offsetof(IndexedSegment, salt) == 8 &&
              offsetof(IndexedSegment, end_offset) == 32 && offsetof(IndexedSegment, last_recorded_at) == 56);
static_assert(sizeof(IndexedRun) == 32 && offsetof(IndexedRun, first_position) == 8);

constexpr std::size_t key_entry_size(KeyKind kind) {
    return sizeof(StoredKey) + (kind == KeyKind::kEntity ? sizeof(StoredStream) : 0);
}
/// An id: hash u64, delta u32.
inline constexpr std::size_t kIdEntrySize = 12;

inline constexpr std::size_t kFilterLineSize = 64;
inline constexpr std::uint64_t kFilterBitsPerEntry = 12;
constexpr std::uint64_t filter_lines(std::uint64_t entries) {
    return (entries * kFilterBitsPerEntry + 8 * kFilterLineSize - 1) / (8 * kFilterLineSize);
}

/// `count` entries of one size from `offset` of the file on.
struct Section {
    std::uint64_t offset = 0;
    std::uint64_t count = 0;
    std::uint64_t entry_size = 0;

    [[nodiscard]] std::uint64_t at(std::uint64_t index) const { return offset + index * entry_size; }
    [[nodiscard]] std::uint64_t end() const { return at(count); }
};

struct IndexLayout {
    struct Dictionary {
        Section keys, key_bytes, postings;
    };
    Section offsets, places;
    std::array<Dictionary, kKeyKinds> dictionaries;
    Section ids, batches;
    std::uint64_t body_size = 0;
    // The resident part, in this order from body_size on.
    Section block_crcs, segments, log_crcs, runs, stripes, id_filter, batch_filter;
    std::uint64_t file_size = 0;
};

/// Where everything lies; nothing for counts that no file can have.
inline std::optional<IndexLayout> layout_of(const IndexFooter& footer) {
    constexpr std::uint64_t kMax = kIndexFileSizeMax;
    if (footer.end_seq < footer.begin_seq || footer.event_count() > kIndexFileEventsMax ||
        footer.id_count > kIndexFileEventsMax || footer.batch_count > kIndexFileEventsMax)
        return std::nullopt;
    if (footer.segment_count >= kMax || footer.log_crc_count >= kMax || footer.run_count >= kMax) return std::nullopt;

    IndexLayout layout;
    std::uint64_t end = sizeof(IndexHead);
    const auto body = [&](std::uint64_t count, std::uint64_t entry_size) {
        const Section section{.offset = end, .count = count, .entry_size = entry_size};
        end = base::round_up(section.end(), kSectionAlignment);
        return section;
    };
    layout.offsets = body(footer.event_count(), sizeof(std::uint32_t));
    layout.places = body(footer.event_count(), sizeof(std::uint32_t));
    for (std::size_t kind = 0; kind < kKeyKinds; ++kind) {
        const IndexFooter::Dictionary& counts = footer.dictionaries[kind];
        if (counts.key_count >= kMax || counts.key_bytes >= kMax || counts.posting_count >= kMax) return std::nullopt;
        IndexLayout::Dictionary& dictionary = layout.dictionaries[kind];
        dictionary.keys = body(counts.key_count, key_entry_size(static_cast<KeyKind>(kind)));
        dictionary.key_bytes = body(counts.key_bytes, 1);
        dictionary.postings = body(counts.posting_count, sizeof(std::uint32_t));
    }
    layout.ids = body(footer.id_count, kIdEntrySize);
    layout.batches = body(footer.batch_count, kIdEntrySize);
    layout.body_size = end;

    const auto resident = [&](std::uint64_t count, std::uint64_t entry_size) {
        const Section section{.offset = end, .count = count, .entry_size = entry_size};
        end = section.end();
        return section;
    };
    layout.block_crcs =
        resident((layout.body_size + cache::kImageBlockSize - 1) / cache::kImageBlockSize, sizeof(std::uint32_t));
    layout.segments = resident(footer.segment_count, sizeof(IndexedSegment));
    layout.log_crcs = resident(footer.log_crc_count, sizeof(std::uint32_t));
    layout.runs = resident(footer.run_count, sizeof(IndexedRun));
    layout.stripes = resident(stripe_count(footer.begin_seq, footer.end_seq), sizeof(TimeStripe));
    layout.id_filter = resident(filter_lines(footer.id_count), kFilterLineSize);
    layout.batch_filter = resident(filter_lines(footer.batch_count), kFilterLineSize);
    layout.file_size = end + sizeof(IndexFooter);
    return layout;
}

}  // namespace chronos::index
