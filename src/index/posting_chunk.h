// Ascending seqs in chunks, newest chunk first: one writer, readers without locks.
//
//     chain ──▶ chunk 1024 ─▶ chunk 512 ─▶ … ─▶ chunk 4          u32 deltas, no pointer per event
//
// Older chunks of a chain may have left memory. A reader therefore walks down to a floor: the seq from which on
// everything is in memory. Entries of appends that never became durable stay above every view's seq and are not seen.
//
// Threads: appending one thread at a time; everything else from any thread.
// Source: offset chunks and grouped prefetch after the measurements in docs/decisions/0004-index.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/arena.h"

namespace chronos::index {

/// One entry: the seq of an event and its 0-based place in the list.
struct Posting {
    std::uint64_t seq = 0;
    std::uint64_t place = 0;
};

struct PostingChunk {
    PostingChunk* previous;
    std::uint64_t base_seq;
    std::uint64_t previous_end_seq;  ///< Behind the last seq in front of this chunk; 0 when there is none.
    std::uint32_t first_place;
    std::uint16_t capacity;
    std::atomic<std::uint16_t> count;
    // then capacity × u32: seq − base_seq

    [[nodiscard]] const std::uint32_t* deltas() const { return reinterpret_cast<const std::uint32_t*>(this + 1); }
    std::uint32_t* deltas() { return reinterpret_cast<std::uint32_t*>(this + 1); }
    [[nodiscard]] std::uint64_t seq(std::uint32_t i) const { return base_seq + deltas()[i]; }
    [[nodiscard]] std::uint32_t size() const { return count.load(std::memory_order_acquire); }
    /// Entries with seq < end_seq.
    [[nodiscard]] std::uint32_t size_below(std::uint64_t end_seq) const;
    /// The chunk in front, if any of it lies above the floor.
    [[nodiscard]] const PostingChunk* before(std::uint64_t floor) const {
        return previous_end_seq > floor ? previous : nullptr;
    }
    /// Whether `seq` can be added.
    [[nodiscard]] bool has_room(std::uint64_t seq) const;
    void add(std::uint64_t seq);

    struct Place {
        PostingChunk* previous = nullptr;
        std::uint64_t previous_end_seq = 0;
        std::uint32_t first_place = 0;
        std::uint32_t capacity = 0;
    };
    /// A chunk that begins with `seq`.
    static PostingChunk* create(Arena& arena, std::uint64_t seq, const Place& place);
    static constexpr std::uint32_t kCapacityMin = 4;
    static constexpr std::uint32_t kCapacityMax = 1024;
};
static_assert(sizeof(PostingChunk) == 32);

/// The last entry of a chain with floor ≤ seq < end_seq; false if there is none.
bool last_below(const PostingChunk* newest, std::uint64_t floor, std::uint64_t end_seq, Posting& posting);
/// The entry at `place`, if it is above the floor.
bool at_place(const PostingChunk* newest, std::uint64_t floor, std::uint64_t place, Posting& posting);

/// Walks a chain between two seqs, either way.
class PostingCursor {
public:
    /// Entries with max(floor, begin_seq) ≤ seq < end_seq.
    struct Range {
        std::uint64_t floor = 0;
        std::uint64_t begin_seq = 0;
        std::uint64_t end_seq = 0;
        bool forward = true;
    };
    PostingCursor(const PostingChunk* newest, const Range& range);
    [[nodiscard]] bool done() const { return done_; }
    [[nodiscard]] Posting get() const { return current_; }
    void next();

private:
    void enter(const PostingChunk* chunk);
    void settle();

    Range range_;
    bool done_ = false;
    std::vector<const PostingChunk*> ahead_;  // forward: chunks still to come, newest first
    const PostingChunk* chunk_ = nullptr;
    std::uint32_t begin_ = 0, end_ = 0;  // rest of the chunk
    Posting current_;
};

}  // namespace chronos::index
