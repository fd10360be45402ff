#include "store/conditions.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "base/planted_bug.h"
#include "json/equal.h"
#include "store/seq_cursor.h"

namespace chronos::store {
namespace {

std::uint64_t position_of(const event::EventBytes& event) {
    return base::load<std::uint64_t>(event.body() + offsetof(event::BodyHeader, first_position)) +
           event.header().ordinal;
}

/// The keys whose events hold every event an item can match: its rarest tag, or its types.
std::vector<PostingKey> keys_for(Reader& reader, const Layers& layers, const QueryItem& item, std::uint64_t end_seq) {
    using index::KeyKind;
    std::vector<PostingKey> keys;
    if (item.tags.empty()) {
        for (const std::string& type : item.types)
            add_posting_keys(reader.indexes(), KeyKind::kType, layers, type, keys);
        return keys;
    }
    std::uint64_t fewest = std::numeric_limits<std::uint64_t>::max();
    std::vector<PostingKey> of_tag;
    for (const std::string& tag : item.tags) {
        of_tag.clear();
        add_posting_keys(reader.indexes(), KeyKind::kTag, layers, tag, of_tag);
        if (item.tags.size() == 1) return of_tag;
        std::uint64_t count = 0;
        for (const PostingKey& key : of_tag) count += count_below(reader, key, end_seq);
        if (count == 0) return {};
        if (count >= fewest) continue;
        fewest = count;
        keys.swap(of_tag);
    }
    return keys;
}

/// Whether the last event of the branch is the stream's.
bool is_branch_end(const IndexSet& indexes, event::BranchNumber branch, const index::StreamHead& stream) {
    const index::BranchRuns* runs = indexes.runs(branch);
    return runs != nullptr && stream.end_seq() == runs->seq_of(runs->next_position() - 1) + 1;
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

std::optional<std::uint64_t> first_match(Reader& reader, const Layers& layers, const Query& query,
                                         std::uint64_t begin_seq, std::uint64_t end_seq) {
    if (begin_seq >= end_seq) return std::nullopt;
    if (query.all) return first_match_by_scan(reader, layers, query, begin_seq, end_seq);
    std::optional<std::uint64_t> first;
    for (const QueryItem& item : query.items) {
        const Query single{.items = {item}};
        for (const PostingKey& key : keys_for(reader, layers, item, end_seq)) {
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

std::optional<std::uint64_t> first_match_by_scan(Reader& reader, const Layers& layers, const Query& query,
                                                 std::uint64_t begin_seq, std::uint64_t end_seq) {
    std::optional<std::uint64_t> first;
    for_each_range(reader.indexes(), layers, {.begin = begin_seq, .end = end_seq}, [&](const SeqRange& range) {
        for (std::uint64_t seq = range.begin; seq < range.end; ++seq) {
            const std::byte* at = reader.event(seq);
            if (at == nullptr) return false;
            if (!event::matches(query, event::EventBytes(at))) continue;
            first = seq;
            return false;
        }
        return true;
    });
    return first;
}

std::uint64_t first_seq_after(const IndexSet& indexes, const Layers& layers, std::optional<Position> after,
                              std::uint64_t end_seq) {
    if (!after) return 0;
    const std::uint64_t positions = position_end(indexes, layers, end_seq);
    if (positions > 0 && after->value < positions - 1) return seq_of(indexes, layers, after->value + 1);
    // Position p of the branch comes at seq ≥ end_seq + (p − positions); after + 1 is the first p that counts.
    constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t beyond = positions > 0 ? after->value - (positions - 1) : after->value;
    return beyond < kNever - end_seq - 1 ? end_seq + beyond + (positions > 0 ? 0 : 1) : kNever;
}

void check_versions(const IndexSet& indexes, const PreparedBatch& batch, std::vector<FailedCondition>& failed) {
    const event::BranchNumber branch = batch.header.branch;
    const auto current = [&](std::string_view entity, std::uint64_t inherited) {
        const index::StreamHead* stream = indexes.streams().find(branch, entity);
        if (stream != nullptr && base::is_planted(base::Bug::kStaleHead) && is_branch_end(indexes, branch, *stream))
            return stream->count() - 1;
        return stream == nullptr ? inherited : std::max(stream->count(), inherited);
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
        const std::uint64_t version = current(condition->entity_id, batch.inherited_by_condition(i));
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
            const std::uint64_t version = current(event.entity(), batch.inherited_by_event(event.header().ordinal)) +
                                          (known == earlier.end() ? 0 : known->second);
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
        batch_first = reader.find_batch(batch.header.batch_id, batch.layers, begin_seq).value_or(index::kNoSeq);
    const bool batch_is_known = batch_first < end_seq;
    if (!batch_is_known && !batch.has_explicit_ids && !batch.looks_for_derived_ids) return known;
    if (batch_is_known) {
        const std::byte* at = reader.event(batch_first);
        if (at == nullptr) return known;
        known.batch_differs =
            event::BodyView(event::EventBytes(at).body()).header().event_count != batch.header.event_count;
    }
    std::uint64_t i = 0;
    batch.content.for_each_event([&](const event::EventBytes& event) {
        const std::optional<std::uint64_t> seq =
            reader.find_id(batch.event_id(event), batch.layers, begin_seq, end_seq);
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
