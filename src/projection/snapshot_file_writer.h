// One snapshot file on its way to disk: states as they come, then their entries in order. Format:
// docs/formats/snapshots.md.
//
//     create ─▶ add … | add_all … ─▶ finish        not finished: the file is removed
//
// Threads: one thread. Memory: 72 bytes for each state, and a piece of the file.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/image_file_writer.h"
#include "projection/folded_state.h"
#include "projection/snapshot_file.h"

namespace chronos::projection {

class SnapshotFileWriter {
public:
    /// What is the same for the whole file.
    struct Description {
        SnapshotFile::Owner owner;
        std::uint32_t first_turn = 0, last_turn = 0;
    };
    static Result<std::unique_ptr<SnapshotFileWriter>> create(io::FileSystem& files, const std::string& directory,
                                                              const Description& description);

    /// A state and what its JSON text is. Requires: the text is at most kSavedJsonSizeMax long.
    struct Addition {
        SnapshotKey key;
        const FoldedState* state = nullptr;
        std::string_view json;
        std::int64_t last_recorded_at = 0;
    };
    void add(const Addition& addition);

    [[nodiscard]] bool empty() const { return entries_.empty(); }
    [[nodiscard]] const Status& status() const { return out_->status(); }

    /// Makes it durable under its name; returns its path. Requires: not empty. Errors: kNoSpace, kIo.
    Result<std::string> finish();

    /// Writes one file in place of several whose turns follow each other; holds a piece of each in memory.
    /// Returns its path. Errors: kCorrupt, kIo, of reading them; as `finish`.
    static Result<std::string> merge(io::FileSystem& files, const std::string& directory,
                                     const SnapshotFile::Owner& owner,
                                     std::span<const std::shared_ptr<SnapshotFile>> parts);

private:
    SnapshotFileWriter(std::unique_ptr<cache::ImageFileWriter> out, const Description& description);

    Status copy_states(const SnapshotFile& file);
    Status merge_entries(std::span<const std::shared_ptr<SnapshotFile>> parts, const std::vector<std::uint64_t>& moves);
    Result<std::string> finish(std::uint64_t states_end, std::uint64_t entry_count);

    std::unique_ptr<cache::ImageFileWriter> out_;
    const Description description_;
    std::vector<SnapshotEntry> entries_;
};

}  // namespace chronos::projection
