// MCP: a tool of /mcp beside the HTTP route that answers the same, and how soon `chronos mcp` answers on a large store.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "peers/append_window.h"
#include "peers/chronos_peer.h"
#include "peers/chronos_server.h"
#include "peers/failure.h"
#include "peers/latencies.h"
#include "peers/measure.h"
#include "peers/rows.h"

namespace chronos::bench {
namespace {

constexpr std::string_view kRevision = "2026-07-28";
constexpr int kAnswerPatienceMs = 30'000;

/// A request of the revision that remembers nothing; `arguments` are those of a tool, "" for another method.
std::string message(std::string_view method, std::string_view tool = "", const std::string& arguments = "") {
    std::string text = R"({"jsonrpc":"2.0","id":1,"method":")" + std::string(method) +
                       R"(","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":")" + std::string(kRevision) +
                       R"(","io.modelcontextprotocol/clientCapabilities":{}})";
    if (!tool.empty()) text += R"(,"name":")" + std::string(tool) + R"(","arguments":)" + arguments;
    return text + "}}";
}

std::string call_request(std::string_view tool, const std::string& arguments) {
    const std::string body = message("tools/call", tool, arguments);
    return "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
           "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: " +
           std::string(kRevision) + "\r\nMcp-Method: tools/call\r\nMcp-Name: " + std::string(tool) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Throws Failure unless it is an answer, and not one that says what was wrong.
void check_answer(std::string_view answer) {
    if (answer.find("\"result\"") == std::string_view::npos ||
        answer.find("\"isError\":true") != std::string_view::npos)
        throw Failure("not the answer that was asked for: " + std::string(answer.substr(0, 300)));
}

// --- a tool beside its route -------------------------------------------------------------------------

constexpr std::uint32_t kPayloadBytes = 240;

/// A server with events, filled when first used, and one connection to it.
class AskedServer {
public:
    explicit AskedServer(Bench& bench) : bench_(bench) {}

    std::vector<Metric> ask(std::uint64_t count, bool is_tool, const std::function<std::string(std::string)>& request) {
        fill();
        Latencies latencies;
        const std::int64_t begin_ns = now_ns();
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::string bytes = request(entities_[scrambled(i) % entities_.size()]);
            const std::int64_t sent_ns = now_ns();
            const std::string_view answer = client_->ask(bytes);
            latencies.add(now_ns() - sent_ns);
            if (is_tool) check_answer(answer);
        }
        const std::int64_t elapsed_ns = now_ns() - begin_ns;
        latencies.sort();
        return {
            {"p50 us", latencies.us_at(0.5)}, {"p99 us", latencies.us_at(0.99)}, rate("requests/s", count, elapsed_ns)};
    }

private:
    void fill() {
        if (server_) return;
        const Shape shape{
            .events = bench_.scaled(100'000), .entities = bench_.scaled(10'000), .payload_bytes = kPayloadBytes};
        const Workload& workload = bench_.workload(shape);
        server_ = std::make_unique<ChronosServer>(bench_.scratch());
        client_ = std::make_unique<HttpClient>(server_->port());
        client_->ask(
            post_request("/api/v1/events/bulk", "application/x-ndjson", Workload::json_lines(workload.events())));
        entities_ = workload.entities();
    }

    Bench& bench_;
    std::unique_ptr<ChronosServer> server_;
    std::unique_ptr<HttpClient> client_;
    std::vector<std::string> entities_;
};
using SharedServer = std::shared_ptr<AskedServer>;

Row call_row(const SharedServer& server, std::uint64_t count, const std::string& name, const std::string& what,
             const std::function<std::string(std::string)>& request) {
    const bool is_tool = !name.starts_with("http");
    return {.name = "mcp-call/" + name, .what = what, .durability = "–", .n = count, .k = 0, .run = [=] {
                return server->ask(count, is_tool, request);
            }};
}

