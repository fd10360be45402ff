#include "store/conditions.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "base/planted_bug.h"
#include "json/equal.h"
#include "store/seq_cursor.h"

namespace chronos::store {
namespace {

event::BranchNumber branch_of(const event::EventBytes& event) {
    return base::load<event::BranchNumber>(event.body() + offsetof(event::BodyHeader, branch));
}

std::uint64_t position_of(const event::EventBytes& event) {
    return base::load<std::uint64_t>(event.body() + offsetof(event::BodyHeader, first_position)) +
           event.header().ordinal;
}

/// The keys whose events hold every event an item can match: its rarest tag, or its types.
std::vector<PostingKey> keys_for(Reader& reader, event::BranchNumber branch, const QueryItem& item,
                                 std::uint64_t end_seq) {
    using index::KeyKind;
    std::vector<PostingKey> keys;
    if (item.tags.size() == 1) return {*posting_key(reader.indexes(), KeyKind::kTag, branch, item.tags[0])};
    if (!item.tags.empty()) {
        std::uint64_t fewest = std::numeric_limits<std::uint64_t>::max();
        for (const std::string& tag : item.tags) {
            const PostingKey key = *posting_key(reader.indexes(), KeyKind::kTag, branch, tag);
            const std::uint64_t count = count_below(reader, key, end_seq);
            if (count == 0) return {};
            if (count >= fewest) continue;
            fewest = count;
            keys = {key};
        }
        return keys;
    }
    for (const std::string& type : item.types)
        keys.push_back(*posting_key(reader.indexes(), KeyKind::kType, branch, type));
    return keys;
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

std::optional<std::uint64_t> first_match(Reader& reader, event::BranchNumber branch, const Query& query,
                                         std::uint64_t begin_seq, std::uint64_t end_seq) {
    if (begin_seq >= end_seq) return std::nullopt;
    if (query.all) return first_match_by_scan(reader, branch, query, begin_seq, end_seq);
    std::optional<std::uint64_t> first;
    for (const QueryItem& item : query.items) {
        const Query single{.items = {item}};
        for (const PostingKey& key : keys_for(reader, branch, item, end_seq)) {
            const SeqCursor::Range range{.begin_seq = begin_seq, .end_seq = first.value_or(end_seq)};
            for (SeqCursor cursor(reader, key, range); !cursor.done(); cursor.next()) {
                const std::byte* at = reader.event(cursor.get());
                if (at == nullptr) return std::nullopt;
                if (!event::matches(single, event::EventBytes(at))) continue;
                first = cursor.get();
                break;
            }
        }
    }
    return first;
}

std::optional<std::uint64_t> first_match_by_scan(Reader& reader, event::BranchNumber branch, const Query& query,
                                                 std::uint64_t begin_seq, std::uint64_t end_seq) {
    for (std::uint64_t seq = begin_seq; seq < end_seq; ++seq) {
        const std::byte* at = reader.event(seq);
        if (at == nullptr) return std::nullopt;
        const event::EventBytes event(at);
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
        const index::StreamHead* stream = indexes.streams().find(branch, entity);
        if (stream != nullptr && base::is_planted(base::Bug::kStaleHead) &&
            stream->end_seq() == indexes.runs(branch).seq_of(indexes.next_position(branch) - 1) + 1)
            return stream->count() - 1;
        return stream == nullptr ? std::uint64_t{0} : stream->count();
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

FailedCondition::Match describe_match(Reader& reader, std::uint64_t seq) {
    const std::byte* at = reader.event(seq);
    if (at == nullptr) return {};
    const event::EventBytes event(at);
    return {.position = {position_of(event)}, .id = event.id(), .event_type = std::string(event.type())};
}

KnownEvents find_known(Reader& reader, const PreparedBatch& batch, std::uint64_t begin_seq, std::uint64_t end_seq) {
    KnownEvents known;
    if (!batch.has_explicit_ids && !batch.batch_id_is_given) return known;
    if (base::is_planted(base::Bug::kAcceptDuplicateId)) return known;
    std::uint64_t batch_first = index::kNoSeq;
    if (batch.batch_id_is_given)
        batch_first = reader.find_batch(batch.header.batch_id, begin_seq).value_or(index::kNoSeq);
    const bool batch_is_known = batch_first < end_seq;
    if (!batch_is_known && !batch.has_explicit_ids) return known;
    if (batch_is_known) {
        const std::byte* at = reader.event(batch_first);
        if (at == nullptr) return known;
        known.batch_differs =
            event::BodyView(event::EventBytes(at).body()).header().event_count != batch.header.event_count;
    }
    std::uint64_t i = 0;
    batch.content.for_each_event([&](const event::EventBytes& event) {
        const std::optional<std::uint64_t> seq =
            reader.find_id(batch.event_id(event), batch.header.branch, begin_seq, end_seq);
        known.seqs.push_back(seq);
        known.count += seq ? 1 : 0;
        if (batch_is_known && seq != batch_first + i) known.batch_differs = true;
        ++i;
    });
    return known;
}

KnownEvents join(KnownEvents earlier, const KnownEvents& later) {
    if (earlier.seqs.empty()) {
        earlier.batch_differs = earlier.batch_differs || later.batch_differs;
        earlier.seqs = later.seqs;
        earlier.count = later.count;
        return earlier;
    }
    earlier.batch_differs = earlier.batch_differs || later.batch_differs;
    for (std::size_t i = 0; i < later.seqs.size(); ++i) {
        if (earlier.seqs[i] || !later.seqs[i]) continue;
        earlier.seqs[i] = later.seqs[i];
        ++earlier.count;
    }
    return earlier;
}

bool same_content(const event::EventBytes& sent, const event::EventBytes& stored) {
    if (sent.type() != stored.type() || sent.entity() != stored.entity() ||
        sent.encoded_tags() != stored.encoded_tags())
        return false;
    // Who sends no time takes the stored one; who sends one means the time the event has, however it came by it.
    if (sent.sent_occurred_at() && *sent.sent_occurred_at() != stored.occurred_at()) return false;
    return sent.payload() == stored.payload() || json::equal_as_values(sent.payload(), stored.payload());
}

}  // namespace chronos::store
