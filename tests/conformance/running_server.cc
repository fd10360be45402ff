#include "conformance/running_server.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "conformance/program_runner.h"

extern char** environ;

namespace chronos::conformance {
namespace {

constexpr int kStartMs = 120'000;

/// The first line that comes out of `descriptor`; empty when none does.
std::string first_line(int descriptor) {
    std::string line;
    pollfd watched{descriptor, POLLIN, 0};
    while (line.find('\n') == std::string::npos && ::poll(&watched, 1, kStartMs) > 0) {
        std::array<char, 4'096> buffer{};
        const ssize_t size = ::read(descriptor, buffer.data(), buffer.size());
        if (size <= 0) return {};
        line.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return line.substr(0, line.find('\n'));
}

}  // namespace

bool RunningServer::start(const std::filesystem::path& directory, const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {program_path(), "serve", "--dir", "data", "--port", "0", "--json"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::array<int, 2> out{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0) return false;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "server.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int failed = posix_spawn(&pid_, words.front().c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    const std::string line = failed == 0 ? first_line(out[0]) : std::string();
    ::close(out[0]);
    const auto said = nlohmann::json::parse(line, nullptr, false);
    if (said.is_discarded() || !said.contains("url")) return false;
    const std::string url = said["url"];
    port_ = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    if (said.contains("admin_key")) key_ = said["admin_key"];
    return true;
}

void RunningServer::kill_hard() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

int RunningServer::terminate() {
    int status = 0;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::uint64_t RunningServer::resident_bytes() const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    std::string word;
    while (status >> word) {
        std::uint64_t kib = 0;
        if (word == "RssAnon:" && status >> kib) return kib << 10;
    }
    return 0;
}

}  // namespace chronos::conformance