std::vector<Group> call_groups(Bench& bench) {
    const auto server = std::make_shared<AskedServer>(bench);
    const std::uint64_t count = bench.scaled(20'000);
    std::vector<Group> groups(2);
    groups[0] = {.title = "MCP: the state of an entity, 1 connection", .baseline = "mcp-call/http-state", .rows = {}};
    groups[0].rows.push_back(call_row(server, count, "http-state", "GET /entities/…/state", [](const std::string& id) {
        return get_request("/api/v1/entities/" + id + "/state");
    }));
    groups[0].rows.push_back(
        call_row(server, count, "get_state", "POST /mcp, tool get_state",
                 [](const std::string& id) { return call_request("get_state", R"({"entity_id":")" + id + R"("})"); }));
    groups[1] = {
        .title = "MCP: the last 10 events of an entity, 1 connection", .baseline = "mcp-call/http-last-10", .rows = {}};
    groups[1].rows.push_back(call_row(server, count, "http-last-10", "GET /events/query", [](const std::string& id) {
        return get_request("/api/v1/events/query?order=backward&limit=10&entity_id=" + id);
    }));
    groups[1].rows.push_back(
        call_row(server, count, "query_events", "POST /mcp, tool query_events", [](const std::string& id) {
            return call_request("query_events", R"({"entity_id":")" + id + R"(","order":"backward","limit":10})");
        }));
    return groups;
}

// --- from start to answers ---------------------------------------------------------------------------

/// `chronos mcp` on a directory, its input and output being pipes of ours; ends with its input.
class StdioServer {
public:
    explicit StdioServer(const std::filesystem::path& data, const char* scope = "read") {
        const std::string program = find_chronos();
        const std::string directory = data;
        std::array<int, 2> in{};
        std::array<int, 2> out{};
        if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) throw Failure("no pipe");
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(in[0], STDIN_FILENO);
            ::dup2(out[1], STDOUT_FILENO);
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::execl(program.c_str(), "chronos", "mcp", "--dir", directory.c_str(), "--scope", scope, nullptr);
            ::_exit(127);
        }
        ::close(in[0]);
        ::close(out[1]);
        to_ = in[1];
        from_ = out[0];
        if (pid_ < 0) throw Failure("no process for chronos mcp");
    }
    ~StdioServer() {
        ::close(to_);
        ::close(from_);
        ::waitpid(pid_, nullptr, 0);
    }
    StdioServer(const StdioServer&) = delete;
    StdioServer& operator=(const StdioServer&) = delete;

    /// The answer, one line of JSON.
    std::string ask(const std::string& request) {
        const std::string line = request + "\n";
        if (::write(to_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
            throw Failure("chronos mcp does not read");
        while (buffer_.find('\n') == std::string::npos) read_more();
        const std::string answer = buffer_.substr(0, buffer_.find('\n'));
        buffer_.erase(0, answer.size() + 1);
        return answer;
    }

private:
    void read_more() {
        pollfd waiting{.fd = from_, .events = POLLIN, .revents = 0};
        std::array<char, 65'536> bytes{};
        const ssize_t got = ::poll(&waiting, 1, kAnswerPatienceMs) == 1 ? ::read(from_, bytes.data(), bytes.size()) : 0;
        if (got <= 0) throw Failure("chronos mcp does not answer");
        buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    }

    pid_t pid_ = -1;
    int to_ = -1;
    int from_ = -1;
    std::string buffer_;
};

/// A store of 1M events that nobody has open.
class ClosedStore {
public:
    explicit ClosedStore(Bench& bench) : bench_(bench) {}

    std::filesystem::path path() {
        if (!directory_) fill();
        return directory_->path() / "chronos";
    }
    /// One that is there.
    std::string entity() {
        (void)path();
        return entity_;
    }

private:
    void fill() {
        const Shape shape{
            .events = bench_.scaled(1'000'000), .entities = bench_.scaled(100'000), .payload_bytes = kPayloadBytes};
        const Workload& workload = bench_.workload(shape);
        directory_ = std::make_unique<ScratchDirectory>(bench_.scratch());
        entity_ = workload.entities().front();
        ChronosPeer peer(ChronosLayout{});
        peer.open(directory_->path());
        AppendWindow window(8);
        for (std::size_t at = 0; at < workload.events().size(); at += 1'000) {
            BatchBuilder batch;
            chronos::bench::fill(batch, workload.events().subspan(at, std::min<std::size_t>(1'000, shape.events - at)));
            append_async(peer.store(), std::move(batch), window);
        }
        window.wait_for_all();
        peer.close();
    }

    Bench& bench_;
    std::unique_ptr<ScratchDirectory> directory_;
    std::string entity_;
};

constexpr std::uint64_t kStarts = 20;

std::vector<Metric> measure_start(ClosedStore& store, std::uint64_t starts, const std::string& request) {
    Latencies latencies;
    for (std::uint64_t i = 0; i < starts; ++i) {
        const std::int64_t begin_ns = now_ns();
        StdioServer server(store.path());
        check_answer(server.ask(request));
        latencies.add(now_ns() - begin_ns);
    }
    latencies.sort();
    return {{"p50 ms", latencies.us_at(0.5) / 1'000}, {"worst ms", latencies.us_at(1) / 1'000}};
}

Group start_group(Bench& bench) {
    Group group{.title = "MCP: `chronos mcp` on a store of 1M events, from its start to its first answer",
                .baseline = "mcp-start/discover",
                .rows = {}};
    const auto store = std::make_shared<ClosedStore>(bench);
    const auto add = [&](const std::string& name, const std::string& what, auto request) {
        group.rows.push_back({.name = "mcp-start/" + name,
                              .what = what,
                              .durability = "–",
                              .n = kStarts,
                              .k = bench.scaled(100'000),
                              .run = [store, request] {
                                  (void)store->path();
                                  return measure_start(*store, kStarts, request(*store));
                              }});
    };
    add("discover", "server/discover", [](ClosedStore&) { return message("server/discover"); });
    add("tools", "tools/list", [](ClosedStore&) { return message("tools/list"); });
    add("get_state", "the state of an entity, opening the store", [](ClosedStore& of) {
        return message("tools/call", "get_state", R"({"entity_id":")" + of.entity() + R"("})");
    });
    return group;
}

// --- what answers cost a model -----------------------------------------------------------------------

/// A token is taken for four bytes of JSON; an answer carries its content twice, as a text and structured, of which
/// a host shows the model one. A plan that is to be confirmed is a text alone.
std::uint64_t tokens_of(const std::string& answer) {
    constexpr std::string_view kText = "\"text\":\"";
    const std::size_t begin = answer.find(kText);
    if (begin == std::string::npos) throw Failure("not the answer of a tool: " + answer.substr(0, 300));
    std::uint64_t bytes = 0;
    for (std::size_t at = begin + kText.size(); at < answer.size() && answer[at] != '"'; ++at) {
        if (answer[at] == '\\') ++at;
        ++bytes;
    }
    return bytes / 4;
}

/// A question for each tool, on the store of 1M events; %E is an entity of it, %H half of the events, %F a fork.
struct Question {
    std::string tool;
    std::string arguments;
};

std::vector<Question> questions() {
    return {
        {"overview", "{}"},
        {"advise", R"({"question":"how long do orders take from placed to shipped?"})"},
        {"find_entities", R"({"text":"order"})"},
        {"query_events", R"({"order":"backward"})"},
        {"get_state", R"({"entity_id":"%E","origins":true})"},
        {"get_history", R"({"entity_id":"%E"})"},
        {"compare", R"({"from":{"at":%H},"entity_id":"%E"})"},
        {"aggregate", R"({"op":"count","by":"type"})"},
        {"fork_create", R"({"ttl_seconds":600})"},
        {"append_events",
         R"({"branch":"%F","idempotency_key":"%F-1","events":[{"entity_id":"%E","event_type":"order.tried","expected_version":"any","payload":{}}]})"},
        {"fork_finish", R"({"fork":"%F","action":"discard"})"}};
}

std::string filled_in(std::string text, std::string_view mark, const std::string& value) {
    for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size())
        text.replace(at, mark.size(), value);
    return text;
}

std::vector<Metric> measure_answers(ClosedStore& store, const std::string& half) {
    StdioServer server(store.path(), "write");
    server.ask(message("tools/call", "overview", "{}"));  // Opens the store.
    std::string fork;
    std::vector<Metric> metrics;
    std::uint64_t most = 0;
    for (const Question& question : questions()) {
        const std::string arguments =
            filled_in(filled_in(filled_in(question.arguments, "%E", store.entity()), "%F", fork), "%H", half);
        const std::int64_t sent_ns = now_ns();
        const std::string answer = server.ask(message("tools/call", question.tool, arguments));
        const std::int64_t elapsed_ns = now_ns() - sent_ns;
        // A plan to be confirmed is an error on purpose.
        if (question.tool != "fork_finish") check_answer(answer);
        if (const std::size_t at = answer.find("fork-"); question.tool == "fork_create" && at != std::string::npos)
            fork = answer.substr(at, answer.find_first_of("\"\\", at) - at);
        most = std::max(most, tokens_of(answer));
        metrics.push_back({question.tool + " tokens", static_cast<double>(tokens_of(answer))});
        metrics.push_back({question.tool + " ms", static_cast<double>(elapsed_ns) / 1e6});
    }
    metrics.push_back({"most tokens", static_cast<double>(most)});
    return metrics;
}

Group answer_group(Bench& bench) {
    const auto store = std::make_shared<ClosedStore>(bench);
    const std::string half = std::to_string(bench.scaled(1'000'000) / 2);
    Group group{.title = "MCP: what an answer costs, on a store of 1M events; no budget given, which is 3,000 tokens",
                .baseline = "mcp-answers/stdio",
                .rows = {}};
    group.rows.push_back({.name = "mcp-answers/stdio",
                          .what = "one question for each tool",
                          .durability = "–",
                          .n = questions().size(),
                          .k = bench.scaled(100'000),
                          .run = [store, half] { return measure_answers(*store, half); }});
    return group;
}

}  // namespace

std::vector<Group> mcp_groups(Bench& bench) {
    std::vector<Group> groups = call_groups(bench);
    groups.push_back(start_group(bench));
    groups.push_back(answer_group(bench));
    return groups;
}

}  // namespace chronos::bench
