#include "store/conditions.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/planted_bug.h"
#include "json/equal.h"
#include "store/seq_cursor.h"

namespace chronos::store {
namespace {

/// Look-ups in flight at once: their cache misses overlap.
constexpr std::size_t kPrefetchGroup = 32;

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

/// Counts the events of a batch by entity. Its hashes are secret, so nobody can make them collide.
class EntityCounts {
public:
    explicit EntityCounts(std::size_t event_count) : slots_(std::bit_ceil(event_count * 2)) {}

    /// Returns how many events of the entity came before.
    std::uint32_t add(std::uint64_t hash, std::string_view entity) {
        for (std::size_t i = hash;; ++i) {
            Slot& slot = slots_[i & (slots_.size() - 1)];
            if (slot.count == 0) {
                slot = {.hash = hash, .entity = entity, .count = 0};
            } else if (slot.hash != hash || slot.entity != entity) {
                continue;
            }
            return slot.count++;
        }
    }

private:
    struct Slot {
        std::uint64_t hash = 0;
        std::string_view entity;
        std::uint32_t count = 0;
    };
    std::vector<Slot> slots_;
};

/// What events must have for a query's item to be worth comparing with them: for each item its tag that fewest items
/// have, or its types.
class QueryKeys {
public:
    explicit QueryKeys(std::span<const ScanQuery> queries) {
        std::unordered_map<std::string_view, std::uint32_t> tag_counts;
        for_each_item(queries, [&](std::uint32_t, const QueryItem& item) {
            for (const std::string& tag : item.tags) ++tag_counts[tag];
        });
        for_each_item(queries, [&](std::uint32_t query, const QueryItem& item) {
            if (item.tags.empty()) {
                for (const std::string& type : item.types) by_type_[type].push_back(query);
                return;
            }
            const auto rarest = std::min_element(item.tags.begin(), item.tags.end(), [&](const auto& a, const auto& b) {
                return tag_counts[a] < tag_counts[b];
            });
            by_tag_[*rarest].push_back(query);
        });
        for (std::uint32_t i = 0; i < queries.size(); ++i)
            if (queries[i].query->all) for_all_.push_back(i);
    }

    /// Calls `visit` with each query that may match; with some more than once.
    template <typename Visit>
    void for_each_candidate(const event::EventBytes& event, const Visit& visit) const {
        const auto visit_all = [&](const Keys& keys, std::string_view key) {
            if (keys.empty()) return;
            if (const auto found = keys.find(key); found != keys.end())
                for (const std::uint32_t query : found->second) visit(query);
        };
        for (const std::uint32_t query : for_all_) visit(query);
        visit_all(by_type_, event.type());
        event::for_each_tag(event.encoded_tags(), [&](std::string_view tag) { visit_all(by_tag_, tag); });
    }

private:
    using Keys = std::unordered_map<std::string_view, std::vector<std::uint32_t>>;

    template <typename Visit>
    static void for_each_item(std::span<const ScanQuery> queries, const Visit& visit) {
        for (std::uint32_t i = 0; i < queries.size(); ++i)
            for (const QueryItem& item : queries[i].query->items) visit(i, item);
    }

