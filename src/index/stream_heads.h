// Entity → how many events it has and where the newest are. Stays in memory for every entity, however old: it is what
// an append asks. Chunks of seqs belong to the part of the index that the events are in, and leave memory with it.
//
//     (branch, entity) ──hash──▶ StreamHead {count, first, last} ──▶ chunks of the newest part ─▶ of the part before ─▶
//     …
//
// Threads: `find_or_add`, `append`, `restore` one thread at a time; everything else from any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>

#include "event/ids.h"
#include "index/key_map.h"
#include "index/posting_chunk.h"

namespace chronos::index {

class StreamHead {
public:
    static StreamHead* create(Arena& arena, event::BranchNumber branch, std::string_view key) {
        std::byte* const at = arena.allocate(sizeof(StreamHead) + key.size(), alignof(StreamHead));
        std::memcpy(at + sizeof(StreamHead), key.data(), key.size());
        return new (at) StreamHead(branch, static_cast<std::uint16_t>(key.size()));
    }

    [[nodiscard]] std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size_}; }
    [[nodiscard]] event::BranchNumber branch() const { return branch_; }

    /// Events so far, durable or not; on a fork with those that it inherits.
    [[nodiscard]] std::uint64_t count() const { return count_.load(std::memory_order_acquire); }
    /// Behind its last event, durable or not; 0 while it has none.
    [[nodiscard]] std::uint64_t end_seq() const { return end_seq_.load(std::memory_order_acquire); }
    /// Its first event. Requires: end_seq() > 0.
    [[nodiscard]] std::uint64_t first_seq() const { return first_seq_; }

    /// The newest chunk, if any of it lies above the floor: the seq from which on everything is in memory.
    ///
    /// end_seq is stored after the chunk it speaks of, so what is seen here is at least as new as what it promised.
    [[nodiscard]] const PostingChunk* newest(std::uint64_t floor) const {
        return end_seq() > floor ? newest_.load(std::memory_order_acquire) : nullptr;
    }
    void prefetch_newest() const { __builtin_prefetch(newest_.load(std::memory_order_relaxed)); }
    /// The newest chunk's end, where the next append writes. Requires: the appending thread.
    void prefetch_end(std::uint64_t part_begin_seq) const {
        const PostingChunk* chunk = newest(part_begin_seq);
        if (chunk != nullptr) __builtin_prefetch(chunk->deltas() + chunk->size(), 1);
    }

    struct Appended {
        std::uint64_t place = 0;
        bool is_first_in_part = false;
    };
    /// Adds `seq`, larger than all before, to the part that begins at `part_begin_seq` and owns `arena`.
    Appended append(std::uint64_t seq, std::uint64_t part_begin_seq, Arena& arena) {
        const std::uint64_t end = end_seq_.load(std::memory_order_relaxed);
        const std::uint32_t place = count_.load(std::memory_order_relaxed);
        PostingChunk* chunk = newest_.load(std::memory_order_relaxed);
        const bool is_first_in_part =
            end <= part_begin_seq;  // Then older chunks may be gone: they are only pointed to.
        if (!is_first_in_part && chunk->has_room(seq)) {
            chunk->add(seq);
        } else {
            const std::uint32_t capacity =
                is_first_in_part ? PostingChunk::kCapacityMin
                                 : std::min<std::uint32_t>(chunk->capacity * 2U, PostingChunk::kCapacityMax);
            newest_.store(PostingChunk::create(
                              arena, seq,
                              {.previous = chunk, .previous_end_seq = end, .first_place = place, .capacity = capacity}),
                          std::memory_order_release);  // pairs with newest()
        }
        if (end == 0) first_seq_ = seq;
        count_.store(place + 1, std::memory_order_release);
        end_seq_.store(seq + 1, std::memory_order_release);  // pairs with end_seq()
        return {place, is_first_in_part};
    }

    /// The stream goes on where that of an ancestor branch ends, which has `count` events.
    /// Requires: it has no event yet; the appending thread.
    void inherit(std::uint64_t count) { count_.store(static_cast<std::uint32_t>(count), std::memory_order_release); }

    /// What a file says of the stream up to its end. Requires: nobody else uses the map.
    void restore(std::uint64_t first_seq, std::uint64_t end_seq, std::uint64_t count) {
        first_seq_ = first_seq;
        count_.store(static_cast<std::uint32_t>(count), std::memory_order_relaxed);
        end_seq_.store(end_seq, std::memory_order_release);
    }

private:
    StreamHead(event::BranchNumber branch, std::uint16_t key_size) : branch_(branch), key_size_(key_size) {}

    std::atomic<PostingChunk*> newest_ = nullptr;
    std::atomic<std::uint64_t> end_seq_ = 0;
    std::uint64_t first_seq_ = 0;  // written before end_seq_ becomes > 0
    std::atomic<std::uint32_t> count_ = 0;
    const event::BranchNumber branch_;
    const std::uint16_t key_size_;
};
static_assert(sizeof(StreamHead) == 40);

using StreamHeads = KeyMap<StreamHead, 8>;

}  // namespace chronos::index
