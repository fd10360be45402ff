// The peers there are; each is implemented in the file of its name.
#pragma once

#include <cstdint>
#include <memory>

#include "chronos/store.h"
#include "peers/peer.h"

namespace chronos::bench {

/// Chronos, as a program that embeds it.
struct ChronosLayout {
    Durability durability = Durability::kDurable;
    bool in_memory = false;
    bool explicit_ids = false;
    bool tags = false;
    /// Empty log that is ready before the first append; 0: the store's own choice, and no waiting
    /// for it.
    std::uint64_t spare_bytes = 0;
    /// Batches under way at once in `append_all`.
    unsigned in_flight = 8;
};
std::unique_ptr<Peer> make_chronos(const ChronosLayout& layout = {});

/// The least a durable log must do: copy, checksum, write to a file that was written before. It
/// cannot read.
std::unique_ptr<Peer> make_raw_log(std::uint64_t file_bytes);

/// One key for each event: entity, 0, version (big-endian).
struct RocksdbLayout {
    bool sync = true;
    bool log = true;
};
std::unique_ptr<Peer> make_rocksdb(const RocksdbLayout& layout = {});

/// The same keys in one B+tree; a transaction for each batch.
std::unique_ptr<Peer> make_lmdb();

/// Table (entity, version, type, payload) WITHOUT ROWID in WAL mode.
std::unique_ptr<Peer> make_sqlite();

/// The same table; batches by COPY, single events by a prepared INSERT.
enum class PostgresPayload : std::uint8_t { kText, kJsonb };
std::unique_ptr<Peer> make_postgres(PostgresPayload payload);

/// A stream for each entity; batches as that many XADD sent at once.
enum class RedisSync : std::uint8_t { kAlways, kEverySecond };
std::unique_ptr<Peer> make_redis(RedisSync sync);

/// A stream of JetStream in files; each event is published under its entity and waits for its acknowledgement. It
/// syncs every two minutes and cannot read what it has by entity.
std::unique_ptr<Peer> make_nats();

}  // namespace chronos::bench
