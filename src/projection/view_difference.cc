#include "projection/view_difference.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "store/conditions.h"
#include "store/seq_cursor.h"

namespace chronos::projection {
namespace {

constexpr std::int64_t kBeforeAll = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kAfterAll = std::numeric_limits<std::int64_t>::max();

/// Where the layer of a branch ends in a view. A branch that the view has not ends at 0, for its own events are all
/// that it is asked about.
std::uint64_t end_of(const store::PinnedView& view, event::BranchNumber branch) {
    for (const store::Layer& layer : view.layers.all())
        if (layer.branch == branch) return layer.end_seq;
    return 0;
}

/// The last time at which an event may have occurred to count.
std::int64_t as_of(const store::PinnedView& view) { return view.as_of ? view.as_of->ns : kAfterAll; }

event::BranchNumber branch_of(const event::EventBytes& event) {
    return base::load<event::BranchNumber>(event.body() + offsetof(event::BodyHeader, branch));
}

std::uint64_t stripe_end(std::uint64_t seq) { return (seq / index::kStripeEvents + 1) * index::kStripeEvents; }

}  // namespace

ViewDifference::ViewDifference(const store::PinnedView& before, const store::PinnedView& after)
    : before_(before), after_(after) {
    // What the views share is the oldest of both, so each side's layers stay in their order.
    for (const store::Layer& layer : before.layers.all()) add_branch(layer.branch);
    for (const store::Layer& layer : after.layers.all()) add_branch(layer.branch);
    for (const Branch& branch : branches_) add_ranges(branch);
}

void ViewDifference::pair_by_id(const store::IndexSet& indexes) { pairs_.emplace(indexes); }

std::optional<std::uint64_t> ViewDifference::find_on_other_side(Side side, const event::EventBytes& event) {
    const store::PinnedView& other = side == Side::kAdded ? before_ : after_;
    const auto theirs = pairs_->reader.find_id(event.id(), other.layers, 0, other.end_seq);
    if (!theirs) return std::nullopt;
    const std::byte* at = pairs_->reader.event(*theirs);
    const bool is_it =
        at != nullptr && other.counts(event::EventBytes(at)) && store::same_content(event, event::EventBytes(at));
    return is_it ? theirs : std::nullopt;
}

/// In another order the same events may come to another state, so then they differ.
bool ViewDifference::is_on_both(Side side, const event::EventBytes& event) {
    const auto theirs = find_on_other_side(side, event);
    if (!theirs || event.has(event::kNoEntity)) return theirs.has_value();
    const index::StreamHead* head = head_of(pairs_->reader.indexes(), event.entity());
    std::uint64_t& last = pairs_->last[static_cast<std::size_t>(side)][head];
    if (*theirs < last) return false;
    last = *theirs;
    return true;
}

void ViewDifference::add_branch(event::BranchNumber number) {
    const bool is_known = std::any_of(branches_.begin(), branches_.end(),
                                      [number](const Branch& branch) { return branch.number == number; });
    if (is_known) return;
    branches_.push_back({.number = number, .end_before = end_of(before_, number), .end_after = end_of(after_, number)});
}

void ViewDifference::add_ranges(const Branch& branch) {
    const std::uint64_t shared_end = std::min(branch.end_before, branch.end_after);
    const std::uint64_t end = std::max(branch.end_before, branch.end_after);
    const auto [earlier, later] = std::minmax({as_of(before_), as_of(after_)});
    if (shared_end > 0 && earlier != later)
        ranges_.push_back({.branch = branch,
                           .begin_seq = 0,
                           .end_seq = shared_end,
                           .occurred_from = earlier + 1,
                           .occurred_to = later});
    if (shared_end < end)
        ranges_.push_back({.branch = branch,
                           .begin_seq = shared_end,
                           .end_seq = end,
                           .occurred_from = kBeforeAll,
                           .occurred_to = branch.end_after == end ? as_of(after_) : as_of(before_)});
}

/// The first seq from `seq` on, or `end_seq`, that is not in a stripe without events of the range's times.
std::uint64_t ViewDifference::pass_over(const store::IndexParts& parts, const Range& range, std::uint64_t seq,
                                        std::uint64_t end_seq) {
    auto part =
        std::upper_bound(parts.files.begin(), parts.files.end(), seq,
                         [](std::uint64_t value, const store::FilePart& file) { return value < file.file->end_seq(); });
    for (; part != parts.files.end() && seq < end_seq; ++part) {
        const index::IndexFile& file = *part->file;
        const std::uint64_t first_stripe = file.begin_seq() / index::kStripeEvents;
        while (seq < std::min(end_seq, file.end_seq())) {
            const index::TimeStripe& stripe = file.stripes()[seq / index::kStripeEvents - first_stripe];
            if (stripe.min_occurred_at <= range.occurred_to && stripe.max_occurred_at >= range.occurred_from)
                return seq;
            seq = std::min(stripe_end(seq), file.end_seq());
        }
    }
    return std::min(seq, end_seq);
}

/// Whether to go on.
bool ViewDifference::look_at(store::Reader& reader, const Range& range, std::uint64_t seq, const Visit& visit) {
    const std::byte* at = reader.event(seq);
    if (at == nullptr) return false;
    ++examined_;
    const event::EventBytes event(at);
    const bool was = seq < range.branch.end_before && before_.counts(event);
    const bool is = seq < range.branch.end_after && after_.counts(event);
    if (was == is) return true;
    const Side side = is ? Side::kAdded : Side::kRemoved;
    if (pairs_ && is_on_both(side, event)) return true;
    visit(side, seq, event);
    return true;
}

void ViewDifference::visit_range(store::Reader& reader, const Range& range, const Visit& visit) {
    const index::BranchRuns* runs = reader.indexes().runs(range.branch.number);
    if (runs == nullptr) return;
    std::uint64_t seq = range.begin_seq;
    while (seq < range.end_seq) {
        const index::BranchRuns::SeqRange run = runs->first_in(seq, range.end_seq);
        if (run.empty()) return;
        seq = pass_over(reader.parts(), range, run.begin, run.end);
        for (const std::uint64_t end = std::min(run.end, stripe_end(seq)); seq < end; ++seq)
            if (!look_at(reader, range, seq, visit)) return;
    }
}

void ViewDifference::visit_all(store::Reader& reader, const Visit& visit) {
    for (const Range& range : ranges_) visit_range(reader, range, visit);
}

void ViewDifference::visit_entity(store::Reader& reader, std::string_view entity_id, const Visit& visit) {
    for (const Range& range : ranges_) {
        const store::Layer layer{.branch = range.branch.number, .end_seq = range.end_seq};
        const auto key = store::posting_key(reader.indexes(), index::KeyKind::kEntity, layer, entity_id);
        if (!key) continue;
        store::SeqCursor cursor(reader, *key, {.begin_seq = range.begin_seq, .end_seq = range.end_seq});
        for (; !cursor.done(); cursor.next()) {
            const std::uint64_t seq = cursor.get();
            if (pass_over(reader.parts(), range, seq, seq + 1) > seq) continue;
            if (!look_at(reader, range, seq, visit)) return;
        }
    }
}

std::uint64_t ViewDifference::candidate_count(const store::IndexSet& indexes) const {
    std::uint64_t count = 0;
    for (const Range& range : ranges_) {
        const index::BranchRuns* runs = indexes.runs(range.branch.number);
        if (runs == nullptr) continue;
        count += runs->positions_below(range.end_seq) - runs->positions_below(range.begin_seq);
    }
    return count;
}

const index::StreamHead* ViewDifference::head_of(const store::IndexSet& indexes, std::string_view entity_id) const {
    for (const Branch& branch : branches_) {
        const store::Layer layer{.branch = branch.number, .end_seq = std::max(branch.end_before, branch.end_after)};
        const auto key = store::posting_key(indexes, index::KeyKind::kEntity, layer, entity_id);
        // A head that came since the views were made must not count: it would change the answer half-way.
        if (key && key->stream->first_seq() < layer.end_seq) return key->stream;
    }
    return nullptr;
}

bool ViewDifference::is_added(std::uint64_t seq, const event::EventBytes& event) {
    const event::BranchNumber branch = branch_of(event);
    const auto counts = [&](const store::PinnedView& view) { return seq < end_of(view, branch) && view.counts(event); };
    return counts(after_) && !counts(before_) && !(pairs_ && find_on_other_side(Side::kAdded, event));
}

}  // namespace chronos::projection
