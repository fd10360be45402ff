// Key → ascending seqs, for entities, types, tags and the like: one writer, readers without locks.
//
//     (branch, key) ──hash──▶ shard ──▶ slot {hash, list} ──▶ PostingList ──▶ chunk 1024 ─▶ chunk 512 ─▶ … ─▶ chunk 4
//                                                              (newest chunk first; u32 deltas, no pointer per event)
//
// Lists hold seqs, never file offsets, so log files can be rewritten under them. Entries of appends that never became
// durable stay above every view's seq and are not seen.
//
// Threads: `find_or_add`, `PostingList::append` one thread at a time; everything else from any thread.
// Source: offset chunks and grouped prefetch after the measurements in docs/decisions/0004-index.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "event/ids.h"
#include "index/arena.h"
#include "index/published_vector.h"

namespace chronos::index {

/// One entry: the seq of an event and its 0-based place in the list.
struct Posting {
    std::uint64_t seq = 0;
    std::uint64_t place = 0;
};

class PostingList {
public:
    struct Chunk {
        Chunk* previous;
        std::uint64_t base_seq;
        std::uint64_t first_place;
        std::uint32_t capacity;
        std::atomic<std::uint32_t> count;
        // then capacity × u32: seq − base_seq

        [[nodiscard]] const std::uint32_t* deltas() const { return reinterpret_cast<const std::uint32_t*>(this + 1); }
        std::uint32_t* deltas() { return reinterpret_cast<std::uint32_t*>(this + 1); }
        [[nodiscard]] std::uint64_t seq(std::uint32_t i) const { return base_seq + deltas()[i]; }
    };

    PostingList(event::BranchNumber branch, std::string_view key) : key_(key), branch_(branch) {}

    [[nodiscard]] std::string_view key() const { return key_; }
    [[nodiscard]] event::BranchNumber branch() const { return branch_; }

    /// Adds `seq`, larger than all before. Returns its place.
    std::uint64_t append(std::uint64_t seq, Arena& arena);

    /// Entries so far, durable or not.
    [[nodiscard]] std::uint64_t count() const;
    /// Entries with seq < `end_seq`.
    [[nodiscard]] std::uint64_t count_below(std::uint64_t end_seq) const;
    /// The last entry with seq < `end_seq`; false if there is none.
    bool last_below(std::uint64_t end_seq, Posting& posting) const;
    /// The entry at `place`; false if there are not so many.
    bool at_place(std::uint64_t place, Posting& posting) const;
    /// The place of `seq`; false if it is not in the list.
    bool place_of(std::uint64_t seq, std::uint64_t& place) const;

    [[nodiscard]] const Chunk* newest() const { return newest_.load(std::memory_order_acquire); }
    void prefetch_newest() const { __builtin_prefetch(newest_.load(std::memory_order_relaxed)); }
    /// The newest chunk's end, where the next append writes. Requires: the appending thread.
    void prefetch_end() const;

private:
    const std::string_view key_;
    const event::BranchNumber branch_;
    std::atomic<Chunk*> newest_ = nullptr;
};

/// Walks a list between two seqs, either way.
class PostingCursor {
public:
    /// Entries with begin_seq ≤ seq < end_seq.
    PostingCursor(const PostingList& list, std::uint64_t begin_seq, std::uint64_t end_seq, bool forward);
    [[nodiscard]] bool done() const { return done_; }
    [[nodiscard]] Posting get() const { return current_; }
    void next();

private:
    void enter(const PostingList::Chunk* chunk);
    void settle();

    std::uint64_t begin_seq_, end_seq_;
    bool forward_;
    bool done_ = false;
    std::vector<const PostingList::Chunk*> ahead_;  // forward: chunks still to come, newest first
    const PostingList::Chunk* chunk_ = nullptr;
    std::uint32_t begin_ = 0, end_ = 0;             // rest of the chunk
    Posting current_;
};

class PostingMap {
public:
    explicit PostingMap(std::uint64_t hash_seed);
    ~PostingMap();
    PostingMap(const PostingMap&) = delete;
    PostingMap& operator=(const PostingMap&) = delete;

    [[nodiscard]] std::uint64_t hash(event::BranchNumber branch, std::string_view key) const;

    [[nodiscard]] PostingList* find(std::uint64_t hash, event::BranchNumber branch, std::string_view key) const;
    [[nodiscard]] PostingList* find(event::BranchNumber branch, std::string_view key) const {
        return find(hash(branch, key), branch, key);
    }
    PostingList& find_or_add(std::uint64_t hash, event::BranchNumber branch, std::string_view key);
    std::uint64_t append(PostingList& list, std::uint64_t seq) { return list.append(seq, arena_); }

    /// Brings the slot of `hash` near; for groups of look-ups.
    void prefetch(std::uint64_t hash) const;

    /// All lists in order of creation.
    [[nodiscard]] const PublishedVector<PostingList*>& lists() const { return lists_; }
    [[nodiscard]] std::size_t bytes() const;

private:
    struct Slot {
        std::uint64_t hash;
        std::atomic<PostingList*> list;
    };
    struct Table {
        std::uint64_t mask = 0;
        std::uint64_t used = 0;
        io::AlignedBuffer memory;
        Slot* slots = nullptr;
    };
    struct Shard {
        std::atomic<Table*> table = nullptr;
    };
    static constexpr std::size_t kShards = 256;

    static std::size_t shard_of(std::uint64_t hash) { return hash >> 56; }
    std::unique_ptr<Table> new_table(std::uint64_t slots);
    Table* grow(Shard& shard);

    const std::uint64_t hash_seed_;
    std::unique_ptr<Shard[]> shards_;
    /// Tables in use and those replaced, which a reader may still be in: at most as many slots again.
    std::vector<std::unique_ptr<Table>> tables_;
    Arena arena_;
    PublishedVector<PostingList*> lists_;
    std::atomic<std::size_t> table_bytes_ = 0;
};

}  // namespace chronos::index
