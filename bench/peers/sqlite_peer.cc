#include <sqlite3.h>

#include <mutex>

#include "peers/failure.h"
#include "peers/peers.h"

namespace chronos::bench {
namespace {

constexpr int kBusyPatienceMs = 30'000;

class Statement {
public:
    Statement(sqlite3* connection, const char* sql) : connection_(connection) {
        check(sqlite3_prepare_v3(connection, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
    }
    ~Statement() { sqlite3_finalize(statement_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    void bind(int index, std::string_view text) {
        check(sqlite3_bind_text(statement_, index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC));
    }
    void bind(int index, std::int64_t number) { check(sqlite3_bind_int64(statement_, index, number)); }
    /// Whether there is a row.
    bool step() {
        const int code = sqlite3_step(statement_);
        if (code != SQLITE_ROW && code != SQLITE_DONE) fail();
        return code == SQLITE_ROW;
    }
    void reset() { sqlite3_reset(statement_); }
    void run() {
        step();
        reset();
    }
    [[nodiscard]] std::string_view text(int column) {
        const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
        return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
    }
    [[nodiscard]] std::int64_t number(int column) { return sqlite3_column_int64(statement_, column); }

private:
    void check(int code) const {
        if (code != SQLITE_OK) fail();
    }
    [[noreturn]] void fail() const { throw Failure(std::string("SQLite: ") + sqlite3_errmsg(connection_)); }

    sqlite3* connection_;
    sqlite3_stmt* statement_ = nullptr;
};

class Connection {
public:
    explicit Connection(const std::filesystem::path& file) {
        if (sqlite3_open(file.c_str(), &connection_) != SQLITE_OK)
            throw Failure(std::string("SQLite: ") + sqlite3_errmsg(connection_));
        sqlite3_busy_timeout(connection_, kBusyPatienceMs);
        for (const char* setting : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA cache_size=-1000000",
                                    "PRAGMA mmap_size=8589934592"})
            Statement(connection_, setting).run();
        Statement(connection_,
                  "CREATE TABLE IF NOT EXISTS event (entity TEXT, version INTEGER, type TEXT, "
                  "payload TEXT, PRIMARY KEY (entity, version)) WITHOUT ROWID")
            .run();
    }
    ~Connection() { sqlite3_close(connection_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    [[nodiscard]] sqlite3* handle() const { return connection_; }

private:
    sqlite3* connection_ = nullptr;
};

class SqliteSession : public Session {
public:
    SqliteSession(const std::filesystem::path& file, std::mutex& writing) : writing_(writing), connection_(file) {}

    void append(std::span<const Event> events) override {
        const std::scoped_lock lock(writing_);
        begin_.run();
        for (const Event& event : events) {
            insert_.bind(1, event.entity);
            insert_.bind(2, static_cast<std::int64_t>(event.version));
            insert_.bind(3, event.type);
            insert_.bind(4, event.payload);
            insert_.run();
        }
        commit_.run();
    }

    ReadResult read_last(std::string_view entity, std::uint32_t count) override {
        last_.bind(1, entity);
        last_.bind(2, std::int64_t{count});
        return take_all(last_);
    }

    ReadResult read_all(std::string_view entity) override {
        all_.bind(1, entity);
        return take_all(all_);
    }

private:
    static ReadResult take_all(Statement& statement) {
        ReadResult result;
        while (statement.step()) {
            ++result.events;
            result.checksum +=
                static_cast<std::uint64_t>(statement.number(0)) + sum_of(statement.text(1)) + sum_of(statement.text(2));
        }
        statement.reset();
        return result;
    }

    std::mutex& writing_;
    Connection connection_;
    Statement begin_{connection_.handle(), "BEGIN IMMEDIATE"};
    Statement commit_{connection_.handle(), "COMMIT"};
    Statement insert_{connection_.handle(), "INSERT INTO event VALUES (?1, ?2, ?3, ?4)"};
    Statement last_{connection_.handle(),
                    "SELECT version, type, payload FROM event WHERE entity = ?1 "
                    "ORDER BY version DESC LIMIT ?2"};
    Statement all_{connection_.handle(), "SELECT version, type, payload FROM event WHERE entity = ?1 ORDER BY version"};
};

class SqlitePeer : public Peer {
public:
    void open(const std::filesystem::path& directory) override {
        file_ = directory / "events.sqlite";
        const Connection creating(file_);
    }
    void close() override {}
    std::unique_ptr<Session> connect() override { return std::make_unique<SqliteSession>(file_, writing_); }
    void load(std::span<const Event> events) override { connect()->append(events); }
    void prepare_for_reading() override {
        const Connection connection(file_);
        Statement(connection.handle(), "PRAGMA wal_checkpoint(TRUNCATE)").run();
        Statement(connection.handle(), "ANALYZE").run();
    }

private:
    std::filesystem::path file_;
    /// Writers take turns here: SQLite itself would let them sleep and try again.
    std::mutex writing_;
};

}  // namespace

std::unique_ptr<Peer> make_sqlite() { return std::make_unique<SqlitePeer>(); }

}  // namespace chronos::bench
