// The manifest: which segments are the log, and what is known about them. Format: docs/formats/log.md §5.
//
// Threads: values and functions without state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "chronos/types.h"
#include "io/environment.h"

namespace chronos::wal {

inline constexpr std::uint32_t kManifestVersion = 1;

/// How often a segment can be rewritten.
inline constexpr std::uint32_t kRevisionMax = 0xFFFF;

enum class SegmentState : std::uint32_t {
    kOpen = 1,    ///< In use, or a spare.
    kSealed = 2,  ///< Ends at end_offset, for ever.
};

struct SegmentEntry {
    std::uint32_t number = 0;
    SegmentState state = SegmentState::kOpen;
    std::uint64_t salt = 0;
    std::uint64_t file_size = 0;
    std::uint64_t first_seq = 0;
    std::uint64_t end_seq = 0;
    std::uint64_t end_offset = 0;
    std::uint32_t last_crc = 0;
    std::uint32_t flags = 0;
    base::Sha256Digest sha256{};
    /// How often it was rewritten without records that were removed; part of the file's name.
    std::uint32_t revision = 0;
    /// Of a rewritten one: where in the file it is told what was removed, in units of io::kBlockSize.
    std::uint32_t removals_block = 0;

    static constexpr std::uint32_t kHasSha256 = 1;

    /// Behind the last place where a record of the log may be. Requires: sealed.
    [[nodiscard]] std::uint64_t records_end() const {
        return revision == 0 ? end_offset : std::uint64_t{removals_block} * io::kBlockSize;
    }
};
static_assert(sizeof(SegmentEntry) == 96 && offsetof(SegmentEntry, revision) == 88);

struct Manifest {
    std::uint32_t writer_epoch = 0;
    Uuid database;
    std::uint64_t generation = 0;
    std::uint64_t durable_upto = 0;
    std::uint32_t store_epoch = 1;
    std::array<std::byte, 16> secret{};
    std::vector<SegmentEntry> segments;
};

/// Replaces the manifest in `directory` and makes it durable; `manifest.generation` is increased.
Status write_manifest(io::FileSystem& files, const std::string& directory, Manifest& manifest);

/// Errors: kNotFound, kCorrupt, kUnsupported, kIo.
Result<Manifest> read_manifest(io::FileSystem& files, const std::string& directory);

}  // namespace chronos::wal
