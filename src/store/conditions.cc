#include "store/conditions.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "json/equal.h"

namespace chronos::store {
namespace {

event::BranchNumber branch_of(const event::EventBytes& event) {
    return base::load<event::BranchNumber>(event.body() + offsetof(event::BodyHeader, branch));
}

std::uint64_t position_of(const event::EventBytes& event) {
    return base::load<std::uint64_t>(event.body() + offsetof(event::BodyHeader, first_position)) +
           event.header().ordinal;
}

/// The lists whose union holds every event an item can match: those of its rarest tag, or of its types.
std::vector<const index::PostingList*> lists_for(const IndexSet& indexes, event::BranchNumber branch,
                                                 const QueryItem& item) {
    std::vector<const index::PostingList*> lists;
    if (!item.tags.empty()) {
        const index::PostingList* rarest = nullptr;
        for (const std::string& tag : item.tags) {
            const index::PostingList* list = indexes.tags().find(branch, tag);
            if (list == nullptr) return {};
            if (rarest == nullptr || list->count() < rarest->count()) rarest = list;
        }
        lists.push_back(rarest);
        return lists;
    }
    for (const std::string& type : item.types)
        if (const auto* list = indexes.types().find(branch, type)) lists.push_back(list);
    return lists;
}

bool holds(const ExpectedVersion& expected, std::uint64_t current) {
    switch (expected.kind) {
        case ExpectedVersion::Kind::kAny: return true;
        case ExpectedVersion::Kind::kNone: return current == 0;
        case ExpectedVersion::Kind::kExists: return current > 0;
        case ExpectedVersion::Kind::kExactly: return current == expected.version.value;
    }
    return false;
}

}  // namespace

std::optional<std::uint64_t> first_match(const IndexSet& indexes, event::BranchNumber branch, const Query& query,
                                         std::uint64_t begin_seq, std::uint64_t end_seq) {
    if (begin_seq >= end_seq) return std::nullopt;
    if (query.all) return first_match_by_scan(indexes, branch, query, begin_seq, end_seq);
    indexes.catch_up(end_seq);
    std::optional<std::uint64_t> first;
    for (const QueryItem& item : query.items) {
        const Query single{.items = {item}};
        for (const index::PostingList* list : lists_for(indexes, branch, item)) {
            const std::uint64_t end = first.value_or(end_seq);
            for (index::PostingCursor cursor(*list, begin_seq, end, true); !cursor.done(); cursor.next()) {
                if (!event::matches(single, indexes.event(cursor.get().seq))) continue;
                first = cursor.get().seq;
                break;
            }
        }
    }
    return first;
}

std::optional<std::uint64_t> first_match_by_scan(const IndexSet& indexes, event::BranchNumber branch,
                                                 const Query& query, std::uint64_t begin_seq, std::uint64_t end_seq) {
    for (std::uint64_t seq = begin_seq; seq < end_seq; ++seq) {
        const event::EventBytes event = indexes.event(seq);
        if (branch_of(event) == branch && event::matches(query, event)) return seq;
    }
    return std::nullopt;
}

std::uint64_t first_seq_after(const IndexSet& indexes, event::BranchNumber branch, std::optional<Position> after,
                              std::uint64_t end_seq) {
    if (!after) return 0;
    const std::uint64_t positions = indexes.runs(branch).positions_below(end_seq);
    if (positions > 0 && after->value < positions - 1) return indexes.runs(branch).seq_of(after->value + 1);
    // Position p of the branch comes at seq ≥ end_seq + (p − positions); after + 1 is the first p that counts.
    constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t beyond = positions > 0 ? after->value - (positions - 1) : after->value;
    return beyond < kNever - end_seq - 1 ? end_seq + beyond + (positions > 0 ? 0 : 1) : kNever;
}

void check_versions(const IndexSet& indexes, const PreparedBatch& batch, std::vector<FailedCondition>& failed) {
    const event::BranchNumber branch = batch.header.branch;
    const auto current = [&](std::string_view entity) {
        const index::PostingList* list = indexes.entities().find(branch, entity);
        return list == nullptr ? std::uint64_t{0} : list->count();
    };
    const auto fail = [&](std::size_t index, std::string_view entity, const ExpectedVersion& expected,
                          std::uint64_t version) {
        failed.push_back({.index = static_cast<std::uint32_t>(index),
                          .entity_id = std::string(entity),
                          .expected_version = expected,
                          .current_version = {version},
                          .first_match = {}});
    };
    for (std::size_t i = 0; i < batch.content.conditions.size(); ++i) {
        const auto* condition = std::get_if<EntityCondition>(&batch.content.conditions[i]);
        if (condition == nullptr) continue;
        const std::uint64_t version = current(condition->entity_id);
        if (!holds(condition->expected, version)) fail(i, condition->entity_id, condition->expected, version);
    }
    if (batch.content.event_conditions.empty()) return;

    // An event's own expectation also counts earlier events of the batch.
    std::unordered_map<std::string_view, std::uint64_t> earlier;
    std::size_t next = 0;
    batch.content.for_each_event([&](const event::EventBytes& event) {
        const auto& conditions = batch.content.event_conditions;
        if (next < conditions.size() && conditions[next].event_index == event.header().ordinal) {
            const auto known = earlier.find(event.entity());
            const std::uint64_t version = current(event.entity()) + (known == earlier.end() ? 0 : known->second);
            if (!holds(conditions[next].expected, version))
                fail(batch.content.conditions.size() + next, event.entity(), conditions[next].expected, version);
            ++next;
        }
        ++earlier[event.entity()];
    });
}

FailedCondition::Match describe_match(const IndexSet& indexes, std::uint64_t seq) {
    const event::EventBytes event = indexes.event(seq);
    return {.position = {position_of(event)}, .id = event.id(), .event_type = std::string(event.type())};
}

KnownEvents find_known(const IndexSet& indexes, const PreparedBatch& batch, std::uint64_t end_seq) {
    KnownEvents known;
    if (!batch.has_explicit_ids && !batch.batch_id_is_given) return known;
    std::uint64_t batch_first = 0;
    const bool batch_is_known = batch.batch_id_is_given && indexes.find_batch(batch.header.batch_id, batch_first);
    if (!batch_is_known && !batch.has_explicit_ids) return known;
    if (batch_is_known) {
        const auto stored = event::BodyView(indexes.event(batch_first).body()).header();
        known.batch_differs = stored.event_count != batch.header.event_count;
    }
    std::uint64_t i = 0;
    batch.content.for_each_event([&](const event::EventBytes& event) {
        std::uint64_t seq = 0;
        const bool is_known = indexes.find_id(batch.event_id(event), batch.header.branch, end_seq, seq);
        known.seqs.push_back(is_known ? std::optional(seq) : std::nullopt);
        known.count += is_known ? 1 : 0;
        if (batch_is_known && (!is_known || seq != batch_first + i)) known.batch_differs = true;
        ++i;
    });
    return known;
}

bool same_content(const event::EventBytes& a, const event::EventBytes& b) {
    if (a.type() != b.type() || a.entity() != b.entity() || a.encoded_tags() != b.encoded_tags()) return false;
    if (a.sent_occurred_at() != b.sent_occurred_at()) return false;
    return a.payload() == b.payload() || json::equal_as_values(a.payload(), b.payload());
}

}  // namespace chronos::store
