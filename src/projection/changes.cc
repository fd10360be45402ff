#include "projection/changes.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/result.h"
#include "projection/event_metadata.h"
#include "projection/view_difference.h"

namespace chronos::projection {
namespace {

using Side = ViewDifference::Side;

constexpr std::uint32_t kEntitiesMax = 10'000;
constexpr std::uint32_t kEventsMax = 10'000;
/// Of one answer: what it lists must fit in memory.
constexpr std::uint64_t kListedEventsMax = 1'000'000;
/// Looking up an entity costs about as much as looking at so many events.
constexpr std::uint64_t kEventsPerLookup = 16;

Status check(const ChangesOptions& options) {
    if (options.limit < 1 || options.limit > kEntitiesMax)
        return base::fail(ErrorCode::kLimitExceeded,
                          "limit is 1 to 10000 entities, not " + std::to_string(options.limit));
    if (options.events_max > kEventsMax)
        return base::fail(ErrorCode::kLimitExceeded,
                          "events_max is 0 to 10000, not " + std::to_string(options.events_max));
    if (std::uint64_t{options.limit} * options.events_max > kListedEventsMax)
        return base::fail(ErrorCode::kLimitExceeded, "limit times events_max is at most 1000000 events");
    if (options.entity_ids.size() > kEntitiesMax)
        return base::fail(ErrorCode::kLimitExceeded, "at most 10000 entities can be named");
    return {};
}

/// How many different heads there were: 8 bytes for each, sorted when as many came as are known.
class HeadCounter {
public:
    void add(const index::StreamHead* head) {
        heads_.push_back(head);
        if (heads_.size() >= 2 * known_ + kUnsortedMin) settle();
    }
    std::uint64_t count() {
        settle();
        return known_;
    }

private:
    static constexpr std::size_t kUnsortedMin = 1024;

    void settle() {
        std::sort(heads_.begin(), heads_.end());
        heads_.erase(std::unique(heads_.begin(), heads_.end()), heads_.end());
        known_ = heads_.size();
    }

    std::vector<const index::StreamHead*> heads_;
    std::size_t known_ = 0;
};

/// Events of one entity that differ: all counted, the first ones kept.
struct EntityEvents {
    std::vector<std::uint64_t> added, removed;
    std::uint64_t added_count = 0, removed_count = 0;

    void take(Side side, std::uint64_t seq, std::size_t events_max) {
        ++(side == Side::kAdded ? added_count : removed_count);
        std::vector<std::uint64_t>& seqs = side == Side::kAdded ? added : removed;
        if (seqs.size() < events_max) seqs.push_back(seq);
    }
};

/// Gathers the events of one page of entities, and counts everything.
class EntityPage {
public:
    EntityPage(const store::IndexSet& indexes, const ViewDifference& difference, const ChangesOptions& options)
        : indexes_(indexes),
          difference_(difference),
          options_(options),
          wanted_(options.entity_ids.begin(), options.entity_ids.end()) {}

    void take(Side side, std::uint64_t seq, const event::EventBytes& event) {
        if (!is_wanted(event)) return;
        ++(side == Side::kAdded ? added_count_ : removed_count_);
        if (event.has(event::kNoEntity)) return;
        heads_.add(difference_.head_of(indexes_, event.entity()));
        if (EntityEvents* events = listed(event.entity())) events->take(side, seq, options_.events_max);
    }

    [[nodiscard]] const auto& entities() const { return entities_; }
    /// What is said of all pages together.
    void write_totals(Changes& changes) {
        changes.added_count = added_count_;
        changes.removed_count = removed_count_;
        changes.entity_count = heads_.count();
        changes.has_more = has_more_;
        if (has_more_) changes.next_after = entities_.rbegin()->first;
    }

private:
    [[nodiscard]] bool is_wanted(const event::EventBytes& event) const {
        if (event.has(event::kNoEntity)) return wanted_.empty() && options_.entity_id_prefix.empty();
        return (wanted_.empty() || wanted_.contains(event.entity())) &&
               event.entity().starts_with(options_.entity_id_prefix);
    }

    /// Where the events of an entity go; null if it is not on the page. The page holds the first entities seen so far:
    /// one that had to leave never comes back, so what is there is complete.
    EntityEvents* listed(std::string_view entity_id) {
        if (!options_.after.empty() && entity_id <= options_.after) return nullptr;
        if (const auto found = entities_.find(entity_id); found != entities_.end()) return &found->second;
        const bool is_full = entities_.size() == options_.limit;
        has_more_ = has_more_ || is_full;
        if (is_full && entity_id > entities_.rbegin()->first) return nullptr;
        if (is_full) entities_.erase(std::prev(entities_.end()));
        return &entities_.try_emplace(std::string(entity_id)).first->second;
    }

