// Looking at a closed store as it is on disk: verify, and salvage into a new one.
//
// Threads: one at a time per store; the store's lock is held meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "io/environment.h"
#include "wal/scanner.h"

namespace chronos::store {

struct OfflineReport {
    std::uint64_t event_count = 0;  ///< On main.
    std::uint64_t record_count = 0;
    std::uint64_t segment_count = 0;
    std::uint64_t bytes = 0;
    std::uint64_t lost_event_count = 0;     ///< As far as gaps between seqs tell.
    std::uint64_t fork_event_count = 0;     ///< Of forks, which salvage leaves behind.
    std::uint64_t removed_event_count = 0;  ///< Of forks that ended, whose space was given back.
    std::vector<wal::Damage> damages;
};

/// Reads every byte of the log and compares it with checksums, chain, manifest and the hashes of sealed segments.
///
/// Errors: kNotFound, kLocked, kUnsupported, kIo; damage is in the report.
Result<OfflineReport> verify(io::Environment env, const std::string& directory,
                             const std::function<void(std::uint64_t, std::uint64_t)>& on_progress);

/// Copies every batch that can be read into a new store at `target`: ids, times, payloads and tags as they were,
/// positions anew. Forks are left behind. Each loss becomes a `$data.lost` event of the new store's system branch. A
/// damaged manifest is replaced by what the segments' own headers say.
///
/// Errors: kNotFound, kLocked, kAlreadyExists (target holds something), kUnsupported, kIo, kNoSpace.
Result<OfflineReport> salvage(io::Environment env, const std::string& directory, const std::string& target);

}  // namespace chronos::store
