#include "index/posting_chunk.h"

#include <algorithm>
#include <limits>
#include <new>

namespace chronos::index {

std::uint32_t PostingChunk::size_below(std::uint64_t end_seq) const {
    if (end_seq <= base_seq) return 0;
    const std::uint64_t delta = end_seq - base_seq;
    const std::uint32_t* begin = deltas();
    return static_cast<std::uint32_t>(
        std::lower_bound(begin, begin + size(), delta, [](std::uint32_t a, std::uint64_t b) { return a < b; }) - begin);
}

bool PostingChunk::has_room(std::uint64_t seq) const {
    return count.load(std::memory_order_relaxed) < capacity &&
           seq - base_seq <= std::numeric_limits<std::uint32_t>::max();
}

void PostingChunk::add(std::uint64_t seq) {
    const std::uint16_t at = count.load(std::memory_order_relaxed);
    deltas()[at] = static_cast<std::uint32_t>(seq - base_seq);
    count.store(static_cast<std::uint16_t>(at + 1), std::memory_order_release);  // pairs with size()
}

PostingChunk* PostingChunk::create(Arena& arena, std::uint64_t seq, const Place& place) {
    auto* chunk =
        new (arena.allocate(sizeof(PostingChunk) + place.capacity * sizeof(std::uint32_t), alignof(PostingChunk)))
            PostingChunk();
    chunk->previous = place.previous;
    chunk->base_seq = seq;
    chunk->previous_end_seq = place.previous_end_seq;
    chunk->first_place = place.first_place;
    chunk->capacity = static_cast<std::uint16_t>(place.capacity);
    chunk->deltas()[0] = 0;
    chunk->count.store(1, std::memory_order_relaxed);
    return chunk;
}

bool last_below(const PostingChunk* newest, std::uint64_t floor, std::uint64_t end_seq, Posting& posting) {
    for (const PostingChunk* chunk = newest; chunk != nullptr; chunk = chunk->before(floor)) {
        const std::uint32_t below = chunk->size_below(end_seq);
        if (below == 0) continue;
        posting = {chunk->seq(below - 1), std::uint64_t{chunk->first_place} + below - 1};
        return posting.seq >= floor;
    }
    return false;
}

bool at_place(const PostingChunk* newest, std::uint64_t floor, std::uint64_t place, Posting& posting) {
    const PostingChunk* chunk = newest;
    while (chunk != nullptr && chunk->first_place > place) chunk = chunk->before(floor);
    if (chunk == nullptr || place - chunk->first_place >= chunk->size()) return false;
    posting = {chunk->seq(static_cast<std::uint32_t>(place - chunk->first_place)), place};
    return posting.seq >= floor;
}

PostingCursor::PostingCursor(const PostingChunk* newest, const Range& range) : range_(range) {
    range_.begin_seq = std::max(range.begin_seq, range.floor);
    if (!range_.forward) {
        enter(newest);
        settle();
        return;
    }
    for (const PostingChunk* chunk = newest; chunk != nullptr; chunk = chunk->before(range_.floor)) {
        if (chunk->base_seq >= range_.end_seq) continue;
        ahead_.push_back(chunk);
        if (chunk->base_seq <= range_.begin_seq) break;
    }
    if (!ahead_.empty()) {
        enter(ahead_.back());
        ahead_.pop_back();
    }
    settle();
}

void PostingCursor::enter(const PostingChunk* chunk) {
    chunk_ = chunk;
    if (chunk == nullptr) return;
    end_ = chunk->size_below(range_.end_seq);
    begin_ = std::min(end_, chunk->size_below(range_.begin_seq));
}

/// Makes current_ the next entry, entering further chunks as needed.
void PostingCursor::settle() {
    while (chunk_ != nullptr && begin_ == end_) {
        if (range_.forward) {
            const PostingChunk* next = ahead_.empty() ? nullptr : ahead_.back();
            if (!ahead_.empty()) ahead_.pop_back();
            enter(next);
        } else {
            const bool more = chunk_->base_seq > range_.begin_seq;
            enter(more ? chunk_->before(range_.floor) : nullptr);
        }
    }
    done_ = chunk_ == nullptr;
    if (done_) return;
    const std::uint32_t i = range_.forward ? begin_ : end_ - 1;
    current_ = {chunk_->seq(i), std::uint64_t{chunk_->first_place} + i};
}

void PostingCursor::next() {
    if (range_.forward) {
        ++begin_;
    } else {
        --end_;
    }
    settle();
}

}  // namespace chronos::index
