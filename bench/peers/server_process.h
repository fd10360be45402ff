// A server of our own, which ends with us: it is stopped by its process id, and the kernel ends it
// if we crash.
//
// Threads: the one that made it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace chronos::bench {

class ServerProcess {
public:
    struct Launch {
        std::vector<std::string> arguments;  ///< The first is the program, found on PATH if it has no slash.
        std::string user;                    ///< Whom to become when we are root; empty: nobody else.
        std::filesystem::path log;           ///< Output of the program.
    };

    explicit ServerProcess(const Launch& launch);
    /// Asks it to end by `stop_signal` and waits; ends it the hard way after half a minute.
    ~ServerProcess();
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    /// Whether it has ended by itself.
    bool ended();
    /// Waits for the end and gives the exit code.
    int wait();
    /// The last lines of its output, for an error message.
    [[nodiscard]] std::string last_output() const;

private:
    std::filesystem::path log_;
    pid_t pid_ = -1;
};

/// Runs a program to its end. Throws Failure with its output unless it succeeds.
void run_program(const ServerProcess::Launch& launch);

/// Where the program is, "" if nowhere: looked for on PATH, then in `further`.
std::filesystem::path find_program(const std::string& name, const std::vector<std::filesystem::path>& further = {});

}  // namespace chronos::bench
