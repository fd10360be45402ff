// The resident indexes of one database: built from the log at open, kept by the writer and behind it.
//
//   in the writer step:  seq → place in the log, entity → seqs, ids → seqs, positions of branches
//   behind it:           type, tag, correlation, causation, actor → seqs, up to `applied_seq`
//
// A read that needs the second kind catches it up to its view first, so it always sees its own commits.
//
// Threads: `apply` under the writer's lock (or alone, at open); `catch_up` and all look-ups from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "event/body.h"
#include "event/ids.h"
#include "index/branch_runs.h"
#include "index/id_table.h"
#include "index/posting_map.h"
#include "index/published_vector.h"
#include "wal/log.h"

namespace chronos::store {

class IndexSet {
public:
    /// `secret` seeds the hash tables, so that nobody outside can choose colliding names.
    explicit IndexSet(std::span<const std::byte, 16> secret);

    /// What `events()` reads from; set once, before any look-up.
    void attach(const wal::Log& log) { log_ = &log; }

    /// Hashes of the entities of a body's events, in order: work for the caller's thread.
    void hash_entities(const event::BodyView& body, std::vector<std::uint64_t>& hashes) const;

    /// Indexes a batch that is in its place in the log. `places`, if given, receives each event's 0-based place in its
    /// entity's stream.
    void apply(wal::Slot slot, std::uint64_t body_offset, const std::byte* body, std::uint64_t first_seq,
               std::span<const std::uint64_t> entity_hashes, std::vector<std::uint64_t>* places);

    /// Indexes types, tags and metadata of all events with seq < `end_seq`. Requires: they are published.
    void catch_up(std::uint64_t end_seq) const;
    [[nodiscard]] std::uint64_t applied_seq() const { return applied_seq_.load(std::memory_order_acquire); }

    // Look-ups.

    /// Requires: seq was applied.
    [[nodiscard]] event::EventBytes event(std::uint64_t seq) const {
        return event::EventBytes(address(locations_[seq]));
    }
    void prefetch_location(std::uint64_t seq) const {
        __builtin_prefetch(&locations_[seq]);
        __builtin_prefetch(&places_[seq]);
    }
    void prefetch_event(std::uint64_t seq) const {
        const std::byte* at = address(locations_[seq]);
        __builtin_prefetch(at);
        __builtin_prefetch(at + 64);
        __builtin_prefetch(at + 128);
        __builtin_prefetch(at + 192);
    }
    /// The start of the batch, where time and position are.
    void prefetch_body(std::uint64_t seq) const {
        const std::byte* at = address(locations_[seq]);
        const auto distance = base::load<std::uint32_t>(at + offsetof(event::EventHeader, body_distance));
        __builtin_prefetch(at - std::size_t{distance} * 8);
    }
    /// 0-based place of an event in its entity's stream.
    [[nodiscard]] std::uint64_t place(std::uint64_t seq) const { return places_[seq]; }
    [[nodiscard]] std::int64_t recorded_at(std::uint64_t seq) const {
        return base::load<std::int64_t>(event(seq).body() + offsetof(event::BodyHeader, recorded_at));
    }
    /// How many of the first `end_seq` events were recorded at or before `time`.
    [[nodiscard]] std::uint64_t seqs_recorded_by(std::int64_t time, std::uint64_t end_seq) const;

    /// The seq of the event with this id on the branch, among seqs below `end_seq`; false if there is none.
    bool find_id(const Uuid& id, event::BranchNumber branch, std::uint64_t end_seq, std::uint64_t& seq) const;
    /// The seq of the first event of the batch with this id; false if there is none.
    bool find_batch(const Uuid& batch_id, std::uint64_t& first_seq) const;

    [[nodiscard]] const index::PostingMap& entities() const { return entities_; }
    [[nodiscard]] const index::PostingMap& types() const { return types_; }
    [[nodiscard]] const index::PostingMap& tags() const { return tags_; }
    [[nodiscard]] const index::PostingMap& correlations() const { return correlations_; }
    [[nodiscard]] const index::PostingMap& causations() const { return causations_; }
    [[nodiscard]] const index::PostingMap& actors() const { return actors_; }
    [[nodiscard]] const index::BranchRuns& runs(event::BranchNumber branch) const { return runs_[branch]; }
    [[nodiscard]] std::uint64_t next_position(event::BranchNumber branch) const { return runs_[branch].next_position(); }

private:
    [[nodiscard]] const std::byte* address(std::uint64_t location) const {
        return log_->image(static_cast<wal::Slot>(location >> 32)) + (location & 0xFFFFFFFF) * 8;
    }
    void index_behind(std::uint64_t seq) const;

    const wal::Log* log_ = nullptr;

    // The writer's; readers stay below the published seq.
    index::PublishedVector<std::uint64_t> locations_;  // slot << 32 | offset / 8
    index::PublishedVector<std::uint32_t> places_;
    index::PostingMap entities_;
    index::IdTable ids_;
    index::IdTable batches_;
    index::BranchRuns runs_[2];

    // Built by whoever holds behind_mutex_; caches of the log, so catching up is const.
    mutable std::mutex behind_mutex_;
    mutable index::PostingMap types_, tags_, correlations_, causations_, actors_;
    mutable std::atomic<std::uint64_t> applied_seq_ = 0;
};

}  // namespace chronos::store
