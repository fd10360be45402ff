#include "index/posting_map.h"

#include <algorithm>
#include <limits>
#include <new>

#include "base/assert.h"
#include "base/checksum.h"

namespace chronos::index {
namespace {

constexpr std::uint32_t kChunkCapacityMin = 4;
constexpr std::uint32_t kChunkCapacityMax = 1024;
constexpr std::uint64_t kSlotsMin = 16;

/// Entries of `chunk` with seq < end_seq.
std::uint32_t lower_bound(const PostingList::Chunk& chunk, std::uint32_t count, std::uint64_t end_seq) {
    if (end_seq <= chunk.base_seq) return 0;
    const std::uint64_t delta = end_seq - chunk.base_seq;
    const std::uint32_t* begin = chunk.deltas();
    return static_cast<std::uint32_t>(
        std::lower_bound(begin, begin + count, delta, [](std::uint32_t a, std::uint64_t b) { return a < b; }) - begin);
}

}  // namespace

std::uint64_t PostingList::append(std::uint64_t seq, Arena& arena) {
    Chunk* chunk = newest_.load(std::memory_order_relaxed);
    std::uint32_t count = chunk != nullptr ? chunk->count.load(std::memory_order_relaxed) : 0;
    const bool is_full = chunk == nullptr || count == chunk->capacity ||
                         seq - chunk->base_seq > std::numeric_limits<std::uint32_t>::max();
    if (is_full) {
        const std::uint32_t capacity =
            chunk == nullptr ? kChunkCapacityMin : std::min(chunk->capacity * 2, kChunkCapacityMax);
        auto* fresh = new (arena.allocate(sizeof(Chunk) + capacity * sizeof(std::uint32_t), alignof(Chunk))) Chunk();
        fresh->previous = chunk;
        fresh->base_seq = seq;
        fresh->first_place = chunk == nullptr ? 0 : chunk->first_place + count;
        fresh->capacity = capacity;
        fresh->deltas()[0] = 0;
        fresh->count.store(1, std::memory_order_relaxed);
        newest_.store(fresh, std::memory_order_release);  // pairs with newest()
        return fresh->first_place;
    }
    chunk->deltas()[count] = static_cast<std::uint32_t>(seq - chunk->base_seq);
    chunk->count.store(count + 1, std::memory_order_release);  // pairs with the acquire loads of readers
    return chunk->first_place + count;
}

std::uint64_t PostingList::count() const {
    const Chunk* chunk = newest();
    return chunk == nullptr ? 0 : chunk->first_place + chunk->count.load(std::memory_order_acquire);
}

bool PostingList::last_below(std::uint64_t end_seq, Posting& posting) const {
    for (const Chunk* chunk = newest(); chunk != nullptr; chunk = chunk->previous) {
        const std::uint32_t below = lower_bound(*chunk, chunk->count.load(std::memory_order_acquire), end_seq);
        if (below == 0) continue;
        posting = {chunk->seq(below - 1), chunk->first_place + below - 1};
        return true;
    }
    return false;
}

std::uint64_t PostingList::count_below(std::uint64_t end_seq) const {
    Posting last;
    return last_below(end_seq, last) ? last.place + 1 : 0;
}

bool PostingList::at_place(std::uint64_t place, Posting& posting) const {
    const Chunk* chunk = newest();
    while (chunk != nullptr && chunk->first_place > place) chunk = chunk->previous;
    if (chunk == nullptr || place - chunk->first_place >= chunk->count.load(std::memory_order_acquire)) return false;
    posting = {chunk->seq(static_cast<std::uint32_t>(place - chunk->first_place)), place};
    return true;
}

bool PostingList::place_of(std::uint64_t seq, std::uint64_t& place) const {
    Posting last;
    if (!last_below(seq + 1, last) || last.seq != seq) return false;
    place = last.place;
    return true;
}

void PostingList::prefetch_end() const {
    const Chunk* chunk = newest_.load(std::memory_order_relaxed);
    if (chunk != nullptr) __builtin_prefetch(chunk->deltas() + chunk->count.load(std::memory_order_relaxed), 1);
}

PostingCursor::PostingCursor(const PostingList& list, std::uint64_t begin_seq, std::uint64_t end_seq, bool forward)
    : begin_seq_(begin_seq), end_seq_(end_seq), forward_(forward) {
    const PostingList::Chunk* chunk = list.newest();
    if (!forward) {
        enter(chunk);
        settle();
        return;
    }
    for (; chunk != nullptr; chunk = chunk->previous) {
        if (chunk->base_seq >= end_seq_) continue;
        ahead_.push_back(chunk);
        if (chunk->base_seq <= begin_seq_) break;
    }
    if (!ahead_.empty()) {
        enter(ahead_.back());
        ahead_.pop_back();
    }
    settle();
}

void PostingCursor::enter(const PostingList::Chunk* chunk) {
    chunk_ = chunk;
    if (chunk == nullptr) return;
    const std::uint32_t count = chunk->count.load(std::memory_order_acquire);
    end_ = lower_bound(*chunk, count, end_seq_);
    begin_ = std::min(end_, lower_bound(*chunk, count, begin_seq_));
}

/// Makes current_ the next entry, entering further chunks as needed.
void PostingCursor::settle() {
    while (chunk_ != nullptr && begin_ == end_) {
        if (forward_) {
            const PostingList::Chunk* next = ahead_.empty() ? nullptr : ahead_.back();
            if (!ahead_.empty()) ahead_.pop_back();
            enter(next);
        } else {
            const bool more = chunk_->base_seq > begin_seq_;
            enter(more ? chunk_->previous : nullptr);
        }
    }
    done_ = chunk_ == nullptr;
    if (done_) return;
    const std::uint32_t i = forward_ ? begin_ : end_ - 1;
    current_ = {chunk_->seq(i), chunk_->first_place + i};
}

void PostingCursor::next() {
    if (forward_) {
        ++begin_;
    } else {
        --end_;
    }
    settle();
}

PostingMap::PostingMap(std::uint64_t hash_seed)
    : hash_seed_(hash_seed), shards_(std::make_unique<Shard[]>(kShards)) {
    for (std::size_t i = 0; i < kShards; ++i) {
        tables_.push_back(new_table(kSlotsMin));
        shards_[i].table.store(tables_.back().get(), std::memory_order_release);
    }
}

PostingMap::~PostingMap() = default;

std::uint64_t PostingMap::hash(event::BranchNumber branch, std::string_view key) const {
    return base::xxh3_64(key, hash_seed_ + branch);
}

std::unique_ptr<PostingMap::Table> PostingMap::new_table(std::uint64_t slots) {
    auto table = std::make_unique<Table>();
    table->mask = slots - 1;
    if (slots == kSlotsMin) {
        table->slots = reinterpret_cast<Slot*>(arena_.allocate(slots * sizeof(Slot), alignof(Slot)));
    } else {
        table->memory = io::AlignedBuffer(slots * sizeof(Slot));
        table->slots = reinterpret_cast<Slot*>(table->memory.data());
        table_bytes_.fetch_add(slots * sizeof(Slot), std::memory_order_relaxed);
    }
    return table;
}

PostingList* PostingMap::find(std::uint64_t hash, event::BranchNumber branch, std::string_view key) const {
    const Table* table = shards_[shard_of(hash)].table.load(std::memory_order_acquire);
    for (std::uint64_t i = hash & table->mask;; i = (i + 1) & table->mask) {
        PostingList* list = table->slots[i].list.load(std::memory_order_acquire);
        if (list == nullptr) return nullptr;
        if (table->slots[i].hash == hash && list->branch() == branch && list->key() == key) return list;
    }
}

PostingList& PostingMap::find_or_add(std::uint64_t hash, event::BranchNumber branch, std::string_view key) {
    if (PostingList* known = find(hash, branch, key)) return *known;
    Shard& shard = shards_[shard_of(hash)];
    Table* table = shard.table.load(std::memory_order_relaxed);
    if (table->used * 4 >= (table->mask + 1) * 3) table = grow(shard);
    auto* list = new (arena_.allocate(sizeof(PostingList), alignof(PostingList)))
        PostingList(branch, arena_.intern(key));
    std::uint64_t i = hash & table->mask;
    while (table->slots[i].list.load(std::memory_order_relaxed) != nullptr) i = (i + 1) & table->mask;
    table->slots[i].hash = hash;
    table->slots[i].list.store(list, std::memory_order_release);  // pairs with find()
    ++table->used;
    lists_.push_back(list);
    return *list;
}

/// A shard grows alone, so no append waits for more than 1/256 of the keys to move.
PostingMap::Table* PostingMap::grow(Shard& shard) {
    const Table* old = shard.table.load(std::memory_order_relaxed);
    auto table = new_table((old->mask + 1) * 2);
    for (std::uint64_t from = 0; from <= old->mask; ++from) {
        PostingList* list = old->slots[from].list.load(std::memory_order_relaxed);
        if (list == nullptr) continue;
        std::uint64_t to = old->slots[from].hash & table->mask;
        while (table->slots[to].list.load(std::memory_order_relaxed) != nullptr) to = (to + 1) & table->mask;
        table->slots[to].hash = old->slots[from].hash;
        table->slots[to].list.store(list, std::memory_order_relaxed);
    }
    table->used = old->used;
    tables_.push_back(std::move(table));
    shard.table.store(tables_.back().get(), std::memory_order_release);
    return tables_.back().get();
}

void PostingMap::prefetch(std::uint64_t hash) const {
    const Table* table = shards_[shard_of(hash)].table.load(std::memory_order_acquire);
    __builtin_prefetch(&table->slots[hash & table->mask]);
}

std::size_t PostingMap::bytes() const { return arena_.bytes() + table_bytes_.load(std::memory_order_relaxed); }

}  // namespace chronos::index
