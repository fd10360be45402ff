// Hash of an id → seqs of the events that may have it: one writer, readers without locks.
//
// Holds 16 bytes per id and no ids: the caller compares with the event at the seq. Several entries may share a hash.
// A table that was outgrown gives its memory back as in key_map.h.
//
// Threads: `add` one thread at a time; `for_each` from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "chronos/types.h"
#include "index/arena.h"
#include "io/aligned_buffer.h"

namespace chronos::index {

class IdTable {
public:
    explicit IdTable(std::uint64_t hash_seed);
    ~IdTable();
    IdTable(const IdTable&) = delete;
    IdTable& operator=(const IdTable&) = delete;

    [[nodiscard]] std::uint64_t hash(const Uuid& id) const;
    void add(std::uint64_t hash, std::uint64_t seq);
    void prefetch(std::uint64_t hash) const;

    /// Calls `visit(seq)` for each entry of `hash` until it returns true; returns whether one did. While the table
    /// grows an entry may be visited twice.
    template <typename Visit>
    bool for_each(std::uint64_t hash, Visit&& visit) const {
        const std::atomic<Table*>& current = shards_[shard_of(hash)];
        const Table* table = current.load(std::memory_order_acquire);
        while (true) {
            if (visit_in(*table, hash, visit)) return true;
            const Table* now = current.load(std::memory_order_acquire);  // pairs with `add`
            if (now == table) return false;
            table = now;
        }
    }

    static constexpr std::size_t kShards = 16;
    /// Entries so far. Requires, as `for_all_in`: nothing is added meanwhile.
    [[nodiscard]] std::uint64_t size() const;
    /// Calls `visit(hash, seq)` for every entry of a shard. All hashes of a shard are below those of the next.
    template <typename Visit>
    void for_all_in(std::size_t shard, Visit&& visit) const {
        const Table* table = shards_[shard].load(std::memory_order_acquire);
        for (std::uint64_t i = 0; i <= table->mask; ++i) {
            const std::uint64_t seq_plus_one = table->slots[i].seq_plus_one.load(std::memory_order_relaxed);
            if (seq_plus_one != 0) visit(table->slots[i].hash, seq_plus_one - 1);
        }
    }
    [[nodiscard]] std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed) + arena_.bytes(); }

private:
    struct Slot {
        std::uint64_t hash;
        std::atomic<std::uint64_t> seq_plus_one;
    };
    struct Table {
        std::uint64_t mask = 0;
        std::uint64_t used = 0;
        bool has_memory = false;  // of its own, counted in bytes_
        io::AlignedBuffer memory;
        Slot* slots = nullptr;
    };
    static constexpr unsigned kShardBits = 4;
    static_assert(kShards == std::size_t{1} << kShardBits);
    static std::size_t shard_of(std::uint64_t hash) { return hash >> (64 - kShardBits); }

    template <typename Visit>
    static bool visit_in(const Table& table, std::uint64_t hash, Visit&& visit) {
        for (std::uint64_t i = hash & table.mask;; i = (i + 1) & table.mask) {
            const std::uint64_t seq_plus_one = table.slots[i].seq_plus_one.load(std::memory_order_acquire);
            if (seq_plus_one == 0) return false;
            if (table.slots[i].hash == hash && visit(seq_plus_one - 1)) return true;
        }
    }
    std::unique_ptr<Table> new_table(std::uint64_t slots);
    static void place(Table& table, std::uint64_t hash, std::uint64_t seq_plus_one);

    const std::uint64_t hash_seed_;
    Arena arena_;  // the smallest tables
    std::unique_ptr<std::atomic<Table*>[]> shards_;
    std::vector<std::unique_ptr<Table>> tables_;  // in use and replaced
    std::atomic<std::size_t> bytes_ = 0;
};

}  // namespace chronos::index