    const store::IndexSet& indexes_;
    const ViewDifference& difference_;
    const ChangesOptions& options_;
    const std::unordered_set<std::string_view> wanted_;
    HeadCounter heads_;
    std::map<std::string, EntityEvents, std::less<>> entities_;
    std::uint64_t added_count_ = 0, removed_count_ = 0;
    bool has_more_ = false;
};

/// Looks at the entities that are named, or at all events, whichever is less.
void gather(store::Reader& reader, ViewDifference& difference, const ChangesOptions& options, EntityPage& page) {
    const ViewDifference::Visit take = [&page](Side side, std::uint64_t seq, const event::EventBytes& event) {
        page.take(side, seq, event);
    };
    const std::set<std::string_view> named(options.entity_ids.begin(), options.entity_ids.end());
    if (named.empty() || difference.candidate_count(reader.indexes()) <= named.size() * kEventsPerLookup)
        return difference.visit_all(reader, take);
    for (const std::string_view entity_id : named) difference.visit_entity(reader, entity_id, take);
}

std::vector<ChangeEvent> change_events(store::Reader& reader, const std::vector<std::uint64_t>& seqs) {
    std::vector<ChangeEvent> events;
    events.reserve(seqs.size());
    for (const std::uint64_t seq : seqs) {
        const store::Reader::Found found = reader.find(seq);
        if (found.at == nullptr) break;
        const EventView event = store::make_event_view(found);
        events.push_back({.id = event.id,
                          .position = event.position,
                          .version = event.version,
                          .event_type = std::string(event.event_type),
                          .recorded_at = event.recorded_at,
                          .occurred_at = event.occurred_at,
                          .actor = metadata_text(event.metadata, "actor")});
    }
    return events;
}

/// Compares leaf by leaf, by their text: first those of `before` in its order, then new ones.
std::vector<FieldDifference> differing_fields(const State& before, const State& after) {
    std::unordered_map<std::string_view, const FieldOrigin*> new_fields;
    for (const FieldOrigin& field : after.origins) new_fields.emplace(field.pointer, &field);
    std::vector<FieldDifference> fields;
    for (const FieldOrigin& was : before.origins) {
        const auto found = new_fields.find(was.pointer);
        if (found == new_fields.end()) {
            fields.push_back({.pointer = was.pointer, .before = was.value, .after = {}, .event_id = {}});
            continue;
        }
        const FieldOrigin& is = *found->second;
        new_fields.erase(found);
        if (is.value != was.value)
            fields.push_back({.pointer = is.pointer, .before = was.value, .after = is.value, .event_id = is.event_id});
    }
    for (const FieldOrigin& is : after.origins)
        if (new_fields.contains(is.pointer))
            fields.push_back({.pointer = is.pointer, .before = {}, .after = is.value, .event_id = is.event_id});
    return fields;
}

/// Says of fields that are gone which of the added events took them away.
Status name_removers(const StateFolder& folder, ViewDifference& difference, const store::PinnedView& after,
                     const StateOptions& options, EntityChange& change) {
    std::unordered_map<std::string_view, FieldDifference*> gone;
    for (FieldDifference& field : change.fields)
        if (!field.after) gone.emplace(field.pointer, &field);
    if (gone.empty() || change.added_count == 0) return {};
    return folder.visit_history(after, change.entity_id, options, [&](const HistoryStep& step) {
        for (const json::FieldChange& field : step.changes) {
            const auto found = gone.find(field.pointer);
            if (found == gone.end() || field.after) continue;
            // Where an event of both views took it away last, it is gone for want of one that set it.
            found->second->event_id =
                difference.is_added(step.seq, step.bytes) ? std::optional<Uuid>(step.event.id) : std::nullopt;
        }
    });
}

/// Whether one of the view's branches is a fork that was merged: then events of it are on its parent too.
bool has_merged_fork(const store::Branches& branches, const store::PinnedView& view) {
    const auto layers = view.layers.all();
    return branches.has_merges() && std::any_of(layers.begin(), layers.end(), [&](const store::Layer& layer) {
               const auto fork = branches.find(layer.branch, view.published_seq);
               return fork && fork->status == ForkStatus::kMerged;
           });
}

}  // namespace

Result<Changes> find_changes(const store::Database& database, const StateFolder& folder,
                             const store::PinnedView& before, const store::PinnedView& after,
                             const ChangesOptions& options) {
    RETURN_IF_ERROR(check(options));
    const store::IndexSet& indexes = database.indexes();
    store::Reader reader(indexes);
    ViewDifference difference(before, after);
    if (before.branch != after.branch &&
        (has_merged_fork(database.branches(), before) || has_merged_fork(database.branches(), after)))
        difference.pair_by_id(indexes);
    EntityPage page(indexes, difference, options);
    gather(reader, difference, options, page);
    RETURN_IF_ERROR(reader.status());
    RETURN_IF_ERROR(difference.status());

    Changes changes{.before = before.info, .after = after.info};
    page.write_totals(changes);
    changes.examined = difference.examined();
    const StateOptions state_options{.fold = options.fold, .order = options.order, .with_origins = true};
    for (const auto& [entity_id, events] : page.entities()) {
        EntityChange& change = changes.entities.emplace_back();
        change.entity_id = entity_id;
        change.added_count = events.added_count;
        change.removed_count = events.removed_count;
        change.added = change_events(reader, events.added);
        change.removed = change_events(reader, events.removed);
        RETURN_IF_ERROR(reader.status());
        ASSIGN_OR_RETURN(const State was, folder.state(before, entity_id, state_options));
        ASSIGN_OR_RETURN(const State is, folder.state(after, entity_id, state_options));
        change.existed = was.exists;
        change.exists = is.exists;
        change.version_before = was.version;
        change.version_after = is.version;
        change.fields = differing_fields(was, is);
        RETURN_IF_ERROR(name_removers(folder, difference, after, state_options, change));
        RETURN_IF_ERROR(difference.status());
    }
    return changes;
}

}  // namespace chronos::projection
