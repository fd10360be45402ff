// Segment files: header, names, preparation ahead of use. Format: docs/formats/log.md §2.
//
// Threads: functions without state; a Segment's fields are guarded as the Log says.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/checksum.h"
#include "chronos/types.h"
#include "event/ids.h"
#include "io/aligned_buffer.h"
#include "io/environment.h"
#include "wal/record.h"

namespace chronos::wal {

inline constexpr std::size_t kSegmentHeaderSize = 4096;
inline constexpr std::uint32_t kSegmentFormatVersion = 1;
inline constexpr std::uint64_t kSegmentSizeMin = std::uint64_t{1} << 20;
inline constexpr std::uint64_t kSegmentSizeMax = std::uint64_t{256} << 20;

struct SegmentHeader {
    char magic[8] = {'C', 'H', 'R', 'O', 'N', 'S', 'E', 'G'};
    std::uint32_t format_version = kSegmentFormatVersion;
    std::uint32_t crc = 0;
    Uuid database;
    std::uint32_t number = 0;
    std::uint32_t epoch = 0;
    std::uint64_t salt = 0;
    std::uint64_t file_size = 0;
    std::int64_t prepared_at = 0;
    /// How often the segment was rewritten without records that were removed (removals.h); 0: as it was appended.
    std::uint32_t revision = 0;
    std::uint32_t zero = 0;
    std::uint64_t removals_offset = 0;  ///< Of a rewritten one: behind the last place of a record.
};
static_assert(sizeof(SegmentHeader) == 80 && offsetof(SegmentHeader, revision) == 64);

struct SegmentFileId {
    std::uint32_t number = 0;
    std::uint32_t revision = 0;

    bool operator==(const SegmentFileId&) const = default;
};
/// "000042.log"; "000042-1.log" for one that was rewritten.
std::string segment_file_name(const SegmentFileId& id);
/// Nothing for other names.
std::optional<SegmentFileId> parse_segment_file_name(std::string_view name);

/// 1, 4, 16, 64, 256, 256, … MiB for the 1st, 2nd, … segment of a log, by default.
std::uint64_t segment_size_for(std::uint64_t prepared_before, std::uint64_t size_min, std::uint64_t size_max);

struct CreatedSegment {
    std::unique_ptr<io::File> file;
    std::uint64_t zeroed_upto = 0;  ///< The rest has its space, but the file system does not count it as written.
};

/// Creates a segment file of zeros that has all its space, synced, under its final name, the name synced too. It is
/// written through up to `zeroed_size`, or whole where the file system gives space only to what is written.
///
/// Errors: kNoSpace (nothing is left behind), kIo.
Result<CreatedSegment> create_segment(io::Environment& env, const std::string& log_directory,
                                      const SegmentHeader& header, std::uint64_t zeroed_size);

/// What is zeroed at once: pieces past the page cache that let commits of the same disk in between.
inline constexpr std::uint64_t kZeroPieceSize = std::uint64_t{2} << 20;

/// Writes zeros durably. Requires: multiples of io::kBlockSize, inside the file.
Status write_zeros(io::File& file, std::uint64_t begin, std::uint64_t end);

/// The first block of a file.
std::vector<std::byte> encode_segment_header(const SegmentHeader& header);
/// Writes a header over a file's first block and syncs it.
Status write_segment_header(io::File& file, const SegmentHeader& header);

/// Reads and checks a header.
///
/// Errors: kCorrupt, kUnsupported, kIo.
Result<SegmentHeader> read_segment_header(io::File& file, const std::string& name);

}  // namespace chronos::wal
