// The plain version of forks: a fork is a copy of its parent's events up to the fork position, and then its own. What
// tests compare the engine with.
//
// Use:     predict() what an append must be answered, add() what was appended; plan_merge() what a merge must be
//          answered, add_merge() what it appended.
// Threads: used by one thread at a time.
#pragma once

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "chronos/store.h"
#include "event/ids.h"
#include "simulation/reference_store.h"

namespace chronos::testing {

/// A batch as it lies on a branch.
struct ModelBatch {
    std::uint64_t first_position = 0;
    std::uint64_t event_count = 0;
    Uuid batch_id;  ///< As stored; nil if it was the store's choice.
    std::vector<Condition> conditions;
};

struct ModelBranch {
    std::string id, name, parent;  ///< `parent` is empty for main.
    std::uint32_t depth = 0;
    std::uint64_t first_position = 0;  ///< Of its own events.
    ForkStatus status = ForkStatus::kLive;
    Timestamp expires_at;
    std::uint64_t extended_count = 0;
    std::optional<MergeResult> merged;
    bool is_merged_gone = false;  ///< It was merged, and has expired since.
    ReferenceStore store;
    /// Of all that is seen on the branch, in order; the last inherited one may be cut short.
    std::vector<ModelBatch> batches;

    [[nodiscard]] const std::vector<ReferenceEvent>& events() const { return store.events(); }
    [[nodiscard]] std::uint64_t own_event_count() const { return events().size() - first_position; }
    [[nodiscard]] bool is_gone() const {
        return status == ForkStatus::kDiscarded || status == ForkStatus::kExpired || is_merged_gone;
    }
    /// How many facts there are of it, its creation among them.
    [[nodiscard]] std::uint64_t fact_count() const {
        return 1 + extended_count + (is_live() ? 0U : 1U) + (is_merged_gone ? 1U : 0U);
    }
    [[nodiscard]] bool is_live() const { return status == ForkStatus::kLive; }

    [[nodiscard]] const ReferenceEvent* find(const Uuid& event_id) const {
        const auto found = std::find_if(events().begin(), events().end(),
                                        [&](const ReferenceEvent& event) { return event.id == event_id; });
        return found == events().end() ? nullptr : &*found;
    }

    void keep_first(std::uint64_t count) {
        store.keep_first(count);
        while (!batches.empty() && batches.back().first_position >= count) batches.pop_back();
    }
};

/// What a merge must do, worked out from the rules in src/store/merge.h.
struct ModelMerge {
    struct Conflict {
        MergeConflict::Kind kind = MergeConflict::Kind::kEntityMoved;
        std::string entity_id;

        friend auto operator<=>(const Conflict&, const Conflict&) = default;
    };
    std::vector<Conflict> conflicts;  ///< Sorted.
    std::uint64_t event_count = 0, already_present_count = 0, skipped_count = 0, forced_count = 0;
    /// What goes over, by batch of the fork, with its new metadata.
    std::vector<SentBatch> batches;
};

class ForkModel {
public:
    enum class Expect : std::uint8_t { kPlaced, kChecked, kConflict, kDuplicate, kOtherContent, kPartlyKnown, kGone };

    explicit ForkModel(const Uuid& database) : database_(database) { branches_["main"].id = "main"; }

    [[nodiscard]] ModelBranch& main() { return branches_.at("main"); }
    [[nodiscard]] ModelBranch& branch(const std::string& id) { return branches_.at(id); }
    [[nodiscard]] const ModelBranch& branch(const std::string& id) const { return branches_.at(id); }
    [[nodiscard]] std::map<std::string, ModelBranch>& branches() { return branches_; }
    [[nodiscard]] bool has(const std::string& id) const { return branches_.contains(id); }

    /// What an append to a branch must be answered.
    [[nodiscard]] Expect predict(const ModelBranch& branch, const SentBatch& batch) const {
        if (branch.is_gone()) return Expect::kGone;
        if (const auto known = predict_known(branch, batch)) return *known;
        if (!branch.is_live()) return Expect::kGone;
        if (!conditions_hold(branch, batch)) return Expect::kConflict;
        return batch.events.empty() ? Expect::kChecked : Expect::kPlaced;
    }

