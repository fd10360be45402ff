#include "store/statistics.h"

#include <algorithm>

namespace chronos::store {
namespace {

/// Entries of a list that the view counts; first and last of them.
struct ListCount {
    std::uint64_t count = 0;
    std::uint64_t first_seq = 0, last_seq = 0;
};

ListCount count_list(const IndexSet& indexes, const PinnedView& view, const index::PostingList& list) {
    ListCount result;
    index::Posting last;
    if (!list.last_below(view.end_seq, last)) return result;
    if (!view.as_of) {
        result.count = last.place + 1;
        result.last_seq = last.seq;
        index::Posting first;
        (void)list.at_place(0, first);
        result.first_seq = first.seq;
        return result;
    }
    for (index::PostingCursor cursor(list, 0, view.end_seq, true); !cursor.done(); cursor.next()) {
        const std::uint64_t seq = cursor.get().seq;
        if (!view.counts(indexes.event(seq))) continue;
        if (result.count++ == 0) result.first_seq = seq;
        result.last_seq = seq;
    }
    return result;
}

}  // namespace

Counts count_view(const IndexSet& indexes, const PinnedView& view) {
    indexes.catch_up(view.end_seq);
    Counts counts;
    std::optional<std::uint64_t> first_seq;
    std::optional<std::uint64_t> last_seq;
    const auto& types = indexes.types().lists();
    for (std::uint64_t i = 0; i < types.size(); ++i) {
        if (types[i]->branch() != view.branch) continue;
        const ListCount found = count_list(indexes, view, *types[i]);
        if (found.count == 0) continue;
        counts.event_count += found.count;
        counts.types.push_back({std::string(types[i]->key()),
                                found.count,
                                {indexes.recorded_at(found.first_seq)},
                                {indexes.recorded_at(found.last_seq)}});
        first_seq = std::min(first_seq.value_or(found.first_seq), found.first_seq);
        last_seq = std::max(last_seq.value_or(found.last_seq), found.last_seq);
    }
    std::sort(counts.types.begin(), counts.types.end(), [](const TypeCount& a, const TypeCount& b) {
        return a.count != b.count ? a.count > b.count : a.event_type < b.event_type;
    });
    if (first_seq) counts.first_recorded_at = Timestamp{indexes.recorded_at(*first_seq)};
    if (last_seq) counts.last_recorded_at = Timestamp{indexes.recorded_at(*last_seq)};
    const auto& entities = indexes.entities().lists();
    for (std::uint64_t i = 0; i < entities.size(); ++i)
        if (entities[i]->branch() == view.branch && count_list(indexes, view, *entities[i]).count > 0) ++counts.entity_count;
    return counts;
}

}  // namespace chronos::store