    Keys by_tag_, by_type_;
    std::vector<std::uint32_t> for_all_;
};

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

std::vector<std::optional<std::uint64_t>> first_matches_by_scan(Reader& reader, const Layers& layers,
                                                                std::span<const ScanQuery> queries,
                                                                std::uint64_t end_seq) {
    std::vector<std::optional<std::uint64_t>> matches(queries.size());
    std::uint64_t begin_seq = end_seq;
    for (const ScanQuery& query : queries) begin_seq = std::min(begin_seq, query.begin_seq);
    if (queries.size() == 1) matches[0] = first_match_by_scan(reader, layers, *queries[0].query, begin_seq, end_seq);
    if (queries.size() <= 1 || begin_seq == end_seq) return matches;
    const QueryKeys keys(queries);
    for_each_range(reader.indexes(), layers, {.begin = begin_seq, .end = end_seq}, [&](const SeqRange& range) {
        for (std::uint64_t seq = range.begin; seq < range.end; ++seq) {
            const std::byte* at = reader.event(seq);
            if (at == nullptr) return false;
            const event::EventBytes event(at);
            keys.for_each_candidate(event, [&](std::uint32_t i) {
                const ScanQuery& query = queries[i];
                if (!matches[i] && seq >= query.begin_seq && event::matches(*query.query, event)) matches[i] = seq;
            });
        }
        return true;
    });
    return matches;
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
    const auto current = [&](std::uint64_t hash, std::string_view entity, std::uint64_t inherited) {
        const index::StreamHead* stream = indexes.streams().find(hash, branch, entity);
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
        const std::string& entity = condition->entity_id;
        const std::uint64_t version =
            current(indexes.streams().hash(branch, entity), entity, batch.inherited_by_condition(i));
        if (!holds(condition->expected, version)) fail(i, entity, condition->expected, version);
    }
    if (batch.content.event_conditions.empty()) return;

    // An event's own expectation also counts earlier events of the batch.
    EntityCounts earlier(batch.content.event_count);
    std::size_t next = 0;
    std::size_t i = 0;
    const std::vector<std::uint64_t>& hashes = batch.entity_hashes;
    batch.content.for_each_event([&](const event::EventBytes& event) {
        if (i % kPrefetchGroup == 0) {
            const auto group = std::span(hashes).subspan(i, std::min(kPrefetchGroup, hashes.size() - i));
            for (const std::uint64_t hash : group) indexes.streams().prefetch(hash);
            for (const std::uint64_t hash : group) indexes.streams().prefetch_entry(hash);
        }
        const std::uint64_t hash = hashes[i++];
        const std::uint64_t count = earlier.add(hash, event.entity());
        const auto& conditions = batch.content.event_conditions;
        if (next == conditions.size() || conditions[next].event_index != event.header().ordinal) return;
        const std::uint64_t version =
            current(hash, event.entity(), batch.inherited_by_event(event.header().ordinal)) + count;
        if (!holds(conditions[next].expected, version))
            fail(batch.content.conditions.size() + next, event.entity(), conditions[next].expected, version);
        ++next;
    });
}

FailedCondition::Match describe_match(Reader& reader, std::uint64_t seq) {
    const std::byte* at = reader.event(seq);
    if (at == nullptr) return {};
    const event::EventBytes event(at);
    return {.position = {position_of(event)}, .id = event.id(), .event_type = std::string(event.type())};
}

KnownEvents find_known(Reader& reader, const PreparedBatch& batch, const KnownRange& range) {
    const auto [begin_seq, end_seq] = range;
    KnownEvents known;
    if (!batch.has_explicit_ids && !batch.batch_id_is_given) return known;
    if (base::is_planted(base::Bug::kAcceptDuplicateId)) return known;
    std::uint64_t batch_first = index::kNoSeq;
    if (batch.batch_id_is_given) {
        batch_first = reader.find_batch(batch.header.batch_id, batch.layers, begin_seq).value_or(index::kNoSeq);
    }
    const bool batch_is_known = batch_first < end_seq;
    // What was appended to a fork is on its parent by its ids alone; the fork's own batch may have been removed.
    const bool may_be_merged = batch.looks_for_derived_ids;
    if (!batch_is_known && !batch.has_explicit_ids && !may_be_merged) return known;
    if (batch_is_known) {
        const std::byte* at = reader.event(batch_first);
        if (at == nullptr) return known;
        known.batch_differs =
            event::BodyView(event::EventBytes(at).body()).header().event_count != batch.header.event_count;
    }
    const std::vector<Uuid> ids = batch.event_ids();
    known.seqs.reserve(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (i % kPrefetchGroup == 0)
            reader.prefetch_ids(std::span(ids).subspan(i, std::min(kPrefetchGroup, ids.size() - i)), begin_seq);
        const std::optional<std::uint64_t> seq = reader.find_id(ids[i], batch.layers, begin_seq, end_seq);
        known.seqs.push_back(seq);
        known.count += seq ? 1 : 0;
        if (batch_is_known && seq != batch_first + i) known.batch_differs = true;
    }
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
