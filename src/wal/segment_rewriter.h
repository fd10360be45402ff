// A sealed segment written anew without records that are not needed any more. Every byte that stays is read, checked
// and copied to its old place in a fresh sparse file; the fresh file is synced and read back before anybody hears of
// it.
//
//     000042.log     |header|A|B B B|A|B|A A|
//     000042-1.log   |header|A|     |A| |A A|stubs of B B B B|
//
// Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/file_image.h"
#include "io/environment.h"
#include "wal/manifest.h"
#include "wal/removals.h"

namespace chronos::wal {

/// A record of the log, asked about.
struct RecordPlace {
    event::BranchNumber branch = 0;
    std::uint64_t first_seq = 0;
    std::uint32_t event_count = 0;
};
/// Why the record may go; nothing if it stays.
using ChooseRemoval = std::function<std::optional<RemovalReason>(const RecordPlace&)>;

/// What is to be rewritten, and how.
struct RewriteOrder {
    SegmentEntry entry;          ///< As the manifest lists it.
    io::File* file = nullptr;    ///< Its file.
    cache::BlockCrcs crcs;       ///< Of the file's blocks.
    std::uint32_t revision = 0;  ///< The new one.
    std::uint32_t epoch = 0;     ///< The writer's.
    ChooseRemoval choose;
    /// With less to gain nothing is written.
    std::uint64_t gain_min_bytes = 0;
    /// Called after so many bytes were read or written; an error ends the work and nothing is left behind.
    std::function<Status(std::uint64_t bytes)> yield;
};

struct RewrittenSegment {
    SegmentEntry entry;  ///< As the manifest is to list it.
    std::unique_ptr<io::File> file;
    std::vector<std::uint32_t> crcs;
    std::vector<RemovedRecord> stubs;  ///< All of them, also of earlier revisions.
    std::uint64_t removed_events = 0;  ///< Since the revision before.
    std::uint64_t size_on_disk = 0;
};

/// The name of the file in `log_directory` is durable when this returns; the manifest does not list it yet. Nothing if
/// there is too little to gain.
///
/// A record is removed only where that frees a block of the disk, and more than its stub takes.
///
/// Errors: kCorrupt when the old file is damaged; kNoSpace, kIo; those of yield. Nothing is left behind.
Result<std::optional<RewrittenSegment>> rewrite_segment(io::Environment env, const std::string& log_directory,
                                                        const RewriteOrder& order);

}  // namespace chronos::wal