    /// Takes a batch that the store appended.
    void add(ModelBranch& branch, const SentBatch& batch, const AppendResult& answer) const {
        ModelBatch& placed = branch.batches.emplace_back();
        placed.first_position = branch.events().size();
        placed.event_count = batch.events.size();
        placed.batch_id = batch_id_of(batch);
        placed.conditions = batch.conditions;
        for (const SentEvent& event : batch.events)
            if (event.expected_version.kind != ExpectedVersion::Kind::kAny)
                placed.conditions.emplace_back(EntityCondition{event.entity_id, event.expected_version});
        branch.store.append(batch, answer);
    }

    /// A copy of the first `count` events of the parent.
    ModelBranch& add_fork(const ForkInfo& info, std::uint64_t count) {
        const ModelBranch& parent = branches_.at(info.parent);
        ModelBranch fork = parent;
        fork.id = info.id;
        fork.name = info.name;
        fork.parent = info.parent;
        fork.depth = parent.depth + 1;
        fork.first_position = count;
        fork.status = ForkStatus::kLive;
        fork.expires_at = info.expires_at;
        fork.extended_count = 0;
        fork.merged.reset();
        fork.is_merged_gone = false;
        fork.keep_first(count);
        return branches_[info.id] = std::move(fork);
    }

    [[nodiscard]] ModelMerge plan_merge(const ModelBranch& fork, const MergeOptions& options) const {
        return MergePlanner(fork, branches_.at(fork.parent), options).plan();
    }

    /// Appends what a merge took over; the fork can only be read from now on.
    void add_merge(ModelBranch& fork, const ModelMerge& plan, const MergeResult& answer) {
        ModelBranch& parent = branches_.at(fork.parent);
        for (const SentBatch& batch : plan.batches) {
            AppendResult placed{.events = {}, .recorded_at = *answer.recorded_at};
            for (const SentEvent& event : batch.events) placed.events.push_back({.id = *event.id});
            add(parent, batch, placed);
        }
        fork.status = ForkStatus::kMerged;
        fork.merged = answer;
    }

    /// The id of event `i` of a batch that names its ids.
    [[nodiscard]] Uuid event_id(const SentBatch& batch, std::size_t i) const {
        return batch.events[i].id ? *batch.events[i].id
                                  : event::derived_event_id(batch_id_of(batch), static_cast<std::uint32_t>(i));
    }
    [[nodiscard]] static bool names_ids(const SentBatch& batch) {
        return batch.options.batch_id || batch.options.idempotency_key ||
               (!batch.events.empty() && batch.events.front().id);
    }

private:
    [[nodiscard]] Uuid batch_id_of(const SentBatch& batch) const {
        if (batch.options.idempotency_key) return event::batch_id_from_key(database_, *batch.options.idempotency_key);
        return batch.options.batch_id ? event::batch_id_from_client(database_, *batch.options.batch_id) : Uuid();
    }

    static bool same_content(const SentEvent& sent, const ReferenceEvent& stored) {
        if (sent.entity_id != stored.sent.entity_id || sent.event_type != stored.sent.event_type ||
            sent.stored_tags() != stored.sent.stored_tags())
            return false;
        if (sent.occurred_at && *sent.occurred_at != stored.occurred_at) return false;
        return nlohmann::json::parse(sent.payload) == stored.payload;
    }

    [[nodiscard]] std::optional<Expect> predict_known(const ModelBranch& branch, const SentBatch& batch) const {
        if (!names_ids(batch)) return std::nullopt;
        const Uuid batch_id = batch_id_of(batch);
        const auto body = std::find_if(branch.batches.begin(), branch.batches.end(), [&](const ModelBatch& placed) {
            return !batch_id.is_nil() && placed.batch_id == batch_id;
        });
        std::size_t known_count = 0;
        bool other_content = false;
        for (std::size_t i = 0; i < batch.events.size(); ++i) {
            const ReferenceEvent* known = branch.find(event_id(batch, i));
            if (known == nullptr) continue;
            ++known_count;
            other_content = other_content || !same_content(batch.events[i], *known);
        }
        const bool batch_is_known = body != branch.batches.end();
        if (known_count == 0) return batch_is_known ? std::optional(Expect::kOtherContent) : std::nullopt;
        if (other_content) return Expect::kOtherContent;
        if (known_count < batch.events.size()) return Expect::kPartlyKnown;
        return batch_is_known && body->event_count != batch.events.size() ? Expect::kOtherContent : Expect::kDuplicate;
    }

