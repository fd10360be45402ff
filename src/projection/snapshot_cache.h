// Recently folded states in memory, least recently used out first: of each stream the longest, and of long streams one
// at each multiple of kRungEvents.
//
// Threads: every method from any thread; the lock is never held while folding.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "chronos/state.h"
#include "index/stream_heads.h"
#include "projection/folded_state.h"

namespace chronos::projection {

class SnapshotCache {
public:
    explicit SnapshotCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// The longest state of at most `count_max` events of the stream, all of which occurred by `as_of`.
    std::shared_ptr<const FoldedState> find(const index::StreamHead* stream, Fold fold, std::uint64_t count_max,
                                            std::optional<Timestamp> as_of);
    enum class Origin : std::uint8_t {
        kFolded,
        kFile,  ///< It need not be saved again.
    };
    /// Keeps a state if it is longer than those that are kept, or a rung.
    void keep(const index::StreamHead* stream, Fold fold, std::shared_ptr<const FoldedState> state, Origin origin);

    struct Kept {
        const index::StreamHead* stream = nullptr;
        Fold fold = Fold::kMergePatch;
        std::shared_ptr<const FoldedState> state;
    };
    /// What was folded since this was last asked, those of one stream and fold one after the other, shorter ones first.
    std::vector<Kept> take_unsaved();

private:
    struct Entry {
        const index::StreamHead* stream;
        Fold fold;
        std::shared_ptr<const FoldedState> state;
        std::size_t bytes;
        bool is_unsaved;
    };
    using Entries = std::list<Entry>;
    using Rungs = std::map<std::uint64_t, Entries::iterator>;  // by count of events
    struct Key {
        const index::StreamHead* stream;
        Fold fold;
        bool operator==(const Key&) const = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const {
            return std::hash<const void*>()(key.stream) * 2 + static_cast<std::size_t>(key.fold);
        }
    };

    void erase(Entries::iterator entry);

    const std::size_t bytes_max_;
    std::mutex mutex_;
    std::size_t bytes_ = 0;                          // guarded by mutex_
    Entries entries_;                                // guarded by mutex_; most recently used first
    std::unordered_map<Key, Rungs, KeyHash> index_;  // guarded by mutex_
    bool has_unsaved_ = false;                       // guarded by mutex_
};

}  // namespace chronos::projection
