// Stands in for the peers whose libraries were not there when this program was built.
#include "peers/failure.h"
#include "peers/peers.h"

namespace chronos::bench {
namespace {

[[maybe_unused]] std::unique_ptr<Peer> absent(const char* package) {
    throw Absent(std::string("built without ") + package);
}

}  // namespace

#ifndef CHRONOS_BENCH_HAS_ROCKSDB
std::unique_ptr<Peer> make_rocksdb(const RocksdbLayout& /*layout*/) { return absent("librocksdb-dev"); }
#endif
#ifndef CHRONOS_BENCH_HAS_LMDB
std::unique_ptr<Peer> make_lmdb() { return absent("liblmdb-dev"); }
#endif
#ifndef CHRONOS_BENCH_HAS_SQLITE
std::unique_ptr<Peer> make_sqlite() { return absent("libsqlite3-dev"); }
#endif
#ifndef CHRONOS_BENCH_HAS_POSTGRES
std::unique_ptr<Peer> make_postgres(PostgresPayload /*payload*/) { return absent("libpq-dev"); }
#endif
#ifndef CHRONOS_BENCH_HAS_REDIS
std::unique_ptr<Peer> make_redis(RedisSync /*sync*/) { return absent("libhiredis-dev"); }
#endif

}  // namespace chronos::bench
