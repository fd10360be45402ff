// An index file made again from the log while the store is open: for one in which damage was found.
//
//     damaged file of segments 3..5   ─▶   files of 3, of 4, of 5     (and merging goes on with those)
//
// What streams had before a segment is asked of the heads and of the files in front of it; those are not damaged, as
// damage is mended from the front.
//
// Threads: the thread that writes index files.
#pragma once

#include <functional>
#include <vector>

#include "io/environment.h"
#include "store/index_set.h"
#include "wal/log.h"

namespace chronos::store {

struct RebuildPlace {
    io::FileSystem& files;
    const std::string& directory;  ///< Of the index files.
    Uuid database;
    /// Opens a file that was written, and reads it back.
    std::function<Result<std::shared_ptr<index::IndexFile>>(const std::string& path)> open;
    /// Called between segments and now and then; an error of it ends the work.
    std::function<Status()> yield;
};

/// Writes files of the segments of `parts.files[damaged]`, in order. A file of one segment replaces the damaged one
/// under its name. The files are not in use yet.
///
/// Memory: one segment, whole, and the index of it.
/// Errors: kCorrupt when the log is damaged there, or a file in front; kNoSpace, kIo; those of yield. What was written
/// by then is left: it is right, and no harm.
Result<std::vector<FilePart>> rebuild_index_file(const RebuildPlace& place, wal::Log& log, const IndexSet& indexes,
                                                 const IndexParts& parts, std::size_t damaged);

}  // namespace chronos::store
