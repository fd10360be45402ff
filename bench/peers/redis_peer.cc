// A private server in the directory it is given, reached by a unix socket in it.
#include <hiredis.h>

#include <array>
#include <chrono>
#include <thread>

#include "peers/failure.h"
#include "peers/peers.h"
#include "peers/server_process.h"

namespace chronos::bench {
namespace {

constexpr auto kStartPatience = std::chrono::seconds(120);

struct ReplyDeleter {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using ReplyPointer = std::unique_ptr<redisReply, ReplyDeleter>;

struct ConnectionDeleter {
    void operator()(redisContext* connection) const { redisFree(connection); }
};
using ConnectionPointer = std::unique_ptr<redisContext, ConnectionDeleter>;

class RedisSession : public Session {
public:
    RedisSession(ConnectionPointer connection, int server_pid)
        : connection_(std::move(connection)), server_pid_(server_pid) {}

    void append(std::span<const Event> events) override {
        for (const Event& event : events)
            send({"XADD", event.entity, "*", "type", event.type, "payload", event.payload});
        for (std::size_t i = 0; i < events.size(); ++i) receive();
    }

    ReadResult read_last(std::string_view entity, std::uint32_t count) override {
        send({"XREVRANGE", entity, "+", "-", "COUNT", std::to_string(count)});
        return take_all();
    }

    ReadResult read_all(std::string_view entity) override {
        send({"XRANGE", entity, "-", "+"});
        return take_all();
    }

    [[nodiscard]] std::optional<int> server_pid() const override { return server_pid_; }

    bool answers() {
        send({"PING"});
        void* reply = nullptr;
        if (redisGetReply(connection_.get(), &reply) != REDIS_OK) return false;
        return ReplyPointer(static_cast<redisReply*>(reply))->type == REDIS_REPLY_STATUS;
    }

private:
    void send(std::initializer_list<std::string_view> words) {
        std::array<const char*, 8> texts{};
        std::array<std::size_t, 8> sizes{};
        int count = 0;
        for (const std::string_view word : words) {
            texts.at(static_cast<std::size_t>(count)) = word.data();
            sizes.at(static_cast<std::size_t>(count++)) = word.size();
        }
        redisAppendCommandArgv(connection_.get(), count, texts.data(), sizes.data());
    }

    ReplyPointer receive() {
        void* reply = nullptr;
        if (redisGetReply(connection_.get(), &reply) != REDIS_OK)
            throw Failure(std::string("Redis: ") + connection_->errstr);
        ReplyPointer owned(static_cast<redisReply*>(reply));
        if (owned->type == REDIS_REPLY_ERROR) throw Failure(std::string("Redis: ") + owned->str);
        return owned;
    }

    /// Entries of a stream: each an id and its fields.
    ReadResult take_all() {
        const ReplyPointer reply = receive();
        ReadResult result{.events = reply->elements};
        add_bytes(*reply, result.checksum);
        return result;
    }

    static void add_bytes(const redisReply& reply, std::uint64_t& checksum) {
        if (reply.type == REDIS_REPLY_STRING) checksum += sum_of({reply.str, reply.len});
        for (std::size_t i = 0; reply.type == REDIS_REPLY_ARRAY && i < reply.elements; ++i)
            add_bytes(*reply.element[i], checksum);
    }

    ConnectionPointer connection_;
    int server_pid_;
};

class RedisPeer : public Peer {
public:
    explicit RedisPeer(RedisSync sync) : sync_(sync) {}

    void open(const std::filesystem::path& directory) override {
        const std::filesystem::path program = find_program("redis-server");
        if (program.empty()) throw Absent("the package redis-server is not installed");
        socket_ = directory / "redis.sock";
        server_ = std::make_unique<ServerProcess>(ServerProcess::Launch{
            .arguments = {program, "--port", "0", "--unixsocket", socket_, "--dir", directory, "--save", "",
                          "--appendonly", "yes", "--appendfsync", sync_ == RedisSync::kAlways ? "always" : "everysec",
                          "--auto-aof-rewrite-percentage", "0", "--daemonize", "no"},
            .log = directory / "redis.log"});
        wait_until_ready();
    }

    void close() override { server_.reset(); }

    std::unique_ptr<Session> connect() override {
        ConnectionPointer connection(redisConnectUnix(socket_.c_str()));
        if (!connection || connection->err != 0) throw Failure("Redis: no connection to " + socket_.string());
        return std::make_unique<RedisSession>(std::move(connection), server_->pid());
    }

private:
    /// It answers, but not yet to commands, while it reads its log.
    void wait_until_ready() {
        const auto deadline = std::chrono::steady_clock::now() + kStartPatience;
        while (!is_ready()) {
            if (server_->ended() || std::chrono::steady_clock::now() > deadline)
                throw Failure("Redis did not start: " + server_->last_output());
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }

    bool is_ready() {
        ConnectionPointer connection(redisConnectUnix(socket_.c_str()));
        if (!connection || connection->err != 0) return false;
        return RedisSession(std::move(connection), server_->pid()).answers();
    }

    RedisSync sync_;
    std::filesystem::path socket_;
    std::unique_ptr<ServerProcess> server_;
};

}  // namespace

std::unique_ptr<Peer> make_redis(RedisSync sync) { return std::make_unique<RedisPeer>(sync); }

}  // namespace chronos::bench
