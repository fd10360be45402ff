#include "projection/state_fold.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "base/result.h"
#include "json/validate.h"
#include "projection/event_metadata.h"

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

void SnapshotCache::keep(const index::StreamHead* stream, Fold fold, std::shared_ptr<const FoldedState> state) {
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
    entries_.push_front({stream, fold, std::move(state), bytes});
    index_[{stream, fold}][count] = entries_.begin();
    bytes_ += bytes;
    while (bytes_ > bytes_max_) erase(std::prev(entries_.end()));
}

std::vector<StateFolder::Counted> StateFolder::counted_events(store::Reader& reader, const store::PinnedView& view,
                                                              const store::Stream& stream, std::uint64_t begin_seq) {
    std::vector<Counted> events;
    store::StreamCursor cursor(reader, stream, {.begin_seq = begin_seq, .end_seq = view.end_seq});
    for (; !cursor.done(); cursor.next()) {
        const std::byte* at = reader.event(cursor.get());
        if (at == nullptr) break;
        const event::EventBytes event(at);
        if (view.counts(event)) events.push_back({cursor.get(), event.occurred_at()});
    }
    return events;
}

Status StateFolder::fold_event(FoldedState& state, const event::EventBytes& event, std::uint64_t seq, Fold fold,
                               std::vector<json::FieldChange>* changes) {
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

Status StateFolder::fold_events(FoldedState& state, const std::vector<Counted>& events, Fold fold,
                                const index::StreamHead* rungs_of) const {
    store::ImagePins pins;
    store::Reader reader(indexes_, {.keep = &pins});
    std::array<std::uint64_t, store::kLookupGroup> seqs;
    std::array<store::Reader::Found, store::kLookupGroup> found;
    for (std::size_t first = 0; first < events.size(); first += seqs.size()) {
        const std::size_t count = std::min(seqs.size(), events.size() - first);
        for (std::size_t i = 0; i < count; ++i) seqs[i] = events[first + i].seq;
        if (!reader.find(std::span(seqs).first(count), found.data())) return reader.status();
        for (std::size_t i = 0; i < count; ++i) {
            RETURN_IF_ERROR(fold_event(state, event::EventBytes(found[i].at), seqs[i], fold, nullptr));
            // As many events as the stream has up to here: none was left out.
            const bool is_rung = rungs_of != nullptr && state.event_count % SnapshotCache::kRungEvents == 0 &&
                                 found[i].place + 1 == state.event_count;
            if (is_rung) snapshots_.keep(rungs_of, fold, std::make_shared<const FoldedState>(state));
        }
        pins.release();
    }
    return {};
}

std::shared_ptr<const FoldedState> StateFolder::find_snapshot(store::Reader& reader, const store::Stream& stream,
                                                              Fold fold, std::uint64_t count_max,
                                                              std::optional<Timestamp> as_of) const {
    for (std::size_t i = stream.piece_count(); i > 0; --i) {
        const store::PostingKey& piece = stream.piece(i - 1);
        const bool is_newest = i == stream.piece_count();
        // The events of an ancestor behind the fork position are not this stream's.
        const std::uint64_t in_piece = is_newest ? count_max : store::count_below(reader, piece, piece.end_seq);
        if (auto found = snapshots_.find(piece.stream, fold, std::min(count_max, in_piece), as_of)) return found;
    }
    return nullptr;
}

Result<FoldedState> StateFolder::fold_stream(const store::PinnedView& view, const store::Stream& stream,
                                             const StateOptions& options, std::uint64_t& folded) const {
    FoldedState state;
    state.max_occurred_at = kBeforeAll;
    store::Reader reader(indexes_);
    const bool in_stream_order = options.order == FoldOrder::kStream;
    std::uint64_t begin_seq = 0;
    if (in_stream_order && !options.ignore_snapshots) {
        const std::uint64_t count = store::count_below(reader, stream, view.end_seq);
        if (const auto saved = find_snapshot(reader, stream, options.fold, count, view.as_of)) {
            state = *saved;
            begin_seq = saved->last_seq + 1;
        }
    }
    std::vector<Counted> events = counted_events(reader, view, stream, begin_seq);
    RETURN_IF_ERROR(reader.status());
    folded = events.size();
    if (!in_stream_order) {
        std::uint64_t late_events = 0;
        std::int64_t latest = kBeforeAll;
        for (const Counted& event : events) {
            if (event.occurred_at < latest) ++late_events;
            latest = std::max(latest, event.occurred_at);
        }
        std::stable_sort(events.begin(), events.end(),
                         [](const Counted& a, const Counted& b) { return a.occurred_at < b.occurred_at; });
        RETURN_IF_ERROR(fold_events(state, events, options.fold, nullptr));
        state.late_events = late_events;
        return state;
    }
    const bool keeps = !options.ignore_snapshots;
    RETURN_IF_ERROR(fold_events(state, events, options.fold, keeps ? stream.newest().stream : nullptr));
    // A snapshot is a prefix of the stream: nothing that the view leaves out may lie before its end.
    const bool is_prefix =
        state.event_count > 0 && store::count_below(reader, stream, state.last_seq + 1) == state.event_count;
    RETURN_IF_ERROR(reader.status());
    if (is_prefix && keeps && folded >= kSnapshotEventsMin)
        snapshots_.keep(stream.newest().stream, options.fold, std::make_shared<const FoldedState>(state));
    return state;
}

/// When an entity began to exist, by the time that is asked for: the earliest that any of its published events
/// occurred.
Result<std::optional<Timestamp>> StateFolder::first_event_at(const store::PinnedView& view,
                                                             std::string_view entity_id) const {
    std::optional<Timestamp> first;
    const auto stream = store::Stream::find(indexes_, view.published_layers, entity_id);
    if (!stream) return first;
    store::Reader reader(indexes_);
    for (store::StreamCursor cursor(reader, *stream, {.end_seq = view.published_seq}); !cursor.done(); cursor.next()) {
        const std::byte* at = reader.event(cursor.get());
        if (at == nullptr) break;
        const Timestamp occurred_at{event::EventBytes(at).occurred_at()};
        first = std::min(first.value_or(occurred_at), occurred_at);
    }
    RETURN_IF_ERROR(reader.status());
    return first;
}

void StateFolder::add_origins(store::Reader& reader, const json::MergeTree& tree, State& state) {
    tree.visit_fields([&](std::string_view pointer, std::string_view raw_json, std::uint64_t seq) {
        const store::Reader::Found found = reader.find(seq);
        if (found.at == nullptr) return;
        const EventView event = store::make_event_view(found);
        state.origins.push_back({.pointer = std::string(pointer),
                                 .value = std::string(raw_json),
                                 .event_id = event.id,
                                 .position = event.position,
                                 .version = event.version,
                                 .event_type = std::string(event.event_type),
                                 .recorded_at = event.recorded_at,
                                 .occurred_at = event.occurred_at,
                                 .actor = metadata_text(event.metadata, "actor")});
    });
}

Result<State> StateFolder::state(const store::PinnedView& view, std::string_view entity_id,
                                 const StateOptions& options) const {
    State state;
    state.entity_id = entity_id;
    const auto stream = store::Stream::find(indexes_, view.layers, entity_id);
    if (stream) {
        store::Reader reader(indexes_);
        state.current_version = {store::count_below(reader, *stream, view.end_seq)};
        RETURN_IF_ERROR(reader.status());
    }
    FoldedState folded;
    if (stream) {
        ASSIGN_OR_RETURN(folded, fold_stream(view, *stream, options, state.folded_events));
    }
    state.event_count = folded.event_count;
    state.exists = folded.event_count > 0;
    state.late_events = folded.late_events;
    if (!state.exists) {
        ASSIGN_OR_RETURN(state.first_event_at, first_event_at(view, entity_id));
        return state;
    }
    store::Reader reader(indexes_);
    const store::Reader::Found found = reader.find(folded.last_seq);
    RETURN_IF_ERROR(reader.status());
    const EventView last = store::make_event_view(found);
    state.version = last.version;
    state.last_recorded_at = last.recorded_at;
    state.last_occurred_at = Timestamp{folded.max_occurred_at};
    state.json = folded.tree.to_json();
    if (options.with_origins) add_origins(reader, folded.tree, state);
    RETURN_IF_ERROR(reader.status());
    return state;
}

Status StateFolder::visit_history(const store::PinnedView& view, std::string_view entity_id,
                                  const StateOptions& options, const HistoryVisit& visit) const {
    const auto stream = store::Stream::find(indexes_, view.layers, entity_id);
    if (!stream) return {};
    store::Reader reader(indexes_);
    std::vector<Counted> events = counted_events(reader, view, *stream, 0);
    if (options.order == FoldOrder::kOccurred)
        std::stable_sort(events.begin(), events.end(),
                         [](const Counted& a, const Counted& b) { return a.occurred_at < b.occurred_at; });
    FoldedState state;
    std::vector<json::FieldChange> changes;
    for (const Counted& counted : events) {
        changes.clear();
        const store::Reader::Found found = reader.find(counted.seq);
        if (found.at == nullptr) break;
        const event::EventBytes bytes(found.at);
        RETURN_IF_ERROR(fold_event(state, bytes, counted.seq, options.fold, &changes));
        visit({.seq = counted.seq, .bytes = bytes, .event = store::make_event_view(found), .changes = changes});
    }
    return reader.status();
}

Result<std::vector<HistoryEntry>> StateFolder::history(const store::PinnedView& view, std::string_view entity_id,
                                                       const StateOptions& options) const {
    std::vector<HistoryEntry> entries;
    RETURN_IF_ERROR(visit_history(view, entity_id, options, [&entries](const HistoryStep& step) {
        HistoryEntry& entry = entries.emplace_back();
        entry.event = copy(step.event);
        entry.actor = metadata_text(step.event.metadata, "actor");
        entry.reason = metadata_text(step.event.metadata, "reason");
        if (entries.size() > 1)
            entry.duration_ns = step.event.occurred_at.ns - entries[entries.size() - 2].event.occurred_at.ns;
        for (json::FieldChange& change : step.changes)
            entry.changes.push_back({std::move(change.pointer), std::move(change.before), std::move(change.after)});
    }));
    return entries;
}

}  // namespace chronos::projection
