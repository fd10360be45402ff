// A test with a running server and the requests that every test of the live routes makes.
//
// Threads: one.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "conformance/live_client.h"
#include "conformance/program_runner.h"
#include "conformance/running_server.h"

namespace chronos::conformance {

class LiveTest : public ProgramTest {
protected:
    void TearDown() override {
        if (server_.pid() > 0) {
            EXPECT_EQ(server_.terminate(), 0) << read_file("server.log");
        }
        ProgramTest::TearDown();
    }

    /// `limits`: lines of the table of that name.
    void start(const std::string& limits = {}) {
        write_file("chronos.toml", "[limits]\n" + limits);
        ASSERT_TRUE(server_.start(directory_, {"--config", "chronos.toml"})) << read_file("server.log");
        if (!server_.key().empty()) key_ = server_.key();
    }

    [[nodiscard]] Headers with_key(Headers headers = {}) const {
        headers.push_back("Authorization: Bearer " + key_);
        return headers;
    }
    [[nodiscard]] HttpAnswer get(const std::string& target) const {
        return http(server_.port(), "GET", target, {}, with_key());
    }
    [[nodiscard]] HttpAnswer post(const std::string& target, const std::string& body) const {
        return http(server_.port(), "POST", target, body, with_key());
    }
    void append(const std::string& entity, const std::string& type, const std::string& where = {}) const {
        const HttpAnswer answer =
            post("/api/v1/events" + where, R"({"entity_id":")" + entity + R"(","event_type":")" + type + R"("})");
        ASSERT_EQ(answer.status, 200) << answer.body;
    }
    /// As one bulk upload of `count` events with a payload of `payload_bytes`.
    void append_many(int count, std::size_t payload_bytes, const std::string& type = "filler") const {
        std::string lines;
        for (int i = 0; i < count; ++i)
            lines += R"({"entity_id":"e:)" + std::to_string(i % 10) + R"(","event_type":")" + type +
                     R"(","payload":{"n":)" + std::to_string(i) + R"(,"t":")" + std::string(payload_bytes, 'x') +
                     "\"}}\n";
        const HttpAnswer answer = post("/api/v1/events/bulk", lines);
        ASSERT_EQ(answer.status, 200) << answer.body;
    }
    [[nodiscard]] SseClient follow(const std::string& parameters = {}, Headers headers = {}) const {
        return {server_.port(), "/api/v1/events/stream" + parameters, with_key(std::move(headers))};
    }
    /// A new key with one scope: its id and text.
    [[nodiscard]] std::pair<std::string, std::string> make_key(const std::string& scope) const {
        const nlohmann::json made = post("/api/v1/keys", R"({"name":"k","scopes":[")" + scope + R"("]})").json();
        return {made["id"], made["key"]};
    }
    [[nodiscard]] std::string metric(const std::string& name) const {
        const std::string text = get("/metrics").body;
        const std::size_t at = text.find("\n" + name + " ");
        if (at == std::string::npos) return {};
        const std::size_t begin = at + name.size() + 2;
        return text.substr(begin, text.find('\n', begin) - begin);
    }
    /// Whether `holds` becomes true while anybody still waits for it.
    template <typename Condition>
    static bool eventually(Condition holds) {
        for (int i = 0; i < kPatienceMs / 50; ++i) {
            if (holds()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        return holds();
    }

    RunningServer server_;
    std::string key_;
};

}  // namespace chronos::conformance
