// The program `chronos serve` as a process of its own, on a free port of loopback.
//
// Threads: one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace chronos::conformance {

class RunningServer {
public:
    RunningServer() = default;
    ~RunningServer() { kill_hard(); }
    RunningServer(const RunningServer&) = delete;
    RunningServer& operator=(const RunningServer&) = delete;

    /// Starts it in `directory`, store in `directory`/data, and waits until it listens. False: it did not start.
    bool start(const std::filesystem::path& directory, const std::vector<std::string>& arguments = {});
    /// kill -9, if it runs.
    void kill_hard();
    /// SIGTERM; answers the exit code.
    int terminate();

    [[nodiscard]] std::uint16_t port() const { return port_; }
    /// The admin key, as of the first start.
    [[nodiscard]] const std::string& key() const { return key_; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    /// Bytes of memory it has, without what is shared with files.
    [[nodiscard]] std::uint64_t resident_bytes() const;

private:
    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
    std::string key_;
};

}  // namespace chronos::conformance
