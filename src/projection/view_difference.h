// The events that only one of two views counts.
//
//     the same branch and as_of      before  ████████            looked at: the seqs between the two ends
//                                    after   ████████▒▒▒▒
//     the same branch, other as_of   the same, and below both ends what occurred between the two times: stripes of
//                                    index files that have nothing of these times are passed over
//     two branches                   the same for each branch that is a layer of either view; a layer that the other
//                                    view has not differs as a whole
//     a merged fork and its parent   what the merge took over is on both, with the same id and content: no difference
//
// Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/reader.h"
#include "store/view.h"

namespace chronos::projection {

class ViewDifference {
public:
    /// Both views must live as long.
    ViewDifference(const store::PinnedView& before, const store::PinnedView& after);

    /// From now on an event is no difference that the other view counts too, as another event with its id and content,
    /// in the same order among those of its entity. Cost: a look-up of the id of each event that differs.
    void pair_by_id(const store::IndexSet& indexes);

    enum class Side : std::uint8_t {
        kAdded,    ///< Only the later view counts it.
        kRemoved,  ///< Only the earlier one does.
    };
    using Visit = std::function<void(Side side, std::uint64_t seq, const event::EventBytes& event)>;

    /// Calls `visit` with each event that differs, those of one side by seq; errors go to the reader.
    ///
    /// Cost: the events between the ends of the views, and those of stripes that may hold other times.
    void visit_all(store::Reader& reader, const Visit& visit);
    /// The same, of one entity.
    void visit_entity(store::Reader& reader, std::string_view entity_id, const Visit& visit);

    /// At most so many events would be looked at by `visit_all`.
    [[nodiscard]] std::uint64_t candidate_count(const store::IndexSet& indexes) const;
    /// Events looked at so far.
    [[nodiscard]] std::uint64_t examined() const { return examined_; }

    /// One head for each entity of the views, the same whichever branch its events are on; null if there is none.
    [[nodiscard]] const index::StreamHead* head_of(const store::IndexSet& indexes, std::string_view entity_id) const;
    /// Whether only the later view counts an event. Errors go to `status`.
    [[nodiscard]] bool is_added(std::uint64_t seq, const event::EventBytes& event);
    /// Of looking for events on the other side.
    [[nodiscard]] Status status() const { return pairs_ ? pairs_->reader.status() : Status(); }

private:
    /// One branch, and where it ends in either view: 0 where it is no layer.
    struct Branch {
        event::BranchNumber number = event::kMainBranch;
        std::uint64_t end_before = 0, end_after = 0;
    };
    /// Events of a branch that may differ: those that occurred from `occurred_from` to `occurred_to`.
    struct Range {
        Branch branch;
        std::uint64_t begin_seq = 0, end_seq = 0;
        std::int64_t occurred_from = 0, occurred_to = 0;
    };

    void add_branch(event::BranchNumber number);
    void add_ranges(const Branch& branch);
    static std::uint64_t pass_over(const store::IndexParts& parts, const Range& range, std::uint64_t seq,
                                   std::uint64_t end_seq);
    void visit_range(store::Reader& reader, const Range& range, const Visit& visit);
    bool look_at(store::Reader& reader, const Range& range, std::uint64_t seq, const Visit& visit);

    /// What is needed to find events that both views have.
    struct Pairs {
        explicit Pairs(const store::IndexSet& indexes) : reader(indexes) {}
        store::Reader reader;
        /// By entity the last event that was found on the other side: those of one entity must ascend.
        std::unordered_map<const index::StreamHead*, std::uint64_t> last[2];
    };
    std::optional<std::uint64_t> find_on_other_side(Side side, const event::EventBytes& event);
    bool is_on_both(Side side, const event::EventBytes& event);

    const store::PinnedView& before_;
    const store::PinnedView& after_;
    std::vector<Branch> branches_;
    std::vector<Range> ranges_;
    std::uint64_t examined_ = 0;
    std::optional<Pairs> pairs_;
};

}  // namespace chronos::projection
