#include <lmdb.h>

#include "peers/entity_key.h"
#include "peers/failure.h"
#include "peers/peers.h"

namespace chronos::bench {
namespace {

constexpr std::size_t kMapBytes = std::size_t{16} << 30;  // of addresses; the file grows as needed

void must(int code) {
    if (code != MDB_SUCCESS) throw Failure(std::string("LMDB: ") + mdb_strerror(code));
}

MDB_val value_of(std::string_view bytes) {
    return {bytes.size(), const_cast<char*>(bytes.data())};  // LMDB only reads it
}
std::string_view view(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }

class LmdbSession : public Session {
public:
    LmdbSession(MDB_env* environment, MDB_dbi table) : environment_(environment), table_(table) {}
    ~LmdbSession() override {
        if (cursor_ != nullptr) mdb_cursor_close(cursor_);
        if (reading_ != nullptr) mdb_txn_abort(reading_);
    }
    LmdbSession(const LmdbSession&) = delete;
    LmdbSession& operator=(const LmdbSession&) = delete;

    void append(std::span<const Event> events) override {
        MDB_txn* writing = nullptr;
        must(mdb_txn_begin(environment_, nullptr, 0, &writing));
        for (const Event& event : events) {
            content_.assign(event.type);
            content_ += '\0';
            content_ += event.payload;
            MDB_val key = value_of(key_.of(event.entity, event.version));
            MDB_val content = value_of(content_);
            if (const int code = mdb_put(writing, table_, &key, &content, 0); code != MDB_SUCCESS) {
                mdb_txn_abort(writing);
                must(code);
            }
        }
        must(mdb_txn_commit(writing));
    }

    ReadResult read_last(std::string_view entity, std::uint32_t count) override {
        begin_reading();
        const std::string_view last = key_.of(entity, EntityKey::kLastVersion);
        MDB_val key = value_of(last);
        MDB_val content{};
        // The first key behind the entity, or the end; its predecessor is the last of the entity.
        int code = mdb_cursor_get(cursor_, &key, &content, MDB_SET_RANGE);
        code = mdb_cursor_get(cursor_, &key, &content, code == MDB_SUCCESS ? MDB_PREV : MDB_LAST);
        return take_while(EntityKey::prefix_of(last), count, MDB_PREV, code, key, content);
    }

    ReadResult read_all(std::string_view entity) override {
        begin_reading();
        const std::string_view first = key_.of(entity, 0);
        MDB_val key = value_of(first);
        MDB_val content{};
        const int code = mdb_cursor_get(cursor_, &key, &content, MDB_SET_RANGE);
        return take_while(EntityKey::prefix_of(first), UINT64_MAX, MDB_NEXT, code, key, content);
    }

private:
    /// A fresh snapshot, in the transaction and cursor of the read before.
    void begin_reading() {
        if (reading_ == nullptr) {
            must(mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reading_));
            must(mdb_cursor_open(reading_, table_, &cursor_));
            return;
        }
        mdb_txn_reset(reading_);
        must(mdb_txn_renew(reading_));
        must(mdb_cursor_renew(reading_, cursor_));
    }

    ReadResult take_while(std::string_view prefix, std::uint64_t count, MDB_cursor_op step, int code, MDB_val key,
                          MDB_val content) {
        ReadResult result;
        while (code == MDB_SUCCESS && result.events < count && view(key).starts_with(prefix)) {
            ++result.events;
            result.checksum += sum_of(view(key)) + sum_of(view(content));
            code = mdb_cursor_get(cursor_, &key, &content, step);
        }
        if (code != MDB_NOTFOUND) must(code);
        return result;
    }

    MDB_env* environment_;
    MDB_dbi table_;
    MDB_txn* reading_ = nullptr;
    MDB_cursor* cursor_ = nullptr;
    EntityKey key_;
    std::string content_;
};

class LmdbPeer : public Peer {
public:
    ~LmdbPeer() override { LmdbPeer::close(); }

    void open(const std::filesystem::path& directory) override {
        must(mdb_env_create(&environment_));
        must(mdb_env_set_mapsize(environment_, kMapBytes));
        must(mdb_env_open(environment_, (directory / "lmdb").c_str(), MDB_NOSUBDIR | MDB_NORDAHEAD | MDB_NOTLS, 0600));
        MDB_txn* transaction = nullptr;
        must(mdb_txn_begin(environment_, nullptr, 0, &transaction));
        must(mdb_dbi_open(transaction, nullptr, 0, &table_));
        must(mdb_txn_commit(transaction));
    }

    void close() override {
        if (environment_ != nullptr) mdb_env_close(environment_);
        environment_ = nullptr;
    }

    std::unique_ptr<Session> connect() override { return std::make_unique<LmdbSession>(environment_, table_); }

    void load(std::span<const Event> events) override {
        must(mdb_env_set_flags(environment_, MDB_NOSYNC, 1));
        Peer::load(events);
        must(mdb_env_sync(environment_, 1));
        must(mdb_env_set_flags(environment_, MDB_NOSYNC, 0));
    }

private:
    MDB_env* environment_ = nullptr;
    MDB_dbi table_ = 0;
};

}  // namespace

std::unique_ptr<Peer> make_lmdb() { return std::make_unique<LmdbPeer>(); }

}  // namespace chronos::bench
