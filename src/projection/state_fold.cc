#include "projection/state_fold.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "base/planted_bug.h"
#include "base/result.h"
#include "event/time_span.h"
#include "json/validate.h"
#include "projection/event_metadata.h"
#include "store/occurred_by.h"

namespace chronos {

std::string_view fold_name(Fold fold) { return fold == Fold::kShallow ? "shallow" : "merge-patch"; }

}  // namespace chronos

namespace chronos::projection {
namespace {

constexpr std::int64_t kBeforeAll = std::numeric_limits<std::int64_t>::min();

json::FoldKind kind_of(Fold fold) {
    return fold == Fold::kShallow ? json::FoldKind::kShallow : json::FoldKind::kMergePatch;
}

HistoryEntry entry_of(const EventView& event, std::vector<json::FieldChange>& changes) {
    HistoryEntry entry;
    entry.event = copy(event);
    entry.actor = metadata_text(event.metadata, "actor");
    entry.reason = metadata_text(event.metadata, "reason");
    entry.changes.reserve(changes.size());
    for (json::FieldChange& change : changes)
        entry.changes.push_back({std::move(change.pointer), std::move(change.before), std::move(change.after)});
    return entry;
}

/// What an entry holds, and about what it takes to name it.
std::size_t bytes_of(const EventView& event, const std::vector<json::FieldChange>& changes) {
    constexpr std::size_t kNamesBytes = 256;
    std::size_t bytes = kNamesBytes + event.entity_id.size() + event.event_type.size() + event.payload.size() +
                        event.metadata.size() + event.encoded_tags.size();
    for (const json::FieldChange& change : changes)
        bytes += change.pointer.size() + (change.before ? change.before->size() : 0) +
                 (change.after ? change.after->size() : 0);
    return bytes;
}

bool is_foldable(const event::EventBytes& event) {
    return !event.has(event::kUnvalidated) || json::validate_json(event.payload()).ok();
}

}  // namespace

std::vector<StateFolder::Counted> StateFolder::counted_events(store::Reader& reader, const store::PinnedView& view,
                                                              const store::Stream& stream, std::uint64_t begin_seq) {
    std::vector<Counted> events;
    store::OccurredBy occurred_by(reader.parts(), view.as_of);
    store::StreamCursor cursor(reader, stream, {.begin_seq = begin_seq, .end_seq = view.end_seq});
    for (; !cursor.done(); cursor.next()) {
        if (!occurred_by.may(cursor.get())) continue;
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
                                const OnRung& on_rung) const {
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
            if (on_rung && state.event_count % kRungEvents == 0 && found[i].place + 1 == state.event_count)
                on_rung(state);
        }
        pins.release();
    }
    return {};
}

std::shared_ptr<const FoldedState> StateFolder::load(const store::PostingKey& piece, Fold fold,
                                                     const SnapshotFile::Limits& limits) const {
    const auto saved =
        saved_->find({.hash = piece.hash, .branch = piece.branch, .fold = fold, .entity_id = piece.key}, limits);
    if (!saved || saved->entry.last_seq >= piece.end_seq) return nullptr;
    // Where the last event is the same one, so are all before it: recorded_at never repeats in a log.
    store::Reader reader(indexes_);
    const store::Reader::Found last = reader.find(saved->entry.last_seq);
    if (last.at == nullptr) return nullptr;
    const event::EventBytes event(last.at);
    const auto branch = base::load<event::BranchNumber>(event.body() + offsetof(event::BodyHeader, branch));
    const bool is_the_same = event.entity() == piece.key && branch == piece.branch &&
                             last.place + 1 == saved->entry.event_count &&
                             reader.recorded_at(saved->entry.last_seq) == saved->entry.last_recorded_at;
    if (!is_the_same && !base::is_planted(base::Bug::kBelieveAnySnapshot)) return nullptr;
    auto tree = json::MergeTree::restore(saved->json, saved->origins);
    if (!tree.ok()) return nullptr;
    auto state = std::make_shared<FoldedState>();
    state->tree = std::move(tree).value();
    state->event_count = saved->entry.event_count;
    state->late_events = saved->entry.late_events;
    state->max_occurred_at = saved->entry.max_occurred_at;
    state->last_seq = saved->entry.last_seq;
    return state;
}

std::shared_ptr<const FoldedState> StateFolder::find_snapshot(store::Reader& reader, const store::Stream& stream,
                                                              Fold fold, const SnapshotFile::Limits& limits) const {
    for (std::size_t i = stream.piece_count(); i > 0; --i) {
        const store::PostingKey& piece = stream.piece(i - 1);
        SnapshotFile::Limits in_piece = limits;
        // The events of an ancestor behind the fork position are not this stream's.
        if (i < stream.piece_count())
            in_piece.count_max = std::min(limits.count_max, store::count_below(reader, piece, piece.end_seq));
        auto found = snapshots_.find(piece.stream, fold, in_piece.count_max, in_piece.as_of);
        if (saved_ != nullptr) {
            const store::PostingKey* older = i > 1 ? &stream.piece(i - 2) : nullptr;
            const std::uint64_t inherited = older == nullptr ? 0 : store::count_below(reader, *older, older->end_seq);
            const std::uint64_t have = std::max(inherited, found == nullptr ? 0 : found->event_count);
            // Looking for fewer events costs more than folding them.
            if (in_piece.count_max >= have + kSnapshotEventsMin) {
                if (auto loaded = load(piece, fold, in_piece);
                    loaded != nullptr && (found == nullptr || loaded->event_count > found->event_count)) {
                    snapshots_.keep(piece.stream, fold, loaded, SnapshotCache::Origin::kFile);
                    found = std::move(loaded);
                }
            }
        }
        if (found != nullptr) return found;
    }
    return nullptr;
}

