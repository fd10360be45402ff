// A server, asked byte by byte; it must be alive and stop cleanly in the end, whatever was done to it.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "conformance/server_process.h"

namespace chronos::conformance {

class RawHttpTest : public testing::Test {
protected:
    /// `settings`: the text of its TOML file.
    void start(const std::string& settings = {}) {
        server_ = std::make_unique<ServerProcess>(std::vector<std::string>{}, settings);
        ASSERT_TRUE(server_->is_running());
    }
    void TearDown() override {
        if (!server_) return;
        EXPECT_TRUE(server_->is_alive());
        EXPECT_EQ(server_->ask({.target = "/readyz"}).status, 200);
        EXPECT_EQ(server_->stop(), 0);
    }
    /// "POST /x HTTP/1.1" and what follows up to the body, with the admin's key. `more`: lines that end with CR LF.
    [[nodiscard]] std::string head(const std::string& line, const std::string& more = {}) const {
        return head_with(server_->admin_key(), line, more);
    }
    static std::string head_with(const std::string& key, const std::string& line, const std::string& more = {}) {
        return line + " HTTP/1.1\r\nHost: localhost\r\nX-API-Key: " + key + "\r\n" + more + "\r\n";
    }
    [[nodiscard]] std::uint64_t events() {
        const std::string body = server_->ask({.target = "/api/v1/stats"}).body;
        return std::stoull(body.substr(body.find("\"events\":") + 9));
    }
    [[nodiscard]] bool reaches(std::uint64_t count) {
        for (int i = 0; i < 1'000 && events() < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return events() >= count;
    }

    std::unique_ptr<ServerProcess> server_;
};

}  // namespace chronos::conformance
