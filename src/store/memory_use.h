// What a store holds in memory, and what of it can be given back.
//
// Threads: a plain value.
#pragma once

#include <cstdint>

namespace chronos::store {

/// In bytes. Estimates are never below what is there by more than what one batch takes.
struct MemoryUse {
    std::uint64_t heads = 0;        ///< Heads of streams, runs of branches; never given back.
    std::uint64_t files = 0;        ///< Filters, checksums and times of index files; checksums of segments.
    std::uint64_t log_tail = 0;     ///< The segment appended to, and memory made ahead of it.
    std::uint64_t log_waiting = 0;  ///< Segments on their way to an index file; then they are blocks.
    std::uint64_t working = 0;      ///< While an index file is written, merged or made again.
    std::uint64_t held_parts = 0;   ///< Parts of the index that were dropped, but that somebody reads.
    std::uint64_t parts = 0;        ///< Parts of the index; those that have a file are dropped when memory is short.
    std::uint64_t blocks = 0;       ///< Blocks of segments and index files; given back unless pinned.

    /// What stays whatever happens.
    [[nodiscard]] std::uint64_t fixed() const { return heads + files + log_tail + log_waiting + working + held_parts; }
    [[nodiscard]] std::uint64_t total() const { return fixed() + parts + blocks; }
};

}  // namespace chronos::store