    static bool conditions_hold(const ModelBranch& branch, const SentBatch& batch) {
        for (const Condition& condition : batch.conditions) {
            if (const auto* entity = std::get_if<EntityCondition>(&condition)) {
                if (!holds(entity->expected, branch.store.version_of(entity->entity_id))) return false;
                continue;
            }
            const auto& none = std::get<NoEventMatches>(condition);
            for (const ReferenceEvent& event : branch.events())
                if ((!none.after || event.position > none.after->value) && matches(none.query, event.sent))
                    return false;
        }
        std::map<std::string, std::uint64_t> earlier;
        for (const SentEvent& event : batch.events) {
            const std::uint64_t version = branch.store.version_of(event.entity_id) + earlier[event.entity_id]++;
            if (!holds(event.expected_version, version)) return false;
        }
        return true;
    }

    /// The rules of a merge, one loop after the other.
    class MergePlanner {
    public:
        MergePlanner(const ModelBranch& fork, const ModelBranch& parent, const MergeOptions& options)
            : fork_(fork), parent_(parent), options_(options) {
            for (const ModelBatch& batch : fork.batches)
                if (batch.first_position >= fork.first_position) batches_.push_back(&batch);
        }

        ModelMerge plan() {
            find_known();
            find_moved();
            for (const ModelBatch* batch : batches_) judge(*batch);
            for (const std::string& entity : forced_) plan_.forced_count += fork_counts_[entity];
            std::sort(plan_.conflicts.begin(), plan_.conflicts.end());
            return std::move(plan_);
        }

    private:
        using Kind = MergeConflict::Kind;

        static std::vector<const ReferenceEvent*> behind(const ModelBranch& branch, std::uint64_t position) {
            std::vector<const ReferenceEvent*> found;
            for (const ReferenceEvent& event : branch.events())
                if (event.position >= position) found.push_back(&event);
            return found;
        }

        [[nodiscard]] std::vector<const ReferenceEvent*> events_of(const ModelBatch& batch) const {
            std::vector<const ReferenceEvent*> found;
            for (std::uint64_t i = 0; i < batch.event_count; ++i)
                found.push_back(&fork_.events()[batch.first_position + i]);
            return found;
        }

        [[nodiscard]] std::set<std::string> entities_of(const ModelBatch& batch) const {
            std::set<std::string> entities;
            for (const ReferenceEvent* event : events_of(batch)) entities.insert(event->sent.entity_id);
            return entities;
        }

        /// Events of the fork that the parent has too, and ids that mean something else there.
        void find_known() {
            for (const ReferenceEvent* theirs : behind(parent_, fork_.first_position)) news_.push_back(theirs);
            for (const ReferenceEvent* ours : behind(fork_, fork_.first_position)) {
                const auto theirs = std::find_if(news_.begin(), news_.end(),
                                                 [&](const ReferenceEvent* event) { return event->id == ours->id; });
                const bool is_present = theirs != news_.end() && same_content(ours->sent, **theirs);
                if (!is_present) ++fork_counts_[ours->sent.entity_id];
                if (theirs == news_.end()) continue;
                if (is_present) {
                    present_.insert(ours);
                    shared_.insert(*theirs);
                } else {
                    differing_.insert(ours);
                }
            }
            std::erase_if(news_, [&](const ReferenceEvent* event) { return shared_.contains(event); });
        }

        /// Entities in the way: skipping one leaves out all of its events, whichever batch made it so.
        void find_moved() {
            for (const ReferenceEvent* event : news_) moved_.insert(event->sent.entity_id);
            for (const ModelBatch* batch : batches_)
                if (!batch->conditions.empty()) has_condition_.merge(entities_of(*batch));
            for (const ModelBatch* batch : batches_) {
                const bool fails = !failed(*batch).empty();
                for (const ReferenceEvent* event : events_of(*batch))
                    if (fails || differing_.contains(event) || is_moved(event->sent.entity_id))
                        concerned_.insert(event->sent.entity_id);
            }
        }

        [[nodiscard]] bool is_moved(const std::string& entity) const {
            return moved_.contains(entity) && !(options_.append_if_moved && !has_condition_.contains(entity));
        }

