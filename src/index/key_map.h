// (branch, key) → entry: one writer, readers without locks; entries never move.
//
//     hash: | shard | … | place in the shard's table |
//
// The place is of other bits than the order: keys that come sorted by hash do not crowd in front of a table that grows.
//
// A table that was outgrown gives its memory back while readers may still be in it: they find zeros, which look like an
// empty slot, see that the table was replaced, and look into the one that took its place.
//
// Threads: `find_or_add` one thread at a time; everything else from any thread, but `release_replaced`.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/checksum.h"
#include "event/ids.h"
#include "index/arena.h"
#include "index/published_vector.h"
#include "io/aligned_buffer.h"

namespace chronos::index {

/// `Entry` has branch(), key() and `static Entry* create(Arena&, BranchNumber, std::string_view key)`.
/// Growing moves one of 2^kShardBits shards at a time.
template <typename Entry, unsigned kShardBits>
class KeyMap {
public:
    explicit KeyMap(std::uint64_t hash_seed) : hash_seed_(hash_seed), shards_(std::make_unique<Shard[]>(kShards)) {
        for (std::size_t i = 0; i < kShards; ++i) install(shards_[i], new_table(kSlotsMin));
    }
    ~KeyMap() = default;
    KeyMap(const KeyMap&) = delete;
    KeyMap& operator=(const KeyMap&) = delete;

    [[nodiscard]] std::uint64_t hash(event::BranchNumber branch, std::string_view key) const {
        return base::xxh3_64(key, hash_seed_ + branch);
    }

    [[nodiscard]] Entry* find(std::uint64_t hash, event::BranchNumber branch, std::string_view key) const {
        const std::atomic<Table*>& current = shards_[shard_of(hash)].table;
        const Table* table = current.load(std::memory_order_acquire);
        while (true) {
            if (Entry* entry = find_in(*table, hash, branch, key)) return entry;
            // Pairs with `grow`, which replaces a table before it takes its memory away.
            const Table* now = current.load(std::memory_order_acquire);
            if (now == table) return nullptr;
            table = now;
        }
    }
    [[nodiscard]] Entry* find(event::BranchNumber branch, std::string_view key) const {
        return find(hash(branch, key), branch, key);
    }

    Entry& find_or_add(std::uint64_t hash, event::BranchNumber branch, std::string_view key) {
        if (Entry* known = find(hash, branch, key)) return *known;
        Shard& shard = shards_[shard_of(hash)];
        Table* table = shard.table.load(std::memory_order_relaxed);
        if (table->used * 4 >= (table->mask + 1) * 3) table = grow(shard);
        Entry* entry = Entry::create(arena_, branch, key);
        place(*table, hash, entry, std::memory_order_release);  // pairs with find()
        entries_.push_back(entry);
        return *entry;
    }

    /// Brings the slot of `hash` near; for groups of look-ups.
    void prefetch(std::uint64_t hash) const {
        const Table* table = shards_[shard_of(hash)].table.load(std::memory_order_acquire);
        __builtin_prefetch(&table->slots[table->slot_of(hash)]);
    }

    /// Brings the entry of `hash` near, if there is one; once its slot is.
    void prefetch_entry(std::uint64_t hash) const {
        const Table* table = shards_[shard_of(hash)].table.load(std::memory_order_acquire);
        for (std::uint64_t i = table->slot_of(hash);; i = (i + 1) & table->mask) {
            const Entry* entry = table->slots[i].entry.load(std::memory_order_acquire);
            if (entry == nullptr) return;
            if (table->slots[i].hash != hash) continue;
            __builtin_prefetch(entry);
            return;
        }
    }

    /// Where entries are is in pieces, by hash: what is done piece by piece finds them in the processor's caches.
    static constexpr std::size_t kPieces = std::size_t{1} << kShardBits;
    /// The largest hash of a piece.
    static std::uint64_t last_hash_of(std::size_t piece) {
        return (std::uint64_t{piece} << (64 - kShardBits)) | (~std::uint64_t{0} >> kShardBits);
    }

