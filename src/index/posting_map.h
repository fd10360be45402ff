// Key → ascending seqs, for types, tags and metadata keys of one part of the log: one writer, readers without locks.
//
//     (branch, key) ──hash──▶ PostingList ──▶ chunks (posting_chunk.h)
//
// Lists hold seqs, never file offsets, so log files can be rewritten under them.
//
// Threads: `find_or_add`, `append` one thread at a time; everything else from any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <new>
#include <string_view>

#include "event/ids.h"
#include "index/key_map.h"
#include "index/posting_chunk.h"

namespace chronos::index {

class PostingList {
public:
    PostingList(event::BranchNumber branch, std::string_view key) : key_(key), branch_(branch) {}
    static PostingList* create(Arena& arena, event::BranchNumber branch, std::string_view key) {
        return new (arena.allocate(sizeof(PostingList), alignof(PostingList))) PostingList(branch, arena.intern(key));
    }

    [[nodiscard]] std::string_view key() const { return key_; }
    [[nodiscard]] event::BranchNumber branch() const { return branch_; }
    [[nodiscard]] const PostingChunk* newest() const { return newest_.load(std::memory_order_acquire); }

    /// Entries so far, durable or not.
    [[nodiscard]] std::uint64_t count() const {
        const PostingChunk* chunk = newest();
        return chunk == nullptr ? 0 : std::uint64_t{chunk->first_place} + chunk->size();
    }
    /// Entries with seq < `end_seq`.
    [[nodiscard]] std::uint64_t count_below(std::uint64_t end_seq) const {
        Posting last;
        return last_below(newest(), 0, end_seq, last) ? last.place + 1 : 0;
    }

    /// Adds `seq`, larger than all before.
    void append(std::uint64_t seq, Arena& arena) {
        PostingChunk* chunk = newest_.load(std::memory_order_relaxed);
        if (chunk != nullptr && chunk->has_room(seq)) {
            chunk->add(seq);
            return;
        }
        PostingChunk::Place place{.capacity = PostingChunk::kCapacityMin};
        if (chunk != nullptr)
            place = {.previous = chunk,
                     .previous_end_seq = chunk->seq(chunk->size() - 1) + 1,
                     .first_place = chunk->first_place + chunk->size(),
                     .capacity = std::min<std::uint32_t>(chunk->capacity * 2U, PostingChunk::kCapacityMax)};
        newest_.store(PostingChunk::create(arena, seq, place), std::memory_order_release);  // pairs with newest()
    }

private:
    const std::string_view key_;
    const event::BranchNumber branch_;
    std::atomic<PostingChunk*> newest_ = nullptr;
};

class PostingMap : public KeyMap<PostingList, 4> {
public:
    using KeyMap::KeyMap;
    void append(PostingList& list, std::uint64_t seq) { list.append(seq, arena_); }
};

}  // namespace chronos::index
