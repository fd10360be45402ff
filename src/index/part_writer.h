// The index file of one memory part, written as the part stands: nothing of it is copied but a pointer to each key, in
// the order of the file. Format: docs/formats/index.md.
//
// Threads: as the part: one thread, while nothing is added to the part; newer parts may grow.
#pragma once

#include <string>

#include "chronos/types.h"
#include "index/index_content.h"
#include "index/memory_part.h"
#include "io/file_system.h"

namespace chronos::index {

/// Writes the part into `directory` as write_index_file writes content. Returns the file's path.
///
/// Requires: nothing is added to the part any more and it was caught up; `streams` are those all parts share.
/// Errors: kNoSpace (nothing is left behind), kIo.
Result<std::string> write_part_file(io::FileSystem& files, const std::string& directory, const Uuid& database,
                                    const MemoryPart& part, const StreamHeads& streams, const IndexResident& resident);

/// Bytes that write_part_file takes at most while it runs.
std::uint64_t part_file_working_bytes(const MemoryPart& part);

}  // namespace chronos::index
