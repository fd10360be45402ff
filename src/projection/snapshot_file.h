// Snapshot files: saved states of entities, written once, renamed into place, never changed. Format:
// docs/formats/snapshots.md.
//
// A snapshot file is derived: it can be deleted at any time the store is closed, and what is damaged is not used.
//
// Threads: a SnapshotFile is immutable; all methods from any thread. Look-ups pin what they read while they read it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/file_image.h"
#include "cache/image_cache.h"
#include "chronos/state.h"
#include "chronos/types.h"
#include "io/file_system.h"
#include "projection/snapshot_format.h"

namespace chronos::projection {

/// "000001-000008.snap"
std::string snapshot_file_name(std::uint32_t first_turn, std::uint32_t last_turn);
/// The turns a name speaks of; nothing for other names.
std::optional<std::pair<std::uint32_t, std::uint32_t>> parse_snapshot_file_name(std::string_view name);

/// A stream and how it is folded.
struct SnapshotKey {
    std::uint64_t hash = 0;  ///< As index::StreamHeads::hash.
    event::BranchNumber branch = event::kMainBranch;
    Fold fold = Fold::kMergePatch;
    std::string_view entity_id;
};

/// A state as it is in a file.
struct SavedState {
    SnapshotEntry entry;
    std::string json;
    std::vector<std::uint64_t> origins;
};

class SnapshotFile {
public:
    /// What a file must be of.
    struct Owner {
        Uuid database;
        std::uint32_t store_epoch = 0;
    };
    /// Opens and checks what is small; the rest is checked as it is read.
    ///
    /// Errors: kCorrupt, kUnsupported, kNotFound, kIo. A file with any of them is not used.
    static Result<std::shared_ptr<SnapshotFile>> open(io::FileSystem& files, cache::ImageCache& cache,
                                                      const std::string& path, const Owner& owner);
    ~SnapshotFile() = default;
    SnapshotFile(const SnapshotFile&) = delete;
    SnapshotFile& operator=(const SnapshotFile&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::uint64_t file_size() const { return layout_.file_size; }
    [[nodiscard]] std::uint32_t first_turn() const { return footer_.first_turn; }
    [[nodiscard]] std::uint32_t last_turn() const { return footer_.last_turn; }
    [[nodiscard]] std::uint64_t entry_count() const { return footer_.entry_count; }
    [[nodiscard]] std::uint64_t states_end() const { return footer_.states_end; }

    // Errors of all: kCorrupt naming the file, kIo.

    /// The longest state of at most `count_max` events, all of which occurred by `as_of`.
    struct Limits {
        std::uint64_t count_max = ~std::uint64_t{0};
        std::optional<Timestamp> as_of;
    };
    Result<std::optional<SnapshotEntry>> find(const SnapshotKey& key, const Limits& limits) const;
    /// Its text and origins. Requires: `entry` is of this file, as `find` or `entry` gave it.
    Result<SavedState> read(const SnapshotEntry& entry) const;

    /// An entry, checked: its state lies among the states. Requires: index < entry_count().
    Result<SnapshotEntry> entry(std::uint64_t index) const;
    /// Copies bytes of the states. Requires: they end at states_end() or before.
    Status copy(std::uint64_t offset, std::span<std::byte> out) const;

    /// Loads and checks everything, states too.
    Status verify() const;

private:
    class Pin;
    SnapshotFile() = default;
    [[nodiscard]] Error corrupt(std::string_view what) const;
    Status read_head_and_footer(std::uint64_t size, const Owner& owner);
    static Result<SnapshotEntry> load_entry(Pin& pin, std::uint64_t index);
    Result<SnapshotEntry> checked_entry(Pin& pin, std::uint64_t index) const;

    std::string path_;
    std::unique_ptr<io::File> file_;
    SnapshotFooter footer_;
    SnapshotLayout layout_;
    cache::ImageCache* cache_ = nullptr;
    std::unique_ptr<cache::FileImage> image_;  // of the body; behind file_, so that it goes first
};

}  // namespace chronos::projection