        [[nodiscard]] std::vector<const Condition*> failed(const ModelBatch& batch) const {
            std::vector<const Condition*> found;
            for (const Condition& condition : batch.conditions)
                if (std::any_of(news_.begin(), news_.end(), [&](const ReferenceEvent* event) {
                        const auto* entity = std::get_if<EntityCondition>(&condition);
                        return entity != nullptr ? event->sent.entity_id == entity->entity_id
                                                 : matches(std::get<NoEventMatches>(condition).query, event->sent);
                    }))
                    found.push_back(&condition);
            return found;
        }

        [[nodiscard]] std::optional<MergeResolution> resolution(const std::string& entity) const {
            for (const MergeOptions::Entity& named : options_.entities)
                if (named.entity_id == entity) return named.resolution;
            return concerned_.contains(entity) ? options_.others : std::nullopt;
        }

        void judge(const ModelBatch& batch) {
            const std::set<std::string> entities = entities_of(batch);
            std::size_t skips = 0;
            std::size_t forces = 0;
            for (const std::string& entity : entities) {
                skips += resolution(entity) == MergeResolution::kSkip ? 1U : 0U;
                forces += resolution(entity) == MergeResolution::kForce ? 1U : 0U;
            }
            if (skips == entities.size()) {
                plan_.skipped_count += batch.event_count;
                return;
            }
            take(batch);
            if (skips > 0) {
                const auto skipped = std::find_if(entities.begin(), entities.end(), [&](const std::string& entity) {
                    return resolution(entity) == MergeResolution::kSkip;
                });
                plan_.conflicts.push_back({Kind::kBatchSplit, *skipped});
                return;
            }
            report(batch, entities, forces == entities.size());
        }

        void report(const ModelBatch& batch, const std::set<std::string>& entities, bool all_are_forced) {
            for (const ReferenceEvent* event : events_of(batch))
                if (differing_.contains(event)) plan_.conflicts.push_back({Kind::kIdDiffers, event->sent.entity_id});
            for (const std::string& entity : entities) {
                if (!is_moved(entity)) continue;
                if (resolution(entity) == MergeResolution::kForce) {
                    forced_.insert(entity);
                } else if (reported_.insert(entity).second) {
                    plan_.conflicts.push_back({Kind::kEntityMoved, entity});
                }
            }
            const auto failing = failed(batch);
            if (failing.empty()) return;
            if (all_are_forced) {
                forced_.insert(entities.begin(), entities.end());
                return;
            }
            for (const Condition* condition : failing) {
                const auto* entity = std::get_if<EntityCondition>(condition);
                const std::string about = entity == nullptr ? "" : entity->entity_id;
                if (entity != nullptr && entities.contains(about) && is_moved(about)) continue;
                plan_.conflicts.push_back({Kind::kConditionFails, about});
            }
        }

        void take(const ModelBatch& batch) {
            SentBatch sent;
            for (const ReferenceEvent* event : events_of(batch)) {
                if (present_.contains(event)) {
                    ++plan_.already_present_count;
                    continue;
                }
                ++plan_.event_count;
                sent.events.push_back(event->sent);
                sent.events.back().id = event->id;
                sent.events.back().occurred_at = event->occurred_at;
                sent.events.back().metadata = with_origin(*event);
                sent.events.back().expected_version = {};
            }
            if (!parent_.parent.empty()) sent.conditions = batch.conditions;  // Asked again when that is merged.
            if (!sent.events.empty()) plan_.batches.push_back(std::move(sent));
        }

        [[nodiscard]] std::string with_origin(const ReferenceEvent& event) const {
            using Json = nlohmann::ordered_json;
            Json metadata = event.sent.metadata.empty() ? Json::object() : Json::parse(event.sent.metadata);
            Json origin{{"fork", fork_.id}, {"position", event.position}};
            if (metadata.contains("origin")) origin["origin"] = metadata["origin"];
            metadata.erase("origin");
            metadata["origin"] = origin;
            return metadata.dump();
        }

        const ModelBranch& fork_;
        const ModelBranch& parent_;
        const MergeOptions& options_;
        std::vector<const ModelBatch*> batches_;
        std::vector<const ReferenceEvent*> news_;  // of the parent behind the fork position, but for what is shared
        std::set<const ReferenceEvent*> present_, shared_, differing_;
        std::set<std::string> moved_, has_condition_, concerned_, forced_, reported_;
        std::map<std::string, std::uint64_t> fork_counts_;
        ModelMerge plan_;
    };

    Uuid database_;
    std::map<std::string, ModelBranch> branches_;
};

}  // namespace chronos::testing
