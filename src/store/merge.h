// Merging a fork into its parent: what stands in the way, and the batches that go over.
//
//     parent   ──●──────────●──●───────────▶ + the fork's events, as one group of records
//                └ fork position            ▲
//     fork       └──○──○──○─────────────────┘ re-checked: the parent's events behind the fork position
//
// A fork's batch conflicts if the parent has, behind the fork position, an event that matches a condition the batch
// entered under, an event of an entity that the batch writes, or an event with the same id and other content. Events
// that both sides have, with the same id and content, are no conflict and are not appended again.
//
// The plan is made from what is published, on the caller's thread; what came since is looked at in the writer step.
//
// Threads: used by one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "chronos/fork.h"
#include "event/batch_content.h"
#include "store/branches.h"
#include "store/index_set.h"
#include "store/reader.h"

namespace chronos::store {

/// A batch of the fork, and whether it goes over.
struct MergeBatch {
    std::uint64_t first_seq = 0;
    std::uint32_t event_count = 0;
    std::vector<std::string> entities;  ///< Sorted, each once.
    std::vector<Condition> conditions;
    bool is_skipped = false;
};

class MergePlan {
public:
    /// Reads the fork's own batches below `end_seq`. Errors: kIo, kCorrupt; kLimitExceeded for more than `events_max`.
    static Result<MergePlan> create(const IndexSet& indexes, const Fork& fork, const Layers& fork_layers,
                                    const Layers& parent_layers, const MergeOptions& options, std::uint64_t end_seq,
                                    std::uint64_t events_max);

    /// Whether an event with begin_seq ≤ seq < end_seq has to do with what is merged; needs nothing published.
    [[nodiscard]] bool is_touched_by(Reader& reader, std::uint64_t begin_seq, std::uint64_t end_seq) const;

    /// Looks at what the parent has behind the fork position and below `parent_end_seq`, and decides about each batch.
    /// May be asked again when the parent has grown. `by_scan` needs nothing published.
    Status check(std::uint64_t parent_end_seq, bool by_scan);

    [[nodiscard]] const std::vector<MergeConflict>& conflicts() const { return conflicts_; }
    [[nodiscard]] std::uint64_t conflict_count() const { return conflict_count_; }
    /// Counts, and what `MergeResult` says of a merge that did not happen yet.
    [[nodiscard]] MergeResult result() const;
    /// Entities that were forced or skipped, for the fact.
    [[nodiscard]] const std::set<std::string>& forced() const { return forced_; }
    [[nodiscard]] const std::set<std::string>& skipped() const { return skipped_; }

    /// The events that go over, in batches of moderate size: with their ids and times made explicit and their origin in
    /// the metadata. Requires: check() found no conflict.
    Result<std::vector<BatchBuilder::Content>> contents() const;

private:
    struct EntityState {
        std::vector<std::uint64_t> fork_seqs;
        std::uint64_t moved_count = 0;  ///< Events of the parent that the fork does not have.
        bool has_condition = false;
    };
    MergePlan(const IndexSet& indexes, Fork fork, Layers fork_layers, Layers parent_layers, MergeOptions options);

    Status read_batches(std::uint64_t end_seq, std::uint64_t events_max);
    Status find_known_ids(Reader& reader);
    Status find_moved(Reader& reader);
    [[nodiscard]] Status check_names() const;
    [[nodiscard]] bool matches_parent(Reader& reader, const Condition& condition, std::uint64_t& match_seq) const;
    /// What stands in the way of one batch.
    struct Obstacles {
        std::set<std::string> moved;
        struct Failed {
            std::string entity;  ///< Empty where the condition is about several.
            std::uint64_t match_seq = 0;
        };
        std::vector<Failed> conditions;
        struct Differing {
            std::string entity;
            std::uint64_t seq = 0;
        };
        std::vector<Differing> differing;  ///< Events whose ids the parent has with other content.

        [[nodiscard]] bool empty() const { return moved.empty() && conditions.empty() && differing.empty(); }
    };
    [[nodiscard]] Obstacles obstacles_of(Reader& reader, const MergeBatch& batch) const;
    Status judge(Reader& reader);
    void choose_skipped(const std::vector<Obstacles>& obstacles);
    void judge_batch(Reader& reader, const MergeBatch& batch, const Obstacles& obstacles);
    void count_events();
    [[nodiscard]] std::optional<MergeResolution> named_resolution(const std::string& entity) const;
    [[nodiscard]] bool is_forced(const std::string& entity) const;
    void report(Reader& reader, MergeConflict::Kind kind, const std::string& entity, std::string message,
                std::vector<std::uint64_t> fork_seqs, std::vector<std::uint64_t> parent_seqs);
    [[nodiscard]] std::vector<std::uint64_t> parent_events(Reader& reader, std::string_view entity) const;
    [[nodiscard]] bool is_shared(std::uint64_t parent_seq) const { return shared_.contains(parent_seq); }

    const IndexSet* indexes_;
    Fork fork_;
    Layers fork_layers_, parent_layers_;
    MergeOptions options_;
    std::uint64_t parent_end_seq_ = 0;
    bool by_scan_ = false;

    std::vector<MergeBatch> batches_;
    std::map<std::string, EntityState, std::less<>> entities_;
    /// Fork seq → parent seq of the same event; and the parent's side alone.
    std::unordered_map<std::uint64_t, std::uint64_t> present_, differing_;
    std::set<std::uint64_t> shared_;
    std::set<std::string> forced_, skipped_;
    std::vector<MergeConflict> conflicts_;
    std::uint64_t conflict_count_ = 0;
    std::vector<Uuid> ids_;  ///< Of all events, sorted.
    std::uint64_t event_count_ = 0, present_count_ = 0, skipped_count_ = 0, forced_count_ = 0;
};

/// The payload of $fork.merged, and the answer it gives for ever.
std::string merged_payload(const Fork& fork, const MergeResult& result, const MergePlan& plan, std::string_view actor);
MergeResult first_answer(const Fork& fork, std::string_view merged_payload);

/// `metadata` with "origin": {"fork", "position"}; an origin that is there already moves into it.
std::string with_origin(std::string_view metadata, std::string_view fork_id, std::uint64_t position);

}  // namespace chronos::store
