// Copying a store while it is used, and making a store of a copy.
//
// A copy is the log up to a moment: sealed segments, which never change, and the bytes of the open one that were
// durable then. Segments that an earlier copy in the same place has are not copied again. What is derived (indexes,
// saved states) is left out: it is made again when the store is opened. Layout: docs/formats/log.md §8.
//
// Threads: free functions; one backup into a directory at a time, which a lock sees to.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "io/environment.h"
#include "wal/log.h"

namespace chronos::store {

struct BackupReport {
    Uuid database;
    std::uint64_t segment_count = 0;
    std::uint64_t copied_segment_count = 0;
    std::uint64_t bytes = 0;  ///< Of the log up to its end.
    std::uint64_t copied_bytes = 0;
    std::uint64_t end_seq = 0;
};

using OnProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Copies the log to `target`, a new directory or an earlier backup of the same database. Each copied segment is
/// compared with its hash, or read as a log; a copy that breaks off leaves the earlier backup usable.
///
/// Errors: kCorrupt naming the file; kAlreadyExists — `target` holds something else; kLocked; kNoSpace, kIo.
Result<BackupReport> backup(io::Environment env, const wal::Log& log, const std::string& target,
                            const OnProgress& on_progress);

/// Makes a store at `target`, which must not hold anything, of a backup. Every byte is compared with hashes and
/// checksums on the way. The store has a new store epoch: cursors of the old one are refused.
///
/// Errors: kNotFound; kCorrupt naming the file, and nothing is made; kAlreadyExists; kNoSpace, kIo.
Result<BackupReport> restore(io::Environment env, const std::string& backup, const std::string& target,
                             const OnProgress& on_progress);

}  // namespace chronos::store
