// What is left of records that were removed from a sealed segment: a stub for each, in a table behind the places of its
// records. Kept records stay where they were; where a removed one was there are zeros, and no disk space.
// Format: docs/formats/log.md §9.
//
//     |header|record|  hole  |record|    hole      | table of stubs |
//                                                  ^ removals_offset, a multiple of 4 KiB
//
// Threads: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "chronos/result.h"
#include "event/ids.h"
#include "wal/record.h"

namespace chronos::wal {

enum class RemovalReason : std::uint8_t {
    kForkEnded = 1,  ///< It was appended to a fork that was merged, discarded or has expired.
};

/// A stub. Besides what a record was it says what its neighbours, the order of positions and searches by time need.
struct RemovedRecord {
    std::uint64_t first_seq = 0;
    std::uint64_t first_position = 0;  ///< On its branch.
    std::int64_t recorded_at = 0;
    std::uint32_t event_count = 0;
    event::BranchNumber branch = 0;
    std::byte body_hash[16] = {};
    std::uint32_t record_crc = 0;  ///< What the next record carries as previous CRC.
    std::uint32_t record_size = 0;
    std::uint32_t place = 0;  ///< Its offset in the file, in units of kRecordAlignment.
    std::uint16_t group_index = 0;
    std::uint16_t group_last_index = 0;
    std::uint32_t epoch = 0;
    RemovalReason reason = RemovalReason::kForkEnded;
    std::uint8_t zero[3] = {};

    [[nodiscard]] std::uint64_t offset() const { return std::uint64_t{place} * kRecordAlignment; }
    [[nodiscard]] std::uint64_t end_offset() const { return offset() + record_size; }
    [[nodiscard]] std::uint64_t end_seq() const { return first_seq + event_count; }
};
static_assert(sizeof(RemovedRecord) == 72 && offsetof(RemovedRecord, body_hash) == 32 &&
              offsetof(RemovedRecord, place) == 56 && offsetof(RemovedRecord, reason) == 68);
static_assert(std::has_unique_object_representations_v<RemovedRecord>);

/// Stubs in one record of the table.
inline constexpr std::size_t kStubsPerRecord = 65'536;

/// Bytes of a table of `count` stubs, a multiple of io::kBlockSize. Requires: count > 0.
std::uint64_t removals_size(std::size_t count);
/// Where stub `index` is in the file.
std::uint64_t stub_offset(std::uint64_t removals_offset, std::size_t index);

/// The table of `stubs`, which are in the order of their places. `epoch` is the writer's.
std::vector<std::byte> encode_removals(std::span<const RemovedRecord> stubs, std::uint64_t removals_offset,
                                       const SegmentIdentity& segment, std::uint32_t epoch);

/// Reads a table. `bytes` reach from `removals_offset` to the end of the file.
///
/// Errors: kCorrupt; kUnsupported.
Result<std::vector<RemovedRecord>> decode_removals(std::span<const std::byte> bytes, std::uint64_t removals_offset,
                                                   const SegmentIdentity& segment);

}  // namespace chronos::wal
