// Database: merging a fork into its parent. What is decided and why: merge.h.
#include <algorithm>

#include "base/assert.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "base/utf8.h"
#include "store/database.h"

namespace chronos::store {
namespace {

/// Plans made from what is published before one is made in the writer step, where appends wait for it.
constexpr int kPlansMax = 5;
/// Events that came since a plan was made and are looked at in the writer step; with more a new plan is made.
constexpr std::uint64_t kTailEventsMax = 4'096;
constexpr std::size_t kActorSizeMax = 256;

Status check_options(const MergeOptions& options) {
    if (options.actor.size() > kActorSizeMax || !base::is_utf8(options.actor))
        return base::fail(ErrorCode::kInvalidArgument, "actor is at most 256 bytes of UTF-8");
    for (const MergeOptions::Entity& named : options.entities) {
        const auto same = std::count_if(options.entities.begin(), options.entities.end(),
                                        [&](const auto& other) { return other.entity_id == named.entity_id; });
        if (same > 1)
            return base::fail(ErrorCode::kInvalidArgument,
                              "entity '" + base::shortened(named.entity_id, 60) + "' has more than one resolution");
    }
    return {};
}

}  // namespace

Result<Database::MergeSides> Database::sides_of(const Fork& fork, std::uint64_t seen_seq) const {
    MergeSides sides;
    sides.fork = fork;
    ASSIGN_OR_RETURN(const ResolvedBranch own, resolve(fork.id, seen_seq));
    sides.fork_layers = own.layers;
    sides.fork_hold = own.hold;
    auto parent = resolve(fork.parent_id, seen_seq);
    if (!parent.ok()) return base::with_context(std::move(parent).error(), "the fork has nowhere to merge to");
    if (Status live = branches_.check_live(parent->number); !live.ok())
        return base::with_context(std::move(live).error(), "the fork has nowhere to merge to");
    sides.parent_layers = parent->layers;
    sides.parent_hold = parent->hold;
    return sides;
}

/// What goes over, ready for the log, without the fact.
Result<std::vector<PreparedBatch>> Database::prepare_merge(const MergePlan& plan, const Layers& parent_layers) {
    ASSIGN_OR_RETURN(std::vector<BatchBuilder::Content> contents, plan.contents());
    std::vector<PreparedBatch> batches;
    for (BatchBuilder::Content& content : contents) {
        ASSIGN_OR_RETURN(PreparedBatch batch, prepare(std::move(content), {},
                                                      {.database = database_,
                                                       .layers = parent_layers,
                                                       .is_checked = true,
                                                       .fresh_batch_id = fresh_batch_id()},
                                                      *indexes_));
        batches.push_back(std::move(batch));
    }
    return batches;
}

Result<std::optional<MergeResult>> Database::place_merge(MergePlan& plan, const MergeSides& sides,
                                                         const MergeOptions& options,
                                                         std::vector<PreparedBatch> batches, std::uint64_t planned_seq,
                                                         std::shared_ptr<PendingAnswer>& pending) {
    if (closed_) return base::fail(ErrorCode::kClosed, "the store is closed");
    if (queue_->is_poisoned()) return queue_->poison_error();
    const auto answer_when_durable = [&](AppendResult answer) {
        pending = std::make_shared<PendingAnswer>(std::move(answer), next_seq_, Durability::kDurable);
        queue_->note_appended();
        queue_->enqueue(pending);
    };
    const bool is_live = branches_.check_live(sides.fork.number).ok() && branches_.check_live(sides.fork.parent).ok();
    if (!is_live) {  // What ended it is told when it is durable.
        answer_when_durable({});
        return std::optional<MergeResult>();
    }
    const index::BranchRuns* own = indexes_->runs(sides.fork.number);
    if (own != nullptr && !own->last_in(planned_seq, next_seq_).empty()) return std::optional<MergeResult>();
    Reader reader(*indexes_);
    const bool has_tail = next_seq_ > planned_seq && !base::is_planted(base::Bug::kMergeIgnoresTail);
    if (has_tail && (next_seq_ - planned_seq > kTailEventsMax || plan.is_touched_by(reader, planned_seq, next_seq_)))
        return std::optional<MergeResult>();
    RETURN_IF_ERROR(reader.status());

    MergeResult result = plan.result();
    const index::BranchRuns* runs = indexes_->runs(sides.fork.parent);
    const std::uint64_t first = runs != nullptr ? runs->next_position() : sides.parent_layers.own().first_position;
    if (result.event_count > 0) {
        result.first_position = Position{first};
        result.last_position = Position{first + result.event_count - 1};
    }
    BatchBuilder fact;
    const std::string entity = "$fork:" + sides.fork.id;
    const std::string payload = merged_payload(sides.fork, result, plan, options.actor);
    fact.add({.entity_id = entity, .event_type = kForkMerged, .payload = payload});
    const Layers system(Layer{.branch = event::kSystemBranch, .end_seq = kWritersView});
    ASSIGN_OR_RETURN(PreparedBatch fact_batch,
                     prepare(std::move(fact.content()), {},
                             {.database = database_, .layers = system, .fresh_batch_id = fresh_batch_id()}, *indexes_));
    batches.push_back(std::move(fact_batch));
    ASSIGN_OR_RETURN(const std::vector<AppendResult> placed, place_group(batches));
    result.merged = true;
    result.recorded_at = placed.back().recorded_at;
    ASSERT(result.event_count == 0 || placed.front().events.front().position == *result.first_position);
    answer_when_durable(placed.back());
    return std::optional(std::move(result));
}

Result<MergeResult> Database::merge_fork(std::string_view id_or_name, const MergeOptions& options) {
    RETURN_IF_ERROR(check_options(options));
    for (int attempt = 0;; ++attempt) {
        const std::uint64_t planned_seq = published_seq();
        ASSIGN_OR_RETURN(const Fork fork, find_fork(id_or_name, planned_seq));
        if (fork.status == ForkStatus::kMerged) {
            Reader reader(*indexes_);
            const std::byte* fact = reader.event(fork.ended_seq);
            if (fact == nullptr) return reader.status().error();
            return first_answer(fork, event::EventBytes(fact).payload());
        }
        ASSIGN_OR_RETURN(const MergeSides sides, sides_of(fork, planned_seq));
        const auto plan_upto = [&](std::uint64_t end_seq, bool by_scan) -> Result<MergePlan> {
            ASSIGN_OR_RETURN(MergePlan planned,
                             MergePlan::create(*indexes_, fork, sides.fork_layers, sides.parent_layers, options,
                                               end_seq, options_.max_merge_events));
            RETURN_IF_ERROR(planned.check(end_seq, by_scan));
            return planned;
        };
        ASSIGN_OR_RETURN(MergePlan plan, plan_upto(planned_seq, false));
        // Conflicts with what is published and durable do not go away.
        if (options.dry_run || plan.conflict_count() > 0) return plan.result();
        ASSIGN_OR_RETURN(std::vector<PreparedBatch> batches, prepare_merge(plan, sides.parent_layers));

        std::shared_ptr<PendingAnswer> pending;
        std::optional<MergeResult> merged;
        {
            const std::lock_guard lock(writer_lock_);
            ASSIGN_OR_RETURN(merged, place_merge(plan, sides, options, std::move(batches), planned_seq, pending));
            if (!merged && pending == nullptr && attempt + 1 >= kPlansMax) {
                ASSIGN_OR_RETURN(plan, plan_upto(next_seq_, true));
                if (plan.conflict_count() == 0) {
                    ASSIGN_OR_RETURN(batches, prepare_merge(plan, sides.parent_layers));
                    ASSIGN_OR_RETURN(merged, place_merge(plan, sides, options, std::move(batches), next_seq_, pending));
                } else {
                    merged = plan.result();
                    pending = std::make_shared<PendingAnswer>(AppendResult(), next_seq_, Durability::kDurable);
                    queue_->enqueue(pending);
                }
            }
        }
        if (pending != nullptr) {
            queue_->wait(*pending);
            Result<AppendResult> answer = pending->take();
            if (!answer.ok()) return std::move(answer).error();
        } else {
            queue_->advance();
        }
        if (merged) return *merged;
    }
}

}  // namespace chronos::store
