#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "peers/entity_key.h"
#include "peers/failure.h"
#include "peers/peers.h"

namespace chronos::bench {
namespace {

void must(const rocksdb::Status& status) {
    if (!status.ok()) throw Failure("RocksDB: " + status.ToString());
}

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

class RocksdbSession : public Session {
public:
    RocksdbSession(rocksdb::DB& db, const RocksdbLayout& layout) : db_(db) {
        write_.sync = layout.sync;
        write_.disableWAL = !layout.log;
    }

    void append(std::span<const Event> events) override {
        iterator_.reset();
        batch_.Clear();
        for (const Event& event : events) {
            value_.assign(event.type);
            value_ += '\0';
            value_ += event.payload;
            batch_.Put(slice(key_.of(event.entity, event.version)), value_);
        }
        must(db_.Write(write_, &batch_));
    }

    ReadResult read_last(std::string_view entity, std::uint32_t count) override {
        ReadResult result;
        rocksdb::Iterator& it = iterator();
        const std::string_view last = key_.of(entity, EntityKey::kLastVersion);
        const std::string_view prefix = EntityKey::prefix_of(last);
        for (it.SeekForPrev(slice(last)); it.Valid() && result.events < count && it.key().starts_with(slice(prefix));
             it.Prev())
            take(it, result);
        must(it.status());
        return result;
    }

    ReadResult read_all(std::string_view entity) override {
        ReadResult result;
        rocksdb::Iterator& it = iterator();
        const std::string_view first = key_.of(entity, 0);
        const std::string_view prefix = EntityKey::prefix_of(first);
        for (it.Seek(slice(first)); it.Valid() && it.key().starts_with(slice(prefix)); it.Next()) take(it, result);
        must(it.status());
        return result;
    }

private:
    /// Kept from read to read: making one costs more than a read.
    rocksdb::Iterator& iterator() {
        if (!iterator_) iterator_.reset(db_.NewIterator({}));
        return *iterator_;
    }

    static void take(const rocksdb::Iterator& it, ReadResult& result) {
        ++result.events;
        result.checksum += sum_of(view(it.key())) + sum_of(view(it.value()));
    }

    rocksdb::DB& db_;
    rocksdb::WriteOptions write_;
    rocksdb::WriteBatch batch_;
    std::unique_ptr<rocksdb::Iterator> iterator_;
    EntityKey key_;
    std::string value_;
};

class RocksdbPeer : public Peer {
public:
    explicit RocksdbPeer(const RocksdbLayout& layout) : layout_(layout) {}

    void open(const std::filesystem::path& directory) override {
        rocksdb::Options options;
        options.create_if_missing = true;
        options.IncreaseParallelism();
        options.write_buffer_size = std::size_t{128} << 20;
        options.max_write_buffer_number = 4;
        options.enable_pipelined_write = true;
        // Log files are used again once their memtable is flushed, as a growing file costs more to
        // sync.
        options.recycle_log_file_num = 4;
        options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
        rocksdb::BlockBasedTableOptions table;
        table.block_cache = rocksdb::NewLRUCache(std::size_t{2} << 30);
        table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
        options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
        rocksdb::DB* db = nullptr;
        must(rocksdb::DB::Open(options, (directory / "rocksdb").string(), &db));
        db_.reset(db);
    }

    void close() override {
        if (db_) must(db_->Close());
        db_.reset();
    }

    std::unique_ptr<Session> connect() override { return std::make_unique<RocksdbSession>(*db_, layout_); }

    void prepare_for_reading() override { must(db_->CompactRange({}, nullptr, nullptr)); }

private:
    RocksdbLayout layout_;
    std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

std::unique_ptr<Peer> make_rocksdb(const RocksdbLayout& layout) { return std::make_unique<RocksdbPeer>(layout); }

}  // namespace chronos::bench
