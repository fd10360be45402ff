// Entity state: folding the object payloads of a stream, from the nearest saved state when there is one.
//
// Saved states (snapshots) only save time: with and without them every answer is the same, because a snapshot is used
// only when the view counts every event in it.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "chronos/state.h"
#include "projection/folded_state.h"
#include "projection/saved_states.h"
#include "projection/snapshot_cache.h"
#include "store/index_set.h"
#include "store/reader.h"
#include "store/stream.h"
#include "store/view.h"

namespace chronos::projection {

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
    /// `saved` is null where nothing is on disk.
    StateFolder(const store::IndexSet& indexes, SnapshotCache& snapshots, SavedStates* saved)
        : indexes_(indexes), snapshots_(snapshots), saved_(saved) {}

    /// Errors: kLimitExceeded for payloads nested deeper than 64.
    Result<State> state(const store::PinnedView& view, std::string_view entity_id, const StateOptions& options) const;
    /// Errors: the same.
    Result<std::vector<HistoryEntry>> history(const store::PinnedView& view, std::string_view entity_id,
                                              const StateOptions& options) const;
    /// A part of it. Errors: the same.
    Result<HistoryPage> history_page(const store::PinnedView& view, std::string_view entity_id,
                                     const StateOptions& options, const HistoryPart& part) const;
    /// The same, one event after the other without keeping them.
    Status visit_history(const store::PinnedView& view, std::string_view entity_id, const StateOptions& options,
                         const HistoryVisit& visit) const;

    // For the state keeper.

    /// The longest saved state that the view can use, or one without events. Requires: a view without as_of.
    [[nodiscard]] FoldedState nearest(const store::PinnedView& view, const store::Stream& stream, Fold fold) const;
    using OnRung = std::function<void(const FoldedState&)>;
    /// Folds what the view has of a stream behind `state`, and tells of the states on the way that are rungs.
    /// Requires: `state` is a prefix of the stream; a view without as_of.
    Status fold_on(const store::PinnedView& view, const store::Stream& stream, Fold fold, FoldedState& state,
                   const OnRung& on_rung) const;

private:
    /// An event that a fold takes, and when it occurred.
    struct Counted {
        std::uint64_t seq = 0;
        std::int64_t occurred_at = 0;
    };
    [[nodiscard]] static std::vector<Counted> counted_events(store::Reader& reader, const store::PinnedView& view,
                                                             const store::Stream& stream, std::uint64_t begin_seq);
    /// All of a stream in the order of a fold.
    [[nodiscard]] static std::vector<Counted> ordered_events(store::Reader& reader, const store::PinnedView& view,
                                                             const store::Stream& stream, FoldOrder order);
    static Status fold_event(FoldedState& state, const event::EventBytes& event, std::uint64_t seq, Fold fold,
                             std::vector<json::FieldChange>* changes);
    /// The longest state of at most `count_max` events that is kept of the stream or of what it inherits.
    [[nodiscard]] std::shared_ptr<const FoldedState> find_snapshot(store::Reader& reader, const store::Stream& stream,
                                                                   Fold fold, const SnapshotFile::Limits& limits) const;
    /// The same from the files, if it fits this log.
    [[nodiscard]] std::shared_ptr<const FoldedState> load(const store::PostingKey& piece, Fold fold,
                                                          const SnapshotFile::Limits& limits) const;
    /// Folds events in the order given; `on_rung`, if given, as fold_on.
    Status fold_events(FoldedState& state, const std::vector<Counted>& events, Fold fold, const OnRung& on_rung) const;
    Result<FoldedState> fold_stream(const store::PinnedView& view, const store::Stream& stream,
                                    const StateOptions& options, std::uint64_t& folded) const;
    Result<std::optional<Timestamp>> first_event_at(const store::PinnedView& view, std::string_view entity_id) const;
    static void add_origins(store::Reader& reader, const json::MergeTree& tree, State& state);

    const store::IndexSet& indexes_;
    SnapshotCache& snapshots_;
    SavedStates* saved_;
};

}  // namespace chronos::projection
