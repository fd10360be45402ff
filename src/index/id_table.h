// Hash of an id → seqs of the events that may have it: one writer, readers without locks.
//
// Holds 16 bytes per id and no ids: the caller compares with the event at the seq. Several entries may share a hash.
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

    /// Calls `visit(seq)` for each entry of `hash` until it returns true; returns whether one did.
    template <typename Visit>
    bool for_each(std::uint64_t hash, Visit&& visit) const {
        const Table* table = shards_[shard_of(hash)].load(std::memory_order_acquire);
        for (std::uint64_t i = hash & table->mask;; i = (i + 1) & table->mask) {
            const std::uint64_t seq_plus_one = table->slots[i].seq_plus_one.load(std::memory_order_acquire);
            if (seq_plus_one == 0) return false;
            if (table->slots[i].hash == hash && visit(seq_plus_one - 1)) return true;
        }
    }

    /// Calls `visit(hash, seq)` for every entry. Requires: nothing is added meanwhile.
    template <typename Visit>
    void for_all(Visit&& visit) const {
        for (std::size_t shard = 0; shard < kShards; ++shard) {
            const Table* table = shards_[shard].load(std::memory_order_acquire);
            for (std::uint64_t i = 0; i <= table->mask; ++i) {
                const std::uint64_t seq_plus_one = table->slots[i].seq_plus_one.load(std::memory_order_relaxed);
                if (seq_plus_one != 0) visit(table->slots[i].hash, seq_plus_one - 1);
            }
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
        io::AlignedBuffer memory;
        Slot* slots = nullptr;
    };
    static constexpr unsigned kShardBits = 4;
    static constexpr std::size_t kShards = std::size_t{1} << kShardBits;
    static std::size_t shard_of(std::uint64_t hash) { return hash >> (64 - kShardBits); }

    std::unique_ptr<Table> new_table(std::uint64_t slots);
    static void place(Table& table, std::uint64_t hash, std::uint64_t seq_plus_one);

    const std::uint64_t hash_seed_;
    Arena arena_;  // the smallest tables
    std::unique_ptr<std::atomic<Table*>[]> shards_;
    std::vector<std::unique_ptr<Table>> tables_;  // in use and replaced
    std::atomic<std::size_t> bytes_ = 0;
};

}  // namespace chronos::index
