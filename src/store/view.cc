#include "store/view.h"

#include <algorithm>
#include <array>

#include "base/result.h"

namespace chronos::store {
namespace {

constexpr std::uint32_t kEntityLimitMax = 100'000;
constexpr std::size_t kPrefetchGroup = 32;

void reset(Page& page) {
    page.events_.clear();
    page.next_cursor_.clear();
    page.has_more_ = false;
    page.examined_ = 0;
}

/// Brings places, then bytes of a group of events near, so that their cache misses overlap.
void prefetch(const IndexSet& indexes, const std::uint64_t* seqs, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) indexes.prefetch_location(seqs[i]);
    for (std::size_t i = 0; i < count; ++i) indexes.prefetch_event(seqs[i]);
    for (std::size_t i = 0; i < count; ++i) indexes.prefetch_body(seqs[i]);
}

}  // namespace

Result<PinnedView> pin_view(const Database& database, const ViewOptions& options) {
    const IndexSet& indexes = database.indexes();
    PinnedView view;
    if (options.branch == "$system") {
        view.branch = event::kSystemBranch;
    } else if (options.branch != "main") {
        return base::fail(ErrorCode::kNotFound, "there is no branch '" + options.branch + "'");
    }
    const std::uint64_t published = database.published_seq();
    view.end_seq = view.published_seq = published;
    view.as_of = options.as_of;
    view.info.branch = options.branch;
    view.info.as_of = options.as_of;
    const index::BranchRuns& runs = indexes.runs(view.branch);
    if (options.at) {
        const std::uint64_t head = runs.positions_below(published);
        if (options.at->value >= head)
            return base::fail(ErrorCode::kInvalidArgument,
                              "at " + std::to_string(options.at->value) + " is beyond the head: the branch has " +
                                  std::to_string(head) + " events, positions from 0");
        view.end_seq = runs.seq_of(options.at->value) + 1;
        view.info.settled = true;
    }
    if (options.known_at && options.known_age_ns)
        return base::fail(ErrorCode::kInvalidArgument, "give known_at or an age, not both");
    std::optional<Timestamp> known_at = options.known_at;
    if (options.known_age_ns) known_at = Timestamp{database.clock().wall_ns() - *options.known_age_ns};
    if (known_at) {
        view.info.known_at = known_at;
        view.end_seq = std::min(view.end_seq, indexes.seqs_recorded_by(known_at->ns, published));
        if (published > 0 && known_at->ns <= indexes.recorded_at(published - 1)) view.info.settled = true;
    }
    const std::uint64_t positions = runs.positions_below(view.end_seq);
    if (positions > 0) view.info.at = Position{positions - 1};
    return view;
}

EventView make_event_view(const IndexSet& indexes, std::uint64_t seq) {
    const event::EventBytes event = indexes.event(seq);
    const std::byte* body = event.body();
    EventView view;
    const auto recorded_at = base::load<std::int64_t>(body + offsetof(event::BodyHeader, recorded_at));
    view.id = event.id();
    view.position = {base::load<std::uint64_t>(body + offsetof(event::BodyHeader, first_position)) +
                     event.header().ordinal};
    view.version = {event.has(event::kNoEntity) ? 0 : indexes.place(seq) + 1};
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

Status read_entity(const IndexSet& indexes, const PinnedView& view, std::string_view entity_id,
                   const EntityReadOptions& options, Page& page) {
    reset(page);
    if (options.limit < 1 || options.limit > kEntityLimitMax)
        return base::fail(ErrorCode::kLimitExceeded, "limit is 1 to 100000");
    const index::PostingList* list = indexes.entities().find(view.branch, entity_id);
    if (list == nullptr) return {};
    const bool forward = options.order == Order::kForward;
    std::uint64_t begin_seq = 0;
    std::uint64_t end_seq = view.end_seq;
    index::Posting bound;
    if (options.from && options.from->value > 1) {
        if (!list->at_place(options.from->value - 1, bound)) return {};
        begin_seq = bound.seq;
    }
    if (options.to) {
        if (options.to->value == 0) return {};
        if (list->at_place(options.to->value - 1, bound)) end_seq = std::min(end_seq, bound.seq + 1);
    }
    std::array<std::uint64_t, kPrefetchGroup> seqs;
    index::PostingCursor cursor(*list, begin_seq, end_seq, forward);
    while (!cursor.done()) {
        std::size_t count = 0;
        for (; count < seqs.size() && !cursor.done(); cursor.next()) seqs[count++] = cursor.get().seq;
        prefetch(indexes, seqs.data(), count);
        for (std::size_t i = 0; i < count; ++i) {
            ++page.examined_;
            if (!view.counts(indexes.event(seqs[i]))) continue;
            if (page.events_.size() == options.limit) {
                page.has_more_ = true;
                return {};
            }
            page.events_.push_back(make_event_view(indexes, seqs[i]));
        }
    }
    return {};
}

Status read_last(const IndexSet& indexes, const PinnedView& view, std::string_view entity_id, std::uint32_t count,
                 Page& page) {
    if (count > kPrefetchGroup || view.as_of)
        return read_entity(indexes, view, entity_id, {.order = Order::kBackward, .from = {}, .to = {}, .limit = count},
                           page);
    reset(page);
    const index::PostingList* list = indexes.entities().find(view.branch, entity_id);
    if (list == nullptr) return {};
    std::array<std::uint64_t, kPrefetchGroup> seqs{};
    std::size_t found = 0;
    for (const auto* chunk = list->newest(); chunk != nullptr && found < count; chunk = chunk->previous) {
        std::uint32_t i = chunk->count.load(std::memory_order_acquire);
        while (i > 0 && found < count) {
            const std::uint64_t seq = chunk->seq(--i);
            if (seq < view.end_seq) seqs[found++] = seq;
        }
    }
    prefetch(indexes, seqs.data(), found);
    for (std::size_t i = 0; i < found; ++i) page.events_.push_back(make_event_view(indexes, seqs[i]));
    page.examined_ = found;
    return {};
}

Status read_event(const IndexSet& indexes, const PinnedView& view, const Uuid& id, Page& page) {
    reset(page);
    std::uint64_t seq = 0;
    if (!indexes.find_id(id, view.branch, view.end_seq, seq) || !view.counts(indexes.event(seq)))
        return base::fail(ErrorCode::kNotFound, "no event has id " + id.to_string() + " in this view");
    page.events_.push_back(make_event_view(indexes, seq));
    page.examined_ = 1;
    return {};
}

std::vector<std::string> list_entities(const IndexSet& indexes, const PinnedView& view, std::string_view prefix,
                                       std::string_view after, std::uint32_t limit) {
    const auto has_event_in_view = [&](const index::PostingList& list) {
        for (index::PostingCursor cursor(list, 0, view.end_seq, true); !cursor.done(); cursor.next())
            if (view.counts(indexes.event(cursor.get().seq))) return true;
        return false;
    };
    std::vector<std::string_view> ids;
    const auto& lists = indexes.entities().lists();
    for (std::uint64_t i = 0; i < lists.size(); ++i) {
        const index::PostingList& list = *lists[i];
        if (list.branch() != view.branch || !list.key().starts_with(prefix)) continue;
        if (!after.empty() && list.key() <= after) continue;
        if (has_event_in_view(list)) ids.push_back(list.key());
    }
    const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(limit, ids.size()));
    std::partial_sort(ids.begin(), end, ids.end());
    return {ids.begin(), end};
}

}  // namespace chronos::store
