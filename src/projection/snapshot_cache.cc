#include "projection/snapshot_cache.h"

#include <utility>

namespace chronos::projection {

std::shared_ptr<const FoldedState> SnapshotCache::find(const index::StreamHead* stream, Fold fold,
                                                       std::uint64_t count_max, std::optional<Timestamp> as_of) {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find({stream, fold});
    if (found == index_.end()) return nullptr;
    const Rungs& rungs = found->second;
    for (auto rung = rungs.upper_bound(count_max); rung != rungs.begin();) {
        --rung;
        const Entries::iterator entry = rung->second;
        if (as_of && entry->state->max_occurred_at > as_of->ns) continue;
        entries_.splice(entries_.begin(), entries_, entry);
        return entry->state;
    }
    return nullptr;
}

/// Requires: mutex_.
void SnapshotCache::erase(Entries::iterator entry) {
    const auto found = index_.find({entry->stream, entry->fold});
    found->second.erase(entry->state->event_count);
    if (found->second.empty()) index_.erase(found);
    bytes_ -= entry->bytes;
    entries_.erase(entry);
}

void SnapshotCache::keep(const index::StreamHead* stream, Fold fold, std::shared_ptr<const FoldedState> state,
                         Origin origin) {
    const std::size_t bytes = state->tree.memory_bytes() + sizeof(FoldedState) + sizeof(Entry);
    if (bytes > bytes_max_ / 4) return;
    const std::uint64_t count = state->event_count;
    const std::lock_guard lock(mutex_);
    if (const auto known = index_.find({stream, fold}); known != index_.end()) {
        if (known->second.contains(count)) return;
        const Entries::iterator longest = known->second.rbegin()->second;
        const std::uint64_t longest_count = longest->state->event_count;
        const bool is_rung = count % kRungEvents == 0;
        if (longest_count > count && !is_rung) return;
        if (longest_count < count && longest_count % kRungEvents != 0) erase(longest);
    }
    const bool is_unsaved = origin == Origin::kFolded;
    has_unsaved_ = has_unsaved_ || is_unsaved;
    entries_.push_front({stream, fold, std::move(state), bytes, is_unsaved});
    index_[{stream, fold}][count] = entries_.begin();
    bytes_ += bytes;
    while (bytes_ > bytes_max_) erase(std::prev(entries_.end()));
}

std::vector<SnapshotCache::Kept> SnapshotCache::take_unsaved() {
    std::vector<Kept> unsaved;
    const std::lock_guard lock(mutex_);
    if (!std::exchange(has_unsaved_, false)) return unsaved;
    for (const auto& [key, rungs] : index_) {
        for (const auto& [count, entry] : rungs) {
            if (!std::exchange(entry->is_unsaved, false)) continue;
            unsaved.push_back({key.stream, key.fold, entry->state});
        }
    }
    return unsaved;
}

}  // namespace chronos::projection
