// A private cluster in the directory it is given, reached by a unix socket in it.
#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <thread>

#include "peers/failure.h"
#include "peers/peers.h"
#include "peers/server_process.h"

namespace chronos::bench {
namespace {

/// PostgreSQL refuses to run as root; as root we start it as this user, which its package makes.
constexpr const char* kServerUser = "postgres";
constexpr auto kStartPatience = std::chrono::seconds(60);

struct ResultDeleter {
    void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPointer = std::unique_ptr<PGresult, ResultDeleter>;

struct ConnectionDeleter {
    void operator()(PGconn* connection) const { PQfinish(connection); }
};
using ConnectionPointer = std::unique_ptr<PGconn, ConnectionDeleter>;

class PostgresSession : public Session {
public:
    PostgresSession(ConnectionPointer connection, PostgresPayload payload) : connection_(std::move(connection)) {
        PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
        run("CREATE TABLE IF NOT EXISTS event (entity text, version bigint, type text, payload " +
            std::string(payload == PostgresPayload::kText ? "text" : "jsonb") + ", PRIMARY KEY (entity, version))");
        prepare("insert", "INSERT INTO event VALUES ($1, $2, $3, $4)");
        prepare("last",
                "SELECT version, type, payload FROM event WHERE entity = $1 "
                "ORDER BY version DESC LIMIT $2");
        prepare("all", "SELECT version, type, payload FROM event WHERE entity = $1 ORDER BY version");
    }

    void append(std::span<const Event> events) override {
        if (events.size() == 1)
            insert(events.front());
        else
            copy(events);
    }

    ReadResult read_last(std::string_view entity, std::uint32_t count) override {
        return take_all(execute("last", std::array{std::string(entity), std::to_string(count)}));
    }

    ReadResult read_all(std::string_view entity) override {
        return take_all(execute("all", std::array{std::string(entity)}));
    }

    [[nodiscard]] std::optional<int> server_pid() const override { return PQbackendPID(connection_.get()); }

    void run(const std::string& sql) { check(ResultPointer(PQexec(connection_.get(), sql.c_str()))); }

private:
    void prepare(const char* name, const char* sql) {
        check(ResultPointer(PQprepare(connection_.get(), name, sql, 0, nullptr)));
    }

    template <std::size_t kCount>
    ResultPointer execute(const char* statement, const std::array<std::string, kCount>& values) {
        std::array<const char*, kCount> texts{};
        for (std::size_t i = 0; i < kCount; ++i) texts[i] = values[i].c_str();
        return check(ResultPointer(
            PQexecPrepared(connection_.get(), statement, int{kCount}, texts.data(), nullptr, nullptr, 0)));
    }

    void insert(const Event& event) {
        execute("insert", std::array{std::string(event.entity), std::to_string(event.version), std::string(event.type),
                                     std::string(event.payload)});
    }

    void copy(std::span<const Event> events) {
        lines_.clear();
        for (const Event& event : events) {
            add_escaped(event.entity, '\t');
            std::array<char, 24> digits{};
            const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), event.version).ptr;
            lines_.append(digits.data(), end);
            lines_ += '\t';
            add_escaped(event.type, '\t');
            add_escaped(event.payload, '\n');
        }
        const ResultPointer started(PQexec(connection_.get(), "COPY event FROM STDIN"));
        if (PQresultStatus(started.get()) != PGRES_COPY_IN) fail();
        if (PQputCopyData(connection_.get(), lines_.data(), static_cast<int>(lines_.size())) != 1 ||
            PQputCopyEnd(connection_.get(), nullptr) != 1)
            fail();
        while (PGresult* result = PQgetResult(connection_.get())) check(ResultPointer(result));
    }

    void add_escaped(std::string_view text, char end) {
        if (text.find_first_of("\\\t\n\r") == std::string_view::npos) {
            lines_ += text;
        } else {
            for (const char character : text) {
                if (character == '\\' || character == '\t' || character == '\n' || character == '\r') lines_ += '\\';
                lines_ += character;
            }
        }
        lines_ += end;
    }

