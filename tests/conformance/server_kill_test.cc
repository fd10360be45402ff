// The real server, killed again and again while clients append: who tries again with the same key until there is an
// answer has every event in the store once, in order, and no other.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "conformance/http_client.h"
#include "conformance/running_server.h"

namespace chronos::conformance {
namespace {

constexpr int kClients = 4;

/// Appends with its own entity, one request after the other, until it is told to stop and the last one is answered.
class Writer {
public:
    Writer(int number, const std::atomic<std::uint16_t>& port, std::string key)
        : entity_("writer:" + std::to_string(number)),
          is_conditional_(number % 2 == 1),
          port_(port),
          key_(std::move(key)) {}

    void run(const std::atomic<bool>& stop) {
        for (int i = 0; !stop && wrong_.empty(); ++i) append(i);
    }

    [[nodiscard]] const std::string& entity() const { return entity_; }
    [[nodiscard]] int acknowledged() const { return next_; }
    [[nodiscard]] int retries() const { return retries_; }
    [[nodiscard]] const std::string& wrong() const { return wrong_; }

private:
    void append(int i) {
        const int count = i % 3 == 2 ? 3 : 1;
        nlohmann::json events = nlohmann::json::array();
        for (int k = 0; k < count; ++k)
            events.push_back({{"entity_id", entity_}, {"event_type", "kill.tested"}, {"payload", {{"n", next_ + k}}}});
        HttpRequest request{.method = "POST",
                            .target = count == 1 ? "/api/v1/events" : "/api/v1/events/batch",
                            .headers = {{"Authorization", "Bearer " + key_},
                                        {"Content-Type", "application/json"},
                                        {"Idempotency-Key", entity_ + "-" + std::to_string(i)}},
                            .body = count == 1 ? events[0].dump() : nlohmann::json{{"events", events}}.dump()};
        if (is_conditional_ && count == 1 && next_ > 0)
            request.headers.emplace_back("If-Match", "\"v" + std::to_string(next_) + "\"");
        while (true) {
            const HttpAnswer answer = ask(port_, request);
            if (answer.status == 200 || answer.status == 201) break;
            // No answer, or one that says it is not known, or that the server is on its way down or up.
            if (answer.status != 0 && answer.status < 500) {
                wrong_ = std::to_string(answer.status) + " " + answer.body;
                return;
            }
            ++retries_;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        next_ += count;
    }

    const std::string entity_;
    const bool is_conditional_;
    const std::atomic<std::uint16_t>& port_;
    const std::string key_;
    int next_ = 0;
    int retries_ = 0;
    std::string wrong_;
};

void kill_again_and_again(int cycles) {
    std::string directory = (std::filesystem::temp_directory_path() / "chronos-server-kill-XXXXXX").string();
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    RunningServer server;
    ASSERT_TRUE(server.start(directory));
    std::atomic<std::uint16_t> port = server.port();
    std::atomic<bool> stop = false;
    std::vector<std::unique_ptr<Writer>> writers;
    std::vector<std::thread> threads;
    for (int i = 0; i < kClients; ++i) writers.push_back(std::make_unique<Writer>(i, port, server.key()));
    for (auto& writer : writers) threads.emplace_back([&] { writer->run(stop); });
    for (int i = 0; i < cycles; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(30 + 37 * (i % 7)));
        server.kill_hard();
        const bool is_up = server.start(directory);
        EXPECT_TRUE(is_up) << "cycle " << i;
        if (!is_up) break;
        port = server.port();
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    int retries = 0;
    for (const auto& writer : writers) {
        EXPECT_EQ(writer->wrong(), "") << writer->entity();
        retries += writer->retries();
        HttpRequest query{.target = "/api/v1/events/query?entity_id=" + writer->entity()};
        query.headers = {{"Authorization", "Bearer " + server.key()}, {"Accept", "application/x-ndjson"}};
        const HttpAnswer answer = ask(port, query);
        ASSERT_EQ(answer.status, 200) << answer.body;
        std::istringstream lines(answer.body);
        int count = 0;
        for (std::string line; std::getline(lines, line);) {
            const auto event = nlohmann::json::parse(line);
            if (!event.contains("payload")) continue;
            ASSERT_EQ(event["payload"]["n"], count) << writer->entity() << " has an event twice, or not at all";
            ++count;
        }
        EXPECT_EQ(count, writer->acknowledged()) << writer->entity();
        EXPECT_GT(count, cycles);
    }
    EXPECT_GT(retries, 0);
    EXPECT_EQ(server.terminate(), 0) << std::ifstream(directory + "/server.log").rdbuf();
    std::filesystem::remove_all(directory);
}

TEST(ServerKill, EveryAcknowledgedEventIsThereOnceConcurrently) { kill_again_and_again(8); }

TEST(ServerKill, SlowEveryAcknowledgedEventIsThereOnce) { kill_again_and_again(60); }

}  // namespace
}  // namespace chronos::conformance
