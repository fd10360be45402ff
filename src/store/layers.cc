#include "store/layers.h"

#include "store/index_set.h"

namespace chronos::store {

std::uint64_t position_end(const IndexSet& indexes, const Layers& layers, std::uint64_t end_seq) {
    const auto all = layers.all();
    for (auto layer = all.rbegin(); layer != all.rend(); ++layer) {
        const index::BranchRuns* runs = indexes.runs(layer->branch);
        const std::uint64_t end = runs == nullptr ? 0 : runs->positions_below(std::min(end_seq, layer->end_seq));
        if (end > layer->first_position) return end;
    }
    return 0;
}

std::uint64_t seq_of(const IndexSet& indexes, const Layers& layers, std::uint64_t position) {
    const auto all = layers.all();
    auto layer = all.rbegin();
    while (layer->first_position > position || indexes.runs(layer->branch) == nullptr) ++layer;
    return indexes.runs(layer->branch)->seq_of(position);
}

bool for_each_range(const IndexSet& indexes, const Layers& layers, const SeqRange& range,
                    const std::function<bool(const SeqRange&)>& visit) {
    const auto in_layer = [&](const Layer& layer) {
        const index::BranchRuns* runs = indexes.runs(layer.branch);
        SeqRange rest{range.begin, std::min(range.end, layer.end_seq), range.forward};
        while (runs != nullptr && rest.begin < rest.end) {
            const auto found =
                rest.forward ? runs->first_in(rest.begin, rest.end) : runs->last_in(rest.begin, rest.end);
            if (found.empty()) break;
            if (!visit({found.begin, found.end, range.forward})) return false;
            if (rest.forward) {
                rest.begin = found.end;
            } else {
                rest.end = found.begin;
            }
        }
        return true;
    };
    const auto all = layers.all();
    return range.forward ? std::all_of(all.begin(), all.end(), in_layer)
                         : std::all_of(all.rbegin(), all.rend(), in_layer);
}

}  // namespace chronos::store
