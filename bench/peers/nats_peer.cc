// A private nats-server with JetStream in the directory it is given, on a free port of loopback. Source of the
// protocol: docs.nats.io, "Client Protocol" and "JetStream wire API".
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <string>

#include "peers/failure.h"
#include "peers/loopback.h"
#include "peers/peers.h"
#include "peers/server_process.h"

namespace chronos::bench {
namespace {

constexpr std::size_t kReadSize = std::size_t{64} << 10;

class NatsSession : public Session {
public:
    explicit NatsSession(std::uint16_t port) : socket_(connect_to(port)) {
        static std::atomic<unsigned> count = 0;
        if (socket_ < 0) throw Failure("NATS: no connection");
        inbox_ = "_INBOX.bench" + std::to_string(++count);
        send("CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB " + inbox_ + " 1\r\nPING\r\n");
        while (read_line() != "PONG") {
        }
    }
    ~NatsSession() override { ::close(socket_); }

    /// Publishes, and gives the answer to it.
    std::string ask(std::string_view subject, std::string_view payload) {
        std::string request;
        add_publication(request, subject, payload);
        send(request);
        return receive();
    }

    void append(std::span<const Event> events) override {
        std::string requests;
        for (const Event& event : events)
            add_publication(requests, "events." + std::string(event.entity), event.payload);
        send(requests);
        for (std::size_t i = 0; i < events.size(); ++i) {
            const std::string answer = receive();
            if (answer.find("\"seq\":") == std::string::npos) throw Failure("NATS: " + answer);
        }
    }
    ReadResult read_last(std::string_view /*entity*/, std::uint32_t /*count*/) override { return cannot_read(); }
    ReadResult read_all(std::string_view /*entity*/) override { return cannot_read(); }

private:
    static ReadResult cannot_read() { throw Failure("NATS: a stream has no events of an entity"); }

    void add_publication(std::string& out, std::string_view subject, std::string_view payload) const {
        out += "PUB " + std::string(subject) + " " + inbox_ + " " + std::to_string(payload.size()) + "\r\n";
        out += payload;
        out += "\r\n";
    }

    void send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) throw Failure("NATS: the connection ended");
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    /// The payload of the next message.
    std::string receive() {
        for (;;) {
            const std::string line = read_line();
            if (line == "PING") send("PONG\r\n");
            if (line.starts_with("-ERR")) throw Failure("NATS: " + line);
            if (!line.starts_with("MSG ")) continue;
            const std::size_t at = line.rfind(' ') + 1;
            std::size_t size = 0;
            if (std::from_chars(line.data() + at, line.data() + line.size(), size).ec != std::errc())
                throw Failure("NATS: " + line);
            while (buffer_.size() - used_ < size + 2) read_more();
            std::string payload = buffer_.substr(used_, size);
            used_ += size + 2;
            return payload;
        }
    }

    std::string read_line() {
        std::size_t end = 0;
        while ((end = buffer_.find("\r\n", used_)) == std::string::npos) read_more();
        std::string line = buffer_.substr(used_, end - used_);
        used_ = end + 2;
        return line;
    }

    void read_more() {
        buffer_.erase(0, std::exchange(used_, 0));
        const std::size_t size = buffer_.size();
        buffer_.resize(size + kReadSize);
        const ssize_t got = ::recv(socket_, buffer_.data() + size, kReadSize, 0);
        buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got <= 0) throw Failure("NATS: the connection ended");
    }

    int socket_;
    std::string inbox_;
    std::string buffer_;
    std::size_t used_ = 0;
};

class NatsPeer : public Peer {
public:
    void open(const std::filesystem::path& directory) override {
        const std::filesystem::path program = find_program("nats-server", {"/usr/sbin"});
        if (program.empty()) throw Absent("the package nats-server is not installed");
        port_ = free_port();
        server_ = std::make_unique<ServerProcess>(
            ServerProcess::Launch{.arguments = {program, "-a", "127.0.0.1", "-p", std::to_string(port_), "-js", "-sd",
                                                directory / "jetstream"},
                                  .log = directory / "nats.log"});
        wait_until_it_listens(port_, *server_);
        const std::string made = NatsSession(port_).ask(
            "$JS.API.STREAM.CREATE.EVENTS",
            R"({"name":"EVENTS","subjects":["events.>"],"storage":"file","retention":"limits","num_replicas":1})");
        if (made.find("\"error\"") != std::string::npos) throw Failure("NATS: " + made);
    }
    void close() override { server_.reset(); }
    std::unique_ptr<Session> connect() override { return std::make_unique<NatsSession>(port_); }

private:
    std::uint16_t port_ = 0;
    std::unique_ptr<ServerProcess> server_;
};

}  // namespace

std::unique_ptr<Peer> make_nats() { return std::make_unique<NatsPeer>(); }

}  // namespace chronos::bench
