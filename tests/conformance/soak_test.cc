// A server under everything that clients do, for long: every request is answered as it should be, and memory stays
// what it is.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "conformance/live_fixture.h"
#include "simulation/replay.h"

namespace chronos::conformance {
namespace {

constexpr std::uint64_t kSecondsDefault = 600;
constexpr int kEntities = 2'000;
constexpr std::uint64_t kRoom = std::uint64_t{32} << 20;

/// Clients that go on until told to stop, each on its own thread.
class Crowd {
public:
    explicit Crowd(std::uint16_t port, Headers headers) : port_(port), headers_(std::move(headers)) {}
    ~Crowd() { stop(); }
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;

    /// `once(turn)` again and again, with a rest in between.
    void add(std::chrono::milliseconds rest, std::function<void(int)> once) {
        threads_.emplace_back([this, rest, once = std::move(once)] {
            for (int turn = 0; !is_stopped_; ++turn) {
                once(turn);
                std::this_thread::sleep_for(rest);
            }
        });
    }
    /// Asks and expects 2xx.
    HttpAnswer ask(const std::string& method, const std::string& target, const std::string& body = {},
                   Headers more = {}) {
        Headers headers = headers_;
        headers.insert(headers.end(), more.begin(), more.end());
        HttpAnswer answer = http(port_, method, target, body, headers);
        ++requests_;
        if (answer.status < 200 || answer.status > 299) note(method + " " + target, answer);
        return answer;
    }
    void follow(int messages) {
        SseClient stream(port_, "/api/v1/events/sse?after=start&event_type=soak.single", headers_);
        if (stream.status() != 200) note("following", {.status = stream.status(), .headers = {}, .body = {}});
        for (int i = 0; i < messages && !is_stopped_ && stream.next(); ++i) {
        }
        ++requests_;
    }
    void stop() {
        is_stopped_ = true;
        for (std::thread& thread : threads_) thread.join();
        threads_.clear();
    }

    [[nodiscard]] std::uint64_t requests() const { return requests_; }
    [[nodiscard]] std::string wrong() const {
        const std::lock_guard lock(mutex_);
        return wrong_;
    }

private:
    void note(const std::string& what, const HttpAnswer& answer) {
        const std::lock_guard lock(mutex_);
        if (wrong_.size() < 2'000) wrong_ += what + ": " + std::to_string(answer.status) + " " + answer.body + "\n";
    }

    const std::uint16_t port_;
    const Headers headers_;
    std::atomic<bool> is_stopped_ = false;
    std::atomic<std::uint64_t> requests_ = 0;
    mutable std::mutex mutex_;
    std::string wrong_;  // guarded by mutex_
    std::vector<std::thread> threads_;
};

std::string entity(int i) { return "soak:" + std::to_string(i * 7 % kEntities); }

std::string event_text(const std::string& type, int i) {
    return R"({"entity_id":")" + entity(i) + R"(","event_type":")" + type + R"(","payload":{"n":)" + std::to_string(i) +
           R"(,"text":")" + std::string(200, 'x') + R"("}})";
}

void add_clients(Crowd& crowd) {
    using std::chrono::milliseconds;
    for (int client = 0; client < 3; ++client)
        crowd.add(milliseconds(2), [&crowd, client](int turn) {
            crowd.ask("POST", "/api/v1/events", event_text("soak.single", turn * 3 + client));
        });
    crowd.add(milliseconds(300), [&crowd](int turn) {
        std::string lines;
        for (int i = 0; i < 1'000; ++i) lines += event_text("soak.bulk", turn * 1'000 + i) + "\n";
        crowd.ask("POST", "/api/v1/events/bulk", lines, {"Content-Type: application/x-ndjson"});
    });
    crowd.add(milliseconds(5), [&crowd](int turn) {
        crowd.ask("GET", "/api/v1/events/query?order=backward&limit=50&entity_id=" + entity(turn));
    });
    crowd.add(milliseconds(50), [&crowd](int turn) {
        crowd.ask("GET", "/api/v1/entities?limit=100&offset=" + std::to_string(turn % 100));
        crowd.ask("GET", "/api/v1/stats");
        crowd.ask("GET", "/metrics");
    });
    crowd.add(milliseconds(20), [&crowd](int) { crowd.follow(200); });
    crowd.add(milliseconds(200), [&crowd](int turn) {
        const auto fork = crowd.ask("POST", "/api/v1/forks", R"({"ttl_seconds":600})").json();
        if (!fork.is_object() || !fork.contains("id")) return;
        const std::string id = fork["id"];
        crowd.ask("POST", "/api/v1/events?fork=" + id, event_text("soak.forked", turn));
        if (turn % 2 == 0)
            crowd.ask("DELETE", "/api/v1/forks/" + id);
        else
            crowd.ask("POST", "/api/v1/forks/" + id + "/merge", R"({"on_moved":"append"})");
    });
    crowd.add(milliseconds(20), [&crowd](int turn) {
        crowd.ask(
            "POST", "/mcp",
            R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_events","arguments":{"entity_id":")" +
                entity(turn) +
                R"(","limit":20},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}})",
            {"Content-Type: application/json", "Accept: application/json, text/event-stream",
             "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: query_events"});
    });
}

class ServerSoak : public LiveTest {
protected:
    /// Memory at the end, and in the middle third, at most.
    void soak(std::uint64_t seconds, bool memory_is_judged) {
        write_file("chronos.toml", "[store]\nmemory_budget = 67108864\nfork_limit = 5000\n");
        ASSERT_TRUE(server_.start(directory_, {"--config", "chronos.toml"})) << read_file("server.log");
        key_ = server_.key();
        Crowd crowd(server_.port(), with_key());
        add_clients(crowd);
        std::vector<std::uint64_t> resident;
        const auto begin = std::chrono::steady_clock::now();
        const auto elapsed = [&] { return std::chrono::steady_clock::now() - begin; };
        while (elapsed() < std::chrono::seconds(seconds)) {
            std::this_thread::sleep_for(std::chrono::seconds(1));
            resident.push_back(server_.resident_bytes());
        }
        crowd.stop();
        EXPECT_EQ(crowd.wrong(), "");
        EXPECT_GT(crowd.requests(), seconds * 20);
        const auto third = static_cast<std::ptrdiff_t>(resident.size() / 3);
        const std::uint64_t middle = *std::max_element(resident.begin() + third, resident.begin() + 2 * third);
        const std::uint64_t last = *std::max_element(resident.begin() + 2 * third, resident.end());
        std::printf(
            "%llu requests; resident at most: %llu MiB in the first third, %llu in the second, %llu in the last\n",
            static_cast<unsigned long long>(crowd.requests()),
            static_cast<unsigned long long>(*std::max_element(resident.begin(), resident.begin() + third) >> 20),
            static_cast<unsigned long long>(middle >> 20), static_cast<unsigned long long>(last >> 20));
        if (memory_is_judged) {
            EXPECT_LT(last, middle + middle / 10 + kRoom);
        }
    }
};

TEST_F(ServerSoak, SlowEveryRequestIsAnswered) { soak(20, false); }

TEST_F(ServerSoak, TortureMemoryStaysFlat) {
    if (!testing::torture_is_on()) GTEST_SKIP() << "set CHRONOS_TORTURE=1";
    soak(testing::number_from_environment("CHRONOS_SOAK_SECONDS", kSecondsDefault), true);
}

}  // namespace
}  // namespace chronos::conformance