    static ReadResult take_all(const ResultPointer& rows) {
        ReadResult result;
        for (int row = 0; row < PQntuples(rows.get()); ++row) {
            ++result.events;
            for (int column = 0; column < PQnfields(rows.get()); ++column)
                result.checksum += sum_of({PQgetvalue(rows.get(), row, column),
                                           static_cast<std::size_t>(PQgetlength(rows.get(), row, column))});
        }
        return result;
    }

    ResultPointer check(ResultPointer result) const {
        const ExecStatusType status = PQresultStatus(result.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail();
        return result;
    }
    [[noreturn]] void fail() const { throw Failure(std::string("PostgreSQL: ") + PQerrorMessage(connection_.get())); }

    ConnectionPointer connection_;
    std::string lines_;
};

/// Of the newest version that is installed.
std::filesystem::path find_server(const std::string& name) {
    std::vector<std::filesystem::path> folders;
    std::error_code ignored;
    for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored))
        folders.push_back(version.path() / "bin");
    std::sort(folders.rbegin(), folders.rend());
    std::filesystem::path found = find_program(name, folders);
    if (found.empty()) throw Absent("the package postgresql is not installed");
    return found;
}

class PostgresPeer : public Peer {
public:
    explicit PostgresPeer(PostgresPayload payload) : payload_(payload) {}

    void open(const std::filesystem::path& directory) override {
        home_ = directory / "postgres";
        if (!std::filesystem::exists(home_)) make_cluster();
        server_ = std::make_unique<ServerProcess>(ServerProcess::Launch{
            .arguments = {find_server("postgres"), "-D", home_, "-k", home_, "-c", "listen_addresses=", "-c",
                          "shared_buffers=1GB", "-c", "max_wal_size=8GB", "-c", "checkpoint_timeout=1h", "-c",
                          "autovacuum=off"},
            .user = kServerUser,
            .log = directory / "postgres.log"});
        wait_until_ready();
    }

    void close() override { server_.reset(); }

    std::unique_ptr<Session> connect() override {
        ConnectionPointer connection = try_connect();
        if (PQstatus(connection.get()) != CONNECTION_OK)
            throw Failure(std::string("PostgreSQL: ") + PQerrorMessage(connection.get()));
        return std::make_unique<PostgresSession>(std::move(connection), payload_);
    }

    void prepare_for_reading() override {
        PostgresSession session(try_connect(), payload_);
        session.run("VACUUM ANALYZE event");
        session.run("CHECKPOINT");
    }

private:
    /// A copy of one that is made once, beside the directories of all rows.
    void make_cluster() {
        const std::filesystem::path first = home_.parent_path().parent_path() / "postgres-cluster";
        if (!std::filesystem::exists(first / "PG_VERSION")) make_first_cluster(first);
        run_program({.arguments = {"cp", "-a", first, home_}, .log = home_.parent_path() / "copy.log"});
    }

    static void make_first_cluster(const std::filesystem::path& first) {
        std::filesystem::create_directory(first);
        // Only the server's user may write there; initdb itself then runs as that user.
        if (::geteuid() == 0) run_program({.arguments = {"chown", kServerUser, first}, .log = first.string() + ".log"});
        run_program({.arguments = {find_server("initdb"), "-D", first, "-U", "bench", "-A", "trust", "-E", "UTF8",
                                   "--locale=C", "--no-sync"},
                     .user = kServerUser,
                     .log = first.string() + ".log"});
    }

    [[nodiscard]] ConnectionPointer try_connect() const {
        return ConnectionPointer(PQconnectdb(("host=" + home_.string() + " user=bench dbname=postgres").c_str()));
    }

    void wait_until_ready() {
        const auto deadline = std::chrono::steady_clock::now() + kStartPatience;
        while (PQstatus(try_connect().get()) != CONNECTION_OK) {
            if (server_->ended() || std::chrono::steady_clock::now() > deadline)
                throw Failure("PostgreSQL did not start: " + server_->last_output());
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }

    PostgresPayload payload_;
    std::filesystem::path home_;
    std::unique_ptr<ServerProcess> server_;
};

}  // namespace

std::unique_ptr<Peer> make_postgres(PostgresPayload payload) { return std::make_unique<PostgresPeer>(payload); }

}  // namespace chronos::bench
