#include "index/id_table.h"

#include <utility>

#include "base/checksum.h"

namespace chronos::index {
namespace {

constexpr std::uint64_t kSlotsMin = 16;

}  // namespace

IdTable::IdTable(std::uint64_t hash_seed)
    : hash_seed_(hash_seed), shards_(std::make_unique<std::atomic<Table*>[]>(kShards)) {
    for (std::size_t i = 0; i < kShards; ++i) {
        tables_.push_back(new_table(kSlotsMin));
        shards_[i].store(tables_.back().get(), std::memory_order_release);
    }
}

IdTable::~IdTable() = default;

std::uint64_t IdTable::hash(const Uuid& id) const { return base::xxh3_64(id.bytes, hash_seed_); }

std::unique_ptr<IdTable::Table> IdTable::new_table(std::uint64_t slots) {
    auto table = std::make_unique<Table>();
    table->mask = slots - 1;
    if (slots == kSlotsMin) {
        table->slots = reinterpret_cast<Slot*>(arena_.allocate(slots * sizeof(Slot), alignof(Slot)));
    } else {
        table->memory = io::AlignedBuffer(slots * sizeof(Slot));
        table->has_memory = true;
        bytes_.fetch_add(table->memory.size(), std::memory_order_relaxed);
        table->slots = reinterpret_cast<Slot*>(table->memory.data());
    }
    return table;
}

void IdTable::place(Table& table, std::uint64_t hash, std::uint64_t seq_plus_one) {
    std::uint64_t i = hash & table.mask;
    while (table.slots[i].seq_plus_one.load(std::memory_order_relaxed) != 0) i = (i + 1) & table.mask;
    table.slots[i].hash = hash;
    table.slots[i].seq_plus_one.store(seq_plus_one, std::memory_order_release);  // pairs with for_each
    ++table.used;
}

void IdTable::add(std::uint64_t hash, std::uint64_t seq) {
    std::atomic<Table*>& shard = shards_[shard_of(hash)];
    Table* table = shard.load(std::memory_order_relaxed);
    if (table->used * 4 >= (table->mask + 1) * 3) {
        auto larger = new_table((table->mask + 1) * 2);
        for (std::uint64_t i = 0; i <= table->mask; ++i) {
            const std::uint64_t seq_plus_one = table->slots[i].seq_plus_one.load(std::memory_order_relaxed);
            if (seq_plus_one != 0) place(*larger, table->slots[i].hash, seq_plus_one);
        }
        tables_.push_back(std::move(larger));
        Table* const outgrown = std::exchange(table, tables_.back().get());
        shard.store(table, std::memory_order_release);
        if (outgrown->has_memory && outgrown->memory.discard()) {  // From here on a reader in it finds zeros.
            outgrown->has_memory = false;
            bytes_.fetch_sub(outgrown->memory.size(), std::memory_order_relaxed);
        }
    }
    place(*table, hash, seq + 1);
}

std::uint64_t IdTable::size() const {
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < kShards; ++i) size += shards_[i].load(std::memory_order_acquire)->used;
    return size;
}

void IdTable::prefetch(std::uint64_t hash) const {
    const Table* table = shards_[shard_of(hash)].load(std::memory_order_acquire);
    __builtin_prefetch(&table->slots[hash & table->mask], 1);
}

}  // namespace chronos::index