    /// All entries in order of creation.
    [[nodiscard]] const PublishedVector<Entry*>& entries() const { return entries_; }
    [[nodiscard]] std::size_t bytes() const {
        return arena_.bytes() + table_bytes_.load(std::memory_order_relaxed) + entries_.size() * sizeof(Entry*);
    }
    /// Frees tables that were outgrown. Requires: nobody reads.
    void release_replaced() {
        std::erase_if(tables_, [&](const auto& table) {
            const bool in_use = table->shard->table.load(std::memory_order_relaxed) == table.get();
            if (!in_use && table->has_memory) table_bytes_.fetch_sub(table->memory.size(), std::memory_order_relaxed);
            return !in_use;
        });
    }

protected:
    Arena arena_;

private:
    struct Slot {
        std::uint64_t hash;
        std::atomic<Entry*> entry;
    };
    struct Shard;
    struct Table {
        Shard* shard = nullptr;
        std::uint64_t mask = 0;
        std::uint64_t used = 0;
        bool has_memory = false;  // of its own, counted in table_bytes_; the writer's
        io::AlignedBuffer memory;
        Slot* slots = nullptr;

        [[nodiscard]] std::uint64_t slot_of(std::uint64_t hash) const { return hash & mask; }
    };
    struct Shard {
        std::atomic<Table*> table = nullptr;
    };
    static constexpr std::size_t kShards = kPieces;
    static constexpr std::uint64_t kSlotsMin = 16;

    static std::size_t shard_of(std::uint64_t hash) { return hash >> (64 - kShardBits); }

    static Entry* find_in(const Table& table, std::uint64_t hash, event::BranchNumber branch, std::string_view key) {
        for (std::uint64_t i = table.slot_of(hash);; i = (i + 1) & table.mask) {
            Entry* entry = table.slots[i].entry.load(std::memory_order_acquire);
            if (entry == nullptr) return nullptr;
            if (table.slots[i].hash == hash && entry->branch() == branch && entry->key() == key) return entry;
        }
    }

    std::unique_ptr<Table> new_table(std::uint64_t slots) {
        auto table = std::make_unique<Table>();
        table->mask = slots - 1;
        if (slots == kSlotsMin) {
            table->slots = reinterpret_cast<Slot*>(arena_.allocate(slots * sizeof(Slot), alignof(Slot)));
        } else {
            table->memory = io::AlignedBuffer(slots * sizeof(Slot));
            table->slots = reinterpret_cast<Slot*>(table->memory.data());
            table->has_memory = true;
            table_bytes_.fetch_add(table->memory.size(), std::memory_order_relaxed);
        }
        return table;
    }

    static void place(Table& table, std::uint64_t hash, Entry* entry, std::memory_order order) {
        std::uint64_t i = table.slot_of(hash);
        while (table.slots[i].entry.load(std::memory_order_relaxed) != nullptr) i = (i + 1) & table.mask;
        table.slots[i].hash = hash;
        table.slots[i].entry.store(entry, order);
        ++table.used;
    }

    Table* install(Shard& shard, std::unique_ptr<Table> table) {
        table->shard = &shard;
        tables_.push_back(std::move(table));
        shard.table.store(tables_.back().get(), std::memory_order_release);
        return tables_.back().get();
    }

    /// A shard grows alone, so no append waits until all keys have moved.
    Table* grow(Shard& shard) {
        Table* old = shard.table.load(std::memory_order_relaxed);
        auto table = new_table((old->mask + 1) * 2);
        for (std::uint64_t i = 0; i <= old->mask; ++i) {
            Entry* entry = old->slots[i].entry.load(std::memory_order_relaxed);
            if (entry != nullptr) place(*table, old->slots[i].hash, entry, std::memory_order_relaxed);
        }
        Table* installed = install(shard, std::move(table));
        if (old->has_memory && old->memory.discard()) {  // From here on a reader in it finds zeros.
            old->has_memory = false;
            table_bytes_.fetch_sub(old->memory.size(), std::memory_order_relaxed);
        }
        return installed;
    }

    const std::uint64_t hash_seed_;
    std::unique_ptr<Shard[]> shards_;
    /// Tables in use and those replaced, which a reader may still be in: small ones keep their memory.
    std::vector<std::unique_ptr<Table>> tables_;
    PublishedVector<Entry*> entries_;
    std::atomic<std::size_t> table_bytes_ = 0;
};

}  // namespace chronos::index
