// What facts about forks came to up to some seq, as a file beside the index files: opening a store then reads only the
// facts behind it. Forks that are gone, and no living one's ancestors, are not in it; that they are gone is.
//
// Derived: deleting it, or not believing it, costs time and nothing else. Format: docs/formats/index.md § 7.
//
// Threads: functions without state.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "chronos/types.h"
#include "io/file_system.h"
#include "store/branches.h"

namespace chronos::store {

/// The segment of the log that a table ends with.
struct TableSegment {
    std::uint32_t number = 0;
    std::uint32_t last_crc = 0;
    std::uint64_t salt = 0;

    bool operator==(const TableSegment&) const = default;
};

struct ForkTable {
    Branches::State state;
    TableSegment segment;
};

std::vector<std::byte> encode_fork_table(const ForkTable& table, const Uuid& database);
/// Errors: kCorrupt, kUnsupported.
Result<ForkTable> decode_fork_table(std::span<const std::byte> bytes, const Uuid& database);

/// Replaces the table in `directory` (of index files); durable when it returns.
Status write_fork_table(io::FileSystem& files, const std::string& directory, const ForkTable& table,
                        const Uuid& database);
/// Errors: kNotFound, kCorrupt, kUnsupported, kIo.
Result<ForkTable> read_fork_table(io::FileSystem& files, const std::string& directory, const Uuid& database);

}  // namespace chronos::store
