// The bytes of a snapshot file: structures, sizes and where everything lies. Format: docs/formats/snapshots.md.
//
// Threads: values and pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>

#include "base/bytes.h"
#include "cache/file_image.h"
#include "chronos/state.h"
#include "chronos/types.h"
#include "event/ids.h"

namespace chronos::projection {

inline constexpr std::uint32_t kSnapshotFormatVersion = 1;
/// Far above any file, far below where sums of sizes could overflow.
inline constexpr std::uint64_t kSnapshotFileSizeMax = std::uint64_t{1} << 40;
/// Of one state as JSON.
inline constexpr std::uint32_t kSavedJsonSizeMax = std::uint32_t{64} << 20;
inline constexpr std::uint32_t kTurnMax = 999'999'999;

struct SnapshotHead {
    std::array<char, 8> magic{'C', 'H', 'R', 'O', 'N', 'S', 'N', 'P'};
    std::uint32_t format_version = kSnapshotFormatVersion;
    std::array<std::byte, 52> zero{};
};
static_assert(sizeof(SnapshotHead) == 64 && offsetof(SnapshotHead, format_version) == 8);

struct SnapshotEntry {
    std::uint64_t hash = 0;
    std::uint32_t branch = 0;
    std::uint8_t fold = 0;
    std::uint8_t zero = 0;
    std::uint16_t entity_size = 0;
    std::uint64_t event_count = 0;
    std::uint64_t late_events = 0;
    std::uint64_t last_seq = 0;
    std::int64_t last_recorded_at = 0;
    std::int64_t max_occurred_at = 0;
    std::uint64_t offset = 0;
    std::uint32_t json_size = 0;
    std::uint32_t leaf_count = 0;

    /// What entries are sorted by.
    [[nodiscard]] auto order() const { return std::tuple(hash, branch, fold, event_count); }
    /// From the state's begin to its origins, and its end.
    [[nodiscard]] std::uint64_t origins_offset() const {
        return base::round_up(std::uint64_t{entity_size} + json_size, 8);
    }
    [[nodiscard]] std::uint64_t size() const { return origins_offset() + std::uint64_t{leaf_count} * 8; }
};
static_assert(sizeof(SnapshotEntry) == 72 && offsetof(SnapshotEntry, event_count) == 16 &&
              offsetof(SnapshotEntry, offset) == 56 && offsetof(SnapshotEntry, leaf_count) == 68);

struct SnapshotFooter {
    std::array<char, 8> magic{'C', 'H', 'R', 'O', 'N', 'S', 'N', 'F'};
    std::uint32_t crc = 0;  ///< Of the bytes from `resident_crc` on.
    std::uint32_t resident_crc = 0;
    Uuid database;
    std::uint32_t store_epoch = 0;
    std::uint32_t zero = 0;
    std::uint64_t file_size = 0;
    std::uint32_t first_turn = 0, last_turn = 0;
    std::uint64_t states_end = 0;
    std::uint64_t entry_count = 0;
    std::array<std::byte, 56> zeros{};
};
static_assert(sizeof(SnapshotFooter) == 128 && offsetof(SnapshotFooter, resident_crc) == 12 &&
              offsetof(SnapshotFooter, file_size) == 40 && offsetof(SnapshotFooter, entry_count) == 64 &&
              offsetof(SnapshotFooter, zeros) == 72);

struct SnapshotLayout {
    std::uint64_t entries_offset = 0;
    std::uint64_t body_size = 0;
    std::uint64_t block_count = 0;
    std::uint64_t file_size = 0;

    [[nodiscard]] std::uint64_t entry_at(std::uint64_t index) const {
        return entries_offset + index * sizeof(SnapshotEntry);
    }
};

inline constexpr std::uint64_t kEntriesAlignment = 64;

/// Where everything lies; nothing for counts that no file can have.
inline std::optional<SnapshotLayout> layout_of(const SnapshotFooter& footer) {
    constexpr std::uint64_t kMax = kSnapshotFileSizeMax;
    if (footer.states_end < sizeof(SnapshotHead) || footer.states_end >= kMax || footer.entry_count == 0 ||
        footer.entry_count >= kMax / sizeof(SnapshotEntry))
        return std::nullopt;
    SnapshotLayout layout;
    layout.entries_offset = base::round_up(footer.states_end, kEntriesAlignment);
    layout.body_size = layout.entry_at(footer.entry_count);
    layout.block_count = (layout.body_size + cache::kImageBlockSize - 1) / cache::kImageBlockSize;
    layout.file_size = layout.body_size + layout.block_count * sizeof(std::uint32_t) + sizeof(SnapshotFooter);
    return layout;
}

}  // namespace chronos::projection
