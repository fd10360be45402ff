// The snapshot files of a store: states of entities that outlive the process. Format: docs/formats/snapshots.md; which
// states, and why: docs/decisions/0008-saved-states.md.
//
//     turn 9 ──▶ 000009-000009.snap      newest first: a stream's states in a newer file are longer than in an older
//     one 8 files of one tier in a row ─▶ one file of the next tier
//
// Files are derived: what cannot be read is not used any more, what cannot be written is left out.
//
// Threads: `find`, `longest` and `sizes` from any thread; the rest one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cache/image_cache.h"
#include "io/file_system.h"
#include "projection/snapshot_file.h"
#include "projection/snapshot_file_writer.h"

namespace chronos::projection {

class SavedStates {
public:
    struct Options {
        std::string directory;  ///< Of the files; made with the first.
        SnapshotFile::Owner owner;
        /// Files of one tier that become one of the next.
        std::size_t merge_count = 8;
    };
    SavedStates(io::FileSystem& files, cache::ImageCache& cache, Options options);

    /// The longest state within the limits; nothing if there is none or it cannot be read.
    /// Cost: a search in each file, newest first; the first call opens the files.
    std::optional<SavedState> find(const SnapshotKey& key, const SnapshotFile::Limits& limits);
    /// How many events the longest state of a stream has; 0 for none.
    std::uint64_t longest(const SnapshotKey& key);

    // Behind appends.

    /// A file for the states of the next turn. Errors: kNoSpace, kIo.
    Result<std::unique_ptr<SnapshotFileWriter>> begin();
    /// Makes it one of the files. Requires: not empty. Errors: the same.
    Status add(SnapshotFileWriter& writer);
    /// Merges once if there is something to merge; returns whether it did.
    bool merge_once();

    struct Sizes {
        std::uint64_t file_count = 0, file_bytes = 0;
    };
    Sizes sizes();

private:
    using Files = std::vector<std::shared_ptr<SnapshotFile>>;  // by turns

    std::shared_ptr<const Files> files();
    Files open_files();
    void change(const std::function<void(Files&)>& change);
    void drop(const SnapshotFile* file);
    Status prepare_directory();
    void remove_unused();
    Result<std::shared_ptr<SnapshotFile>> open(const std::string& path);

    io::FileSystem& file_system_;
    cache::ImageCache& cache_;
    const Options options_;

    std::mutex mutex_;                    // held while the files are opened, and to copy or replace a pointer
    std::shared_ptr<const Files> files_;  // guarded by mutex_; null until they are opened
    std::uint32_t last_turn_ = 0;         // guarded by mutex_; of names seen, usable or not

    bool directory_is_ready_ = false;
};

/// The snapshot files of a closed store that are damaged, each with what is wrong with it.
struct DamagedSnapshots {
    std::string name;
    std::string what;
};
std::vector<DamagedSnapshots> verify_snapshots(io::FileSystem& files, const std::string& directory,
                                               const SnapshotFile::Owner& owner);

}  // namespace chronos::projection
