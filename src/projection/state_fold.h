// Entity state: folding the object payloads of a stream, from the nearest saved state when there is one.
//
// Saved states (snapshots) only save time: with and without them every answer is the same, because a snapshot is used
// only when the view counts every event in it.
//
// Threads: StateFolder from any thread; SnapshotCache locks inside, never while folding.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "chronos/state.h"
#include "json/merge_tree.h"
#include "store/index_set.h"
#include "store/reader.h"
#include "store/stream.h"
#include "store/view.h"

namespace chronos::projection {

/// What folding the first `event_count` events of a stream comes to.
struct FoldedState {
    json::MergeTree tree;
    std::uint64_t event_count = 0;  ///< Events folded, a prefix of the stream.
    std::uint64_t late_events = 0;
    std::int64_t max_occurred_at = 0;
    std::uint64_t last_seq = 0;
};

/// Recently folded states, least recently used out first: of each stream the longest, and of long streams one at each
/// multiple of kRungEvents, from which states of the past start.
class SnapshotCache {
public:
    static constexpr std::uint64_t kRungEvents = 1'024;

    explicit SnapshotCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// The longest state of at most `count_max` events of the stream, all of which occurred by `as_of`.
    std::shared_ptr<const FoldedState> find(const index::StreamHead* stream, Fold fold, std::uint64_t count_max,
                                            std::optional<Timestamp> as_of);
    /// Keeps a state if it is longer than those that are kept, or a rung.
    void keep(const index::StreamHead* stream, Fold fold, std::shared_ptr<const FoldedState> state);

private:
    struct Entry {
        const index::StreamHead* stream;
        Fold fold;
        std::shared_ptr<const FoldedState> state;
        std::size_t bytes;
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
};

/// One event of a history and what it changed; valid during the visit.
struct HistoryStep {
    std::uint64_t seq = 0;
    event::EventBytes bytes;
    EventView event;
    std::vector<json::FieldChange>& changes;  ///< May be taken.
};
using HistoryVisit = std::function<void(const HistoryStep&)>;

class StateFolder {
public:
    StateFolder(const store::IndexSet& indexes, SnapshotCache& snapshots) : indexes_(indexes), snapshots_(snapshots) {}

    /// Errors: kLimitExceeded for payloads nested deeper than 64.
    Result<State> state(const store::PinnedView& view, std::string_view entity_id, const StateOptions& options) const;
    /// Errors: the same.
    Result<std::vector<HistoryEntry>> history(const store::PinnedView& view, std::string_view entity_id,
                                              const StateOptions& options) const;
    /// The same, one event after the other without keeping them.
    Status visit_history(const store::PinnedView& view, std::string_view entity_id, const StateOptions& options,
                         const HistoryVisit& visit) const;

private:
    /// An event that a fold takes, and when it occurred.
    struct Counted {
        std::uint64_t seq = 0;
        std::int64_t occurred_at = 0;
    };
    [[nodiscard]] static std::vector<Counted> counted_events(store::Reader& reader, const store::PinnedView& view,
                                                             const store::Stream& stream, std::uint64_t begin_seq);
    static Status fold_event(FoldedState& state, const event::EventBytes& event, std::uint64_t seq, Fold fold,
                             std::vector<json::FieldChange>* changes);
    /// The longest state of at most `count_max` events that is kept of the stream or of what it inherits.
    [[nodiscard]] std::shared_ptr<const FoldedState> find_snapshot(store::Reader& reader, const store::Stream& stream,
                                                                   Fold fold, std::uint64_t count_max,
                                                                   std::optional<Timestamp> as_of) const;
    /// Folds events in the order given.
    /// In stream order `rungs_of` names the stream whose rungs are kept on the way.
    Status fold_events(FoldedState& state, const std::vector<Counted>& events, Fold fold,
                       const index::StreamHead* rungs_of) const;
    Result<FoldedState> fold_stream(const store::PinnedView& view, const store::Stream& stream,
                                    const StateOptions& options, std::uint64_t& folded) const;
    Result<std::optional<Timestamp>> first_event_at(const store::PinnedView& view, std::string_view entity_id) const;
    static void add_origins(store::Reader& reader, const json::MergeTree& tree, State& state);

    const store::IndexSet& indexes_;
    SnapshotCache& snapshots_;
};

}  // namespace chronos::projection
