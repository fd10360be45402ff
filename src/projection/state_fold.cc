#include "projection/state_fold.h"

#include <algorithm>
#include <limits>

#include "base/result.h"
#include "json/validate.h"

namespace chronos {

std::string_view fold_name(Fold fold) { return fold == Fold::kShallow ? "shallow" : "merge-patch"; }

}  // namespace chronos

namespace chronos::projection {
namespace {

/// Folding fewer events than this costs less than keeping a state.
constexpr std::uint64_t kSnapshotEventsMin = 64;
constexpr std::int64_t kBeforeAll = std::numeric_limits<std::int64_t>::min();

json::FoldKind kind_of(Fold fold) {
    return fold == Fold::kShallow ? json::FoldKind::kShallow : json::FoldKind::kMergePatch;
}

bool is_foldable(const event::EventBytes& event) {
    return !event.has(event::kUnvalidated) || json::validate_json(event.payload()).ok();
}

}  // namespace

std::shared_ptr<const FoldedState> SnapshotCache::find(const index::PostingList* stream, Fold fold,
                                                       std::uint64_t count_max, std::optional<Timestamp> as_of) {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find({stream, fold});
    if (found == index_.end()) return nullptr;
    const std::shared_ptr<const FoldedState>& state = found->second->state;
    if (state->event_count > count_max || (as_of && state->max_occurred_at > as_of->ns)) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return state;
}

void SnapshotCache::keep(const index::PostingList* stream, Fold fold, std::shared_ptr<const FoldedState> state) {
    const std::size_t bytes = state->tree.memory_bytes() + sizeof(FoldedState) + sizeof(Entry);
    if (bytes > bytes_max_ / 4) return;
    const std::lock_guard lock(mutex_);
    const auto found = index_.find({stream, fold});
    if (found != index_.end()) {
        if (found->second->state->event_count >= state->event_count) return;
        bytes_ -= found->second->bytes;
        entries_.erase(found->second);
        index_.erase(found);
    }
    entries_.push_front({stream, fold, std::move(state), bytes});
    index_[{stream, fold}] = entries_.begin();
    bytes_ += bytes;
    while (bytes_ > bytes_max_) {
        const Entry& last = entries_.back();
        bytes_ -= last.bytes;
        index_.erase({last.stream, last.fold});
        entries_.pop_back();
    }
}

std::vector<std::uint64_t> StateFolder::counted_seqs(const store::PinnedView& view, const index::PostingList& stream,
                                                     std::uint64_t begin_seq) const {
    std::vector<std::uint64_t> seqs;
    for (index::PostingCursor cursor(stream, begin_seq, view.end_seq, true); !cursor.done(); cursor.next()) {
        const std::uint64_t seq = cursor.get().seq;
        if (!view.as_of || view.counts(indexes_.event(seq))) seqs.push_back(seq);
    }
    return seqs;
}

Status StateFolder::fold_event(FoldedState& state, std::uint64_t seq, Fold fold,
                               std::vector<json::FieldChange>* changes) const {
    const event::EventBytes event = indexes_.event(seq);
    if (is_foldable(event)) {
        if (auto applied = state.tree.apply(event.payload(), seq, kind_of(fold), changes); !applied.ok())
            return std::move(applied).error();
    }
    const std::int64_t occurred_at = event.occurred_at();
    if (state.event_count > 0 && occurred_at < state.max_occurred_at) ++state.late_events;
    state.max_occurred_at = state.event_count == 0 ? occurred_at : std::max(state.max_occurred_at, occurred_at);
    state.last_seq = std::max(state.last_seq, seq);
    ++state.event_count;
    return {};
}

Result<FoldedState> StateFolder::fold_stream(const store::PinnedView& view, const index::PostingList& stream,
                                             const StateOptions& options, std::uint64_t& folded) const {
    FoldedState state;
    state.max_occurred_at = kBeforeAll;
    const bool in_stream_order = options.order == FoldOrder::kStream;
    std::uint64_t begin_seq = 0;
    if (in_stream_order && !options.ignore_snapshots) {
        if (const auto saved = snapshots_.find(&stream, options.fold, stream.count_below(view.end_seq), view.as_of)) {
            state = *saved;
            begin_seq = saved->last_seq + 1;
        }
    }
    std::vector<std::uint64_t> seqs = counted_seqs(view, stream, begin_seq);
    if (!in_stream_order) {
        FoldedState in_order;  // only to count the late ones
        for (const std::uint64_t seq : seqs) {
            const std::int64_t occurred_at = indexes_.event(seq).occurred_at();
            if (in_order.event_count++ > 0 && occurred_at < in_order.max_occurred_at) ++in_order.late_events;
            in_order.max_occurred_at =
                in_order.event_count == 1 ? occurred_at : std::max(in_order.max_occurred_at, occurred_at);
        }
        std::stable_sort(seqs.begin(), seqs.end(), [&](std::uint64_t a, std::uint64_t b) {
            return indexes_.event(a).occurred_at() < indexes_.event(b).occurred_at();
        });
        for (const std::uint64_t seq : seqs) RETURN_IF_ERROR(fold_event(state, seq, options.fold, nullptr));
        state.late_events = in_order.late_events;
        folded = seqs.size();
        return state;
    }
    for (std::size_t i = 0; i < seqs.size(); ++i) {
        if (i + 16 < seqs.size()) indexes_.prefetch_event(seqs[i + 16]);
        RETURN_IF_ERROR(fold_event(state, seqs[i], options.fold, nullptr));
    }
    folded = seqs.size();
    // A snapshot is a prefix of the stream: nothing that the view leaves out may lie before its end.
    const bool is_prefix = state.event_count > 0 && stream.count_below(state.last_seq + 1) == state.event_count;
    if (is_prefix && !options.ignore_snapshots && folded >= kSnapshotEventsMin)
        snapshots_.keep(&stream, options.fold, std::make_shared<const FoldedState>(state));
    return state;
}

void StateFolder::add_origins(const json::MergeTree& tree, State& state) const {
    tree.visit_fields([&](std::string_view pointer, std::string_view raw_json, std::uint64_t seq) {
        const EventView event = store::make_event_view(indexes_, seq);
        state.origins.push_back({.pointer = std::string(pointer),
                                 .value = std::string(raw_json),
                                 .event_id = event.id,
                                 .position = event.position,
                                 .version = event.version,
                                 .event_type = std::string(event.event_type),
                                 .recorded_at = event.recorded_at,
                                 .occurred_at = event.occurred_at});
    });
}

Result<State> StateFolder::state(const store::PinnedView& view, std::string_view entity_id,
                                 const StateOptions& options) const {
    State state;
    state.entity_id = entity_id;
    const index::PostingList* stream = indexes_.entities().find(view.branch, entity_id);
    if (stream == nullptr) return state;
    state.current_version = {stream->count_below(view.end_seq)};
    ASSIGN_OR_RETURN(const FoldedState folded, fold_stream(view, *stream, options, state.folded_events));
    state.event_count = folded.event_count;
    state.exists = folded.event_count > 0;
    state.late_events = folded.late_events;
    if (!state.exists) {
        index::PostingCursor first(*stream, 0, view.published_seq, true);
        if (!first.done()) state.first_event_at = Timestamp{indexes_.event(first.get().seq).occurred_at()};
        return state;
    }
    const EventView last = store::make_event_view(indexes_, folded.last_seq);
    state.version = last.version;
    state.last_recorded_at = last.recorded_at;
    state.last_occurred_at = Timestamp{folded.max_occurred_at};
    state.json = folded.tree.to_json();
    if (options.with_origins) add_origins(folded.tree, state);
    return state;
}

Result<std::vector<HistoryEntry>> StateFolder::history(const store::PinnedView& view, std::string_view entity_id,
                                                       const StateOptions& options) const {
    std::vector<HistoryEntry> entries;
    const index::PostingList* stream = indexes_.entities().find(view.branch, entity_id);
    if (stream == nullptr) return entries;
    std::vector<std::uint64_t> seqs = counted_seqs(view, *stream, 0);
    if (options.order == FoldOrder::kOccurred)
        std::stable_sort(seqs.begin(), seqs.end(), [&](std::uint64_t a, std::uint64_t b) {
            return indexes_.event(a).occurred_at() < indexes_.event(b).occurred_at();
        });
    FoldedState state;
    std::vector<json::FieldChange> changes;
    for (const std::uint64_t seq : seqs) {
        changes.clear();
        RETURN_IF_ERROR(fold_event(state, seq, options.fold, &changes));
        HistoryEntry& entry = entries.emplace_back();
        entry.event = copy(store::make_event_view(indexes_, seq));
        for (json::FieldChange& change : changes)
            entry.changes.push_back(
                {std::move(change.pointer), std::move(change.before), std::move(change.after)});
    }
    return entries;
}

}  // namespace chronos::projection
