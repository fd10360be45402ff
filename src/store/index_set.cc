#include "store/index_set.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/assert.h"
#include "json/pointer.h"
#include "json/scan.h"

namespace chronos::store {
namespace {

/// Look-ups in flight at once: their cache misses overlap (docs/decisions/0004-index.md).
constexpr std::size_t kPrefetchGroup = 32;

std::uint64_t seed_part(std::span<const std::byte, 16> secret, std::size_t offset) {
    return base::load<std::uint64_t>(secret.data() + offset);
}

}  // namespace

IndexSet::IndexSet(std::span<const std::byte, 16> secret)
    : entities_(seed_part(secret, 0)),
      ids_(seed_part(secret, 8)),
      batches_(seed_part(secret, 8) + 1),
      types_(seed_part(secret, 0) + 16),
      tags_(seed_part(secret, 0) + 32),
      correlations_(seed_part(secret, 0) + 48),
      causations_(seed_part(secret, 0) + 64),
      actors_(seed_part(secret, 0) + 80) {}

void IndexSet::hash_entities(const event::BodyView& body, std::vector<std::uint64_t>& hashes) const {
    hashes.clear();
    const event::BranchNumber branch = body.header().branch;
    body.for_each_event(
        [&](const event::EventBytes& event) { hashes.push_back(entities_.hash(branch, event.entity())); });
}

void IndexSet::apply(wal::Slot slot, std::uint64_t body_offset, const std::byte* body, std::uint64_t first_seq,
                     std::span<const std::uint64_t> entity_hashes, std::vector<std::uint64_t>* places) {
    const event::BodyView view(body);
    const event::BodyHeader& header = view.header();
    ASSERT(header.branch <= event::kSystemBranch && entity_hashes.size() == header.event_count);
    runs_[header.branch].extend(first_seq, header.event_count);

    const std::byte* at = view.first_event();
    for (std::uint32_t group = 0; group < header.event_count; group += kPrefetchGroup) {
        const std::size_t count = std::min<std::size_t>(kPrefetchGroup, header.event_count - group);
        std::array<const std::byte*, kPrefetchGroup> events;
        std::array<index::PostingList*, kPrefetchGroup> lists;
        for (std::size_t i = 0; i < count; ++i) {
            entities_.prefetch(entity_hashes[group + i]);
            events[i] = at;
            at += base::load<std::uint32_t>(at);  // the event's size
        }
        for (std::size_t i = 0; i < count; ++i) {
            const event::EventBytes event(events[i]);
            lists[i] = event.has(event::kNoEntity)
                           ? nullptr
                           : &entities_.find_or_add(entity_hashes[group + i], header.branch, event.entity());
            if (lists[i] != nullptr) lists[i]->prefetch_newest();
        }
        for (std::size_t i = 0; i < count; ++i) {
            if (lists[i] != nullptr) lists[i]->prefetch_end();
        }
        for (std::size_t i = 0; i < count; ++i) {
            const event::EventBytes event(events[i]);
            const std::uint64_t seq = first_seq + group + i;
            const std::uint64_t offset = body_offset + static_cast<std::uint64_t>(events[i] - body);
            const std::uint64_t place = lists[i] != nullptr ? entities_.append(*lists[i], seq) : 0;
            locations_.prepare(seq) = std::uint64_t{slot} << 32 | offset / 8;
            places_.prepare(seq) = static_cast<std::uint32_t>(place);
            if (places != nullptr) places->push_back(place);
            if (event.has(event::kExplicitId)) ids_.add(ids_.hash(event.explicit_id()), seq);
        }
    }
    if (header.event_count > 0) batches_.add(batches_.hash(header.batch_id), first_seq);
    locations_.publish(first_seq + header.event_count);
    places_.publish(first_seq + header.event_count);
}

void IndexSet::catch_up(std::uint64_t end_seq) const {
    if (applied_seq() >= end_seq) return;
    const std::lock_guard lock(behind_mutex_);
    std::uint64_t seq = applied_seq_.load(std::memory_order_relaxed);
    for (; seq < end_seq; ++seq) {
        if (seq + kPrefetchGroup < end_seq) prefetch_event(seq + kPrefetchGroup);
        index_behind(seq);
    }
    applied_seq_.store(seq, std::memory_order_release);
}

void IndexSet::index_behind(std::uint64_t seq) const {
    const event::EventBytes event = this->event(seq);
    const auto branch = base::load<event::BranchNumber>(event.body() + offsetof(event::BodyHeader, branch));
    const auto add = [&](index::PostingMap& map, std::string_view key) {
        map.append(map.find_or_add(map.hash(branch, key), branch, key), seq);
    };
    add(types_, event.type());
    event::for_each_tag(event.encoded_tags(), [&](std::string_view tag) { add(tags_, tag); });
    if (event.metadata().empty()) return;
    const auto add_key = [&](index::PostingMap& map, const char* key) {
        const auto value = json::find_value(event.metadata(), {{.key = key}});
        std::string scratch;
        if (value && value->starts_with('"')) add(map, json::unescaped(json::string_body(*value), scratch));
    };
    add_key(correlations_, "correlation_id");
    add_key(causations_, "causation_id");
    add_key(actors_, "actor");
}

std::uint64_t IndexSet::seqs_recorded_by(std::int64_t time, std::uint64_t end_seq) const {
    std::uint64_t low = 0;
    std::uint64_t high = end_seq;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (recorded_at(middle) <= time) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool IndexSet::find_batch(const Uuid& batch_id, std::uint64_t& first_seq) const {
    return batches_.for_each(batches_.hash(batch_id), [&](std::uint64_t seq) {
        first_seq = seq;
        return event::BodyView(event(seq).body()).header().batch_id == batch_id;
    });
}

bool IndexSet::find_id(const Uuid& id, event::BranchNumber branch, std::uint64_t end_seq, std::uint64_t& seq) const {
    const auto on_branch = [&](std::uint64_t candidate) {
        return candidate < end_seq && event::BodyView(event(candidate).body()).header().branch == branch;
    };
    const bool is_explicit = ids_.for_each(ids_.hash(id), [&](std::uint64_t candidate) {
        seq = candidate;
        const event::EventBytes event = this->event(candidate);
        return event.has(event::kExplicitId) && event.explicit_id() == id && on_branch(candidate);
    });
    if (is_explicit) return true;
    const Uuid batch_id = event::batch_id_of(id);
    const std::uint32_t ordinal = event::ordinal_of(id);
    return batches_.for_each(batches_.hash(batch_id), [&](std::uint64_t first) {
        const event::BodyHeader header = event::BodyView(event(first).body()).header();
        seq = first + ordinal;
        return header.batch_id == batch_id && ordinal < header.event_count && on_branch(seq) &&
               !event(seq).has(event::kExplicitId);
    });
}

}  // namespace chronos::store