FoldedState StateFolder::nearest(const store::PinnedView& view, const store::Stream& stream, Fold fold) const {
    store::Reader reader(indexes_);
    const std::uint64_t count = store::count_below(reader, stream, view.end_seq);
    const auto found = reader.ok() ? find_snapshot(reader, stream, fold, {.count_max = count}) : nullptr;
    if (found != nullptr) return *found;
    FoldedState none;
    none.max_occurred_at = kBeforeAll;
    return none;
}

Status StateFolder::fold_on(const store::PinnedView& view, const store::Stream& stream, Fold fold, FoldedState& state,
                            const OnRung& on_rung) const {
    store::Reader reader(indexes_);
    const std::vector<Counted> events =
        counted_events(reader, view, stream, state.event_count == 0 ? 0 : state.last_seq + 1);
    RETURN_IF_ERROR(reader.status());
    return fold_events(state, events, fold, on_rung);
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
        if (const auto saved = find_snapshot(reader, stream, options.fold, {.count_max = count, .as_of = view.as_of})) {
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
        RETURN_IF_ERROR(fold_events(state, events, options.fold, {}));
        state.late_events = late_events;
        return state;
    }
    const bool keeps = !options.ignore_snapshots;
    const auto keep = [&](const FoldedState& rung) {
        snapshots_.keep(stream.newest().stream, options.fold, std::make_shared<const FoldedState>(rung),
                        SnapshotCache::Origin::kFolded);
    };
    RETURN_IF_ERROR(fold_events(state, events, options.fold, keeps ? OnRung(keep) : OnRung()));
    // A snapshot is a prefix of the stream: nothing that the view leaves out may lie before its end.
    const bool is_prefix =
        state.event_count > 0 && store::count_below(reader, stream, state.last_seq + 1) == state.event_count;
    RETURN_IF_ERROR(reader.status());
    if (is_prefix && keeps && folded >= kSnapshotEventsMin) keep(state);
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

std::vector<StateFolder::Counted> StateFolder::ordered_events(store::Reader& reader, const store::PinnedView& view,
                                                              const store::Stream& stream, FoldOrder order) {
    std::vector<Counted> events = counted_events(reader, view, stream, 0);
    if (order == FoldOrder::kOccurred)
        std::stable_sort(events.begin(), events.end(),
                         [](const Counted& a, const Counted& b) { return a.occurred_at < b.occurred_at; });
    return events;
}

Status StateFolder::visit_history(const store::PinnedView& view, std::string_view entity_id,
                                  const StateOptions& options, const HistoryVisit& visit) const {
    const auto stream = store::Stream::find(indexes_, view.layers, entity_id);
    if (!stream) return {};
    store::Reader reader(indexes_);
    const std::vector<Counted> events = ordered_events(reader, view, *stream, options.order);
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
        HistoryEntry& entry = entries.emplace_back(entry_of(step.event, step.changes));
        if (entries.size() > 1)
            entry.duration_ns = event::span_ns(entries[entries.size() - 2].event.occurred_at, step.event.occurred_at);
    }));
    return entries;
}

Result<HistoryPage> StateFolder::history_page(const store::PinnedView& view, std::string_view entity_id,
                                              const StateOptions& options, const HistoryPart& part) const {
    HistoryPage page;
    const auto stream = store::Stream::find(indexes_, view.layers, entity_id);
    if (!stream) return page;
    store::Reader reader(indexes_);
    const std::vector<Counted> events = ordered_events(reader, view, *stream, options.order);
    page.event_count = events.size();
    FoldedState state;
    std::vector<json::FieldChange> changes;
    std::size_t bytes = 0;
    bool is_in_part = !part.after;
    for (std::size_t i = 0; i < events.size(); ++i) {
        const store::Reader::Found found = reader.find(events[i].seq);
        if (found.at == nullptr) break;
        const EventView event = store::make_event_view(found);
        // Versions rise in the order of the stream, where the view may leave out the one that is named.
        if (options.order == FoldOrder::kStream) is_in_part = !part.after || event.version > *part.after;
        page.has_more = is_in_part && page.entries.size() == part.limit;
        if (page.has_more) break;
        changes.clear();
        RETURN_IF_ERROR(fold_event(state, event::EventBytes(found.at), events[i].seq, options.fold,
                                   is_in_part ? &changes : nullptr));
        if (!is_in_part) {
            is_in_part = event.version == *part.after;
            continue;
        }
        bytes += bytes_of(event, changes);
        page.has_more = bytes > part.bytes_max && !page.entries.empty();
        if (page.has_more) break;
        HistoryEntry& entry = page.entries.emplace_back(entry_of(event, changes));
        if (i > 0) entry.duration_ns = event::span_ns(Timestamp{events[i - 1].occurred_at}, event.occurred_at);
    }
    RETURN_IF_ERROR(reader.status());
    if (!is_in_part && options.order == FoldOrder::kOccurred)
        return base::fail(ErrorCode::kInvalidArgument, "after_version=" + std::to_string(part.after->value) +
                                                           ": the view has no event of that version to go on behind");
    return page;
}

}  // namespace chronos::projection
