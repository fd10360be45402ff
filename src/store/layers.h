// What a branch is made of: its ancestors up to where it begins, then its own events.
//
//     main      ████████████░░░░░      layers of fork B:  main below 12 · A below 17 · B below the view's end
//     fork A          └─ ██████░░      Every seq of one layer is below every seq of the next, so that reading the
//     fork B               └─ ████     layers one after the other reads in order.
//
// Threads: values and functions without state.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/planted_bug.h"
#include "chronos/fork.h"
#include "event/ids.h"

namespace chronos::store {

class IndexSet;

/// Events of one branch with seq < end_seq.
struct Layer {
    event::BranchNumber branch = event::kMainBranch;
    std::uint64_t end_seq = 0;
    /// Position of the layer's first event.
    std::uint64_t first_position = 0;
};

/// A branch and its ancestors, oldest first; never empty.
class Layers {
public:
    Layers() = default;
    /// A branch without ancestors.
    explicit Layers(const Layer& layer) : layers_{layer} {}

    [[nodiscard]] std::span<const Layer> all() const { return std::span(layers_).first(count_); }
    [[nodiscard]] const Layer& own() const { return layers_[count_ - 1]; }
    [[nodiscard]] bool is_single() const { return count_ == 1; }
    /// These layers below `fork_seq`, and those of a fork that begins there: ancestors that themselves begin behind the
    /// fork position have nothing that it inherits. Requires: at most kForkDepthMax ancestors.
    [[nodiscard]] Layers forked_at(std::uint64_t fork_seq, const Layer& fork) const {
        Layers forked = below(fork_seq);
        while (forked.count_ > 1 && forked.own().first_position >= fork.first_position) --forked.count_;
        forked.layers_[forked.count_++] = fork;
        return forked;
    }

    /// The same below `end_seq`.
    [[nodiscard]] Layers below(std::uint64_t end_seq) const {
        Layers cut = *this;
        for (std::size_t i = 0; i < count_; ++i) cut.layers_[i].end_seq = std::min(cut.layers_[i].end_seq, end_seq);
        return cut;
    }
    /// What a fork inherits. Requires: !is_single().
    [[nodiscard]] Layers without_own() const {
        Layers inherited = *this;
        --inherited.count_;
        return inherited;
    }
    /// Whether an event of `branch` at `seq` is in one of the layers.
    [[nodiscard]] bool contain(event::BranchNumber branch, std::uint64_t seq) const {
        return std::any_of(layers_.begin(), layers_.begin() + count_, [&](const Layer& layer) {
            const bool is_its = layer.branch == branch || base::is_planted(base::Bug::kLeakForkIds);
            return is_its && seq < layer.end_seq;
        });
    }

private:
    std::array<Layer, kForkDepthMax + 1> layers_;
    std::uint8_t count_ = 1;
};

/// Behind the position of the last event with seq < `end_seq`: how many events there are below it.
std::uint64_t position_end(const IndexSet& indexes, const Layers& layers, std::uint64_t end_seq);
/// The seq of a position. Requires: position < position_end(…, some published seq).
std::uint64_t seq_of(const IndexSet& indexes, const Layers& layers, std::uint64_t position);

struct SeqRange {
    std::uint64_t begin = 0, end = 0;
    bool forward = true;
};
/// Calls `visit` with the runs of seqs in `range` that belong to the layers, in order, until it says no; returns
/// whether it never did.
bool for_each_range(const IndexSet& indexes, const Layers& layers, const SeqRange& range,
                    const std::function<bool(const SeqRange&)>& visit);

}  // namespace chronos::store
