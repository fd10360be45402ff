#include "store/view.h"

#include <algorithm>
#include <array>

#include "base/planted_bug.h"
#include "base/result.h"
#include "store/stream.h"

namespace chronos::store {
namespace {

constexpr std::uint32_t kEntityLimitMax = 100'000;

/// Behind the last event of a branch in memory, published or not.
std::uint64_t next_seq_of(const IndexSet& indexes, event::BranchNumber branch, std::uint64_t published) {
    const index::BranchRuns* runs = indexes.runs(branch);
    const bool has_events = runs != nullptr && runs->next_position() > runs->first_position();
    return has_events ? runs->seq_of(runs->next_position() - 1) + 1 : published;
}

}  // namespace

void reset(Page& page) {
    page.events_.clear();
    page.next_cursor_.clear();
    page.has_more_ = false;
    page.examined_ = 0;
    if (page.pins_ == nullptr) page.pins_ = std::make_unique<Page::Pins>();
    page.pins_->release();
}

Reader::Options reading_into(Page& page, bool resident_only) {
    return {.keep = page.pins_.get(), .resident_only = resident_only};
}

Status add_events(Reader& reader, std::span<const std::uint64_t> seqs, Page& page) {
    std::array<Reader::Found, kLookupGroup> found;
    while (!seqs.empty()) {
        const auto group = seqs.first(std::min(seqs.size(), kLookupGroup));
        if (!reader.find(group, found.data())) break;
        for (std::size_t i = 0; i < group.size(); ++i) page.events_.push_back(make_event_view(found[i]));
        seqs = seqs.subspan(group.size());
    }
    return reader.status();
}

Result<PinnedView> pin_view(const Database& database, const ViewOptions& options) {
    const IndexSet& indexes = database.indexes();
    PinnedView view;
    std::uint64_t published = database.published_seq();
    ASSIGN_OR_RETURN(const ResolvedBranch branch, database.resolve(options.branch, published));
    if (base::is_planted(base::Bug::kShowUnpublished)) published = next_seq_of(indexes, branch.number, published);
    view.branch = branch.number;
    view.hold = branch.hold;
    view.end_seq = view.published_seq = published;
    view.as_of = options.as_of;
    view.info.branch = branch.id;
    view.info.expires_at = branch.expires_at;
    view.info.as_of = options.as_of;
    view.layers = view.published_layers = branch.layers.below(published);
    if (options.at) {
        const std::uint64_t head = position_end(indexes, view.layers, published);
        if (options.at->value >= head)
            return base::fail(ErrorCode::kInvalidArgument, "at " + std::to_string(options.at->value) +
                                                               " is beyond the head: the branch has " +
                                                               std::to_string(head) + " events, positions from 0");
        view.end_seq = seq_of(indexes, view.layers, options.at->value) + 1;
        view.info.settled = true;
    }
    if (options.known_at && options.known_age_ns)
        return base::fail(ErrorCode::kInvalidArgument, "give known_at or an age, not both");
    std::optional<Timestamp> known_at = options.known_at;
    if (options.known_age_ns) known_at = Timestamp{database.clock().wall_ns() - *options.known_age_ns};
    if (known_at) {
        view.info.known_at = known_at;
        Reader reader(indexes);
        view.end_seq = std::min(view.end_seq, reader.seqs_recorded_by(known_at->ns, published));
        if (published > 0 && known_at->ns <= reader.recorded_at(published - 1)) view.info.settled = true;
        RETURN_IF_ERROR(reader.status());
    }
    view.layers = view.layers.below(view.end_seq);
    const std::uint64_t positions = position_end(indexes, view.layers, view.end_seq);
    if (positions > 0) view.info.at = Position{positions - 1};
    return view;
}

EventView make_event_view(const Reader::Found& found) {
    const event::EventBytes event(found.at);
    const std::byte* body = event.body();
    EventView view;
    const auto recorded_at = base::load<std::int64_t>(body + offsetof(event::BodyHeader, recorded_at));
    view.id = event.id();
    view.position = {base::load<std::uint64_t>(body + offsetof(event::BodyHeader, first_position)) +
                     event.header().ordinal};
    view.version = {event.has(event::kNoEntity) ? 0 : found.place + 1};
    view.recorded_at = {recorded_at};
    const std::optional<std::int64_t> occurred_at = event.sent_occurred_at();
    view.occurred_at = {occurred_at.value_or(recorded_at)};
    view.occurred_at_was_sent = occurred_at.has_value();
    view.payload_is_unvalidated = event.has(event::kUnvalidated);
    view.event_type = event.type();
    view.entity_id = event.entity();
    view.payload = event.payload();
    view.metadata = event.metadata();
    view.encoded_tags = event.encoded_tags();
    view.tag_count = event.header().tag_count;
    return view;
}

namespace {

/// The last seqs of a stream below `end_seq` that lie above the floor, newest first.
std::size_t last_in_memory(const index::StreamHead& stream, std::uint64_t floor, std::uint64_t end_seq,
                           std::span<std::uint64_t> seqs) {
    std::size_t count = 0;
    for (const index::PostingChunk* chunk = stream.newest(floor); chunk != nullptr && count < seqs.size();
         chunk = chunk->before(floor)) {
        for (std::uint32_t i = chunk->size_below(end_seq); i > 0 && count < seqs.size(); --i)
            if (const std::uint64_t seq = chunk->seq(i - 1); seq >= floor) seqs[count++] = seq;
    }
    return count;
}

/// The last few without `as_of`: the commonest question, answered without a cursor.
Status read_last(Reader& reader, const PinnedView& view, const Stream& stream, std::uint32_t limit, Page& page) {
    std::array<std::uint64_t, kLookupGroup + 1> seqs;
    const std::size_t found = last_seqs(reader, stream, view.end_seq, std::span(seqs).first(limit + 1));
    page.has_more_ = found > limit;
    page.examined_ = std::min<std::size_t>(found, limit);
    Status added = reader.ok() ? add_events(reader, std::span(seqs).first(page.examined_), page) : reader.status();
    if (!added.ok()) page.events_.clear();
    return added;
}

/// The last few without `as_of`, as above, by what of the indexes is always in memory. False: that does not have them.
/// Requires: count ≤ kLookupGroup.
bool find_last_resident(Reader& reader, const PinnedView& view, const Stream& stream, std::uint32_t count, Page& page) {
    const std::uint64_t floor = reader.parts().memory_begin();
    std::array<std::uint64_t, kLookupGroup + 1> seqs;
    std::size_t found = 0;
    for (std::size_t i = stream.piece_count(); i > 0 && found <= count; --i) {
        const PostingKey& piece = stream.piece(i - 1);
        const std::uint64_t end_seq = std::min(view.end_seq, piece.end_seq);
        found += last_in_memory(*piece.stream, floor, end_seq, std::span(seqs).subspan(found, count + 1 - found));
        const bool is_whole = piece.stream->first_seq() >= std::min(floor, end_seq);
        if (found < count && !is_whole) return false;
        if (found == count && !is_whole) ++found;  // There is more, wherever it is.
    }
    page.has_more_ = found > count;
    page.examined_ = std::min<std::size_t>(found, count);
    return add_events(reader, std::span(seqs).first(page.examined_), page).ok();
}

/// The same of any number, and with `as_of`, by what of the indexes is in memory now.
Status walk_last_resident(Reader& reader, const PinnedView& view, const Stream& stream, std::uint32_t count,
                          Page& page) {
    // With a reader of its own: where the walk ends for want of memory, what it found is still given.
    Reader walker(reader.indexes(), {.resident_only = true});
    StreamCursor cursor(walker, stream, {.end_seq = view.end_seq, .forward = false});
    std::array<std::uint64_t, kLookupGroup> seqs;
    std::array<Reader::Found, kLookupGroup> found;
    // With `as_of` one more that counts tells whether there is more.
    const auto is_wanted = [&] { return page.events_.size() < count || (view.as_of && !page.has_more_); };
    while (!cursor.done() && is_wanted()) {
        // No more than that: what lies behind them may not be in memory.
        const std::size_t wanted = std::clamp<std::size_t>(count - page.events_.size(), 1, seqs.size());
        std::size_t taken = 0;
        for (; taken < wanted && !cursor.done(); cursor.next()) seqs[taken++] = cursor.get();
        if (!reader.find(std::span(seqs).first(taken), found.data())) return reader.status();
        page.examined_ += taken;
        for (std::size_t i = 0; i < taken; ++i) {
            if (!view.counts(event::EventBytes(found[i].at))) continue;
            page.has_more_ = page.events_.size() == count;
            if (!page.has_more_) page.events_.push_back(make_event_view(found[i]));
        }
    }
    if (is_wanted()) return walker.status();
    if (!view.as_of) page.has_more_ = page.events_.back().version > Version{1};
    return {};
}

}  // namespace

Status read_entity(const IndexSet& indexes, const PinnedView& view, std::string_view entity_id,
                   const EntityReadOptions& options, Page& page) {
    reset(page);
    if (options.limit < 1 || options.limit > kEntityLimitMax)
        return base::fail(ErrorCode::kLimitExceeded, "limit is 1 to 100000");
    const auto stream = Stream::find(indexes, view.layers, entity_id);
    if (!stream || options.to == Version{0}) return {};
    Reader reader(indexes, reading_into(page));
    const bool is_bounded = options.bytes_max != 0 && options.limit > 1;
    if (options.order == Order::kBackward && options.limit <= kLookupGroup && !options.from && !options.to &&
        !view.as_of && !is_bounded)
        return read_last(reader, view, *stream, options.limit, page);
    SeqCursor::Range range{.end_seq = view.end_seq, .forward = options.order == Order::kForward};
    if (options.from && options.from->value > 1) {
        const auto begin = seq_at_place(reader, *stream, options.from->value - 1);
        if (!begin) return reader.status();
        range.begin_seq = *begin;
    }
    if (options.to) {
        if (const auto last = seq_at_place(reader, *stream, options.to->value - 1))
            range.end_seq = std::min(range.end_seq, *last + 1);
    }
    std::array<std::uint64_t, kLookupGroup> seqs;
    std::array<Reader::Found, kLookupGroup> found;
    StreamCursor cursor(reader, *stream, range);
    std::size_t bytes = 0;
    while (!cursor.done()) {
        std::size_t count = 0;
        for (; count < seqs.size() && !cursor.done(); cursor.next()) seqs[count++] = cursor.get();
        if (!reader.find(std::span(seqs).first(count), found.data())) break;
        for (std::size_t i = 0; i < count; ++i) {
            ++page.examined_;
            if (!view.counts(event::EventBytes(found[i].at))) continue;
            const EventView event = make_event_view(found[i]);
            bytes += event.payload.size() + event.metadata.size();
            const bool is_beyond = is_bounded && bytes > options.bytes_max && !page.events_.empty();
            if (page.events_.size() == options.limit || is_beyond) {
                page.has_more_ = true;
                return {};
            }
            page.events_.push_back(event);
        }
    }
    if (!reader.ok()) page.events_.clear();
    return reader.status();
}

Status read_last_resident(const IndexSet& indexes, const PinnedView& view, std::string_view entity_id,
                          std::uint32_t count, Page& page) {
    reset(page);
    if (count < 1 || count > kEntityLimitMax) return base::fail(ErrorCode::kLimitExceeded, "count is 1 to 100000");
    const auto stream = Stream::find(indexes, view.layers, entity_id);
    if (!stream) return {};
    if (count <= kLookupGroup && !view.as_of) {
        Reader reader(indexes, reading_into(page, true));
        if (find_last_resident(reader, view, *stream, count, page)) return {};
        reset(page);
    }
    Reader reader(indexes, reading_into(page, true));
    Status read = walk_last_resident(reader, view, *stream, count, page);
    if (!read.ok()) page.events_.clear();
    return read;
}

Status read_event(const IndexSet& indexes, const PinnedView& view, const Uuid& id, Page& page) {
    reset(page);
    Reader reader(indexes, reading_into(page));
    const std::optional<std::uint64_t> seq = reader.find_id(id, view.layers, 0, view.end_seq);
    const Reader::Found found = seq ? reader.find(*seq) : Reader::Found();
    RETURN_IF_ERROR(reader.status());
    if (!seq || !view.counts(event::EventBytes(found.at)))
        return base::fail(ErrorCode::kNotFound, "no event has id " + id.to_string() + " in this view");
    page.events_.push_back(make_event_view(found));
    page.examined_ = 1;
    return {};
}

bool has_event_in_view(Reader& reader, const PinnedView& view, const Stream& stream) {
    if (!view.as_of) return true;
    for (StreamCursor cursor(reader, stream, {.end_seq = view.end_seq}); !cursor.done(); cursor.next()) {
        const std::byte* event = reader.event(cursor.get());
        if (event == nullptr) return false;
        if (view.counts(event::EventBytes(event))) return true;
    }
    return false;
}

Status for_each_entity(Reader& reader, const PinnedView& view, std::string_view prefix,
                       const std::function<void(std::string_view)>& visit) {
    const auto layers = view.layers.all();
    const auto& streams = reader.indexes().streams().entries();
    for (std::uint64_t i = 0; i < streams.size() && reader.ok(); ++i) {
        const index::StreamHead& head = *streams[i];
        if (!head.key().starts_with(prefix) || head.end_seq() == 0) continue;
        const auto layer = std::find_if(layers.begin(), layers.end(),
                                        [&](const Layer& candidate) { return candidate.branch == head.branch(); });
        if (layer == layers.end() || head.first_seq() >= layer->end_seq) continue;
        const auto stream = Stream::find(reader.indexes(), view.layers, head.key());
        // Each entity once: where its stream begins.
        if (!stream || stream->piece(0).stream != &head) continue;
        if (has_event_in_view(reader, view, *stream)) visit(head.key());
    }
    return reader.status();
}

Result<std::vector<std::string>> list_entities(const IndexSet& indexes, const PinnedView& view, std::string_view prefix,
                                               std::string_view after, std::uint32_t limit) {
    Reader reader(indexes);
    std::vector<std::string_view> ids;
    RETURN_IF_ERROR(for_each_entity(reader, view, prefix, [&](std::string_view id) {
        if (after.empty() || id > after) ids.push_back(id);
    }));
    const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(limit, ids.size()));
    std::partial_sort(ids.begin(), end, ids.end());
    return std::vector<std::string>(ids.begin(), end);
}

}  // namespace chronos::store
