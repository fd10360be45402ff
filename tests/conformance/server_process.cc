#include "conformance/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "conformance/program_runner.h"

namespace chronos::conformance {
namespace {

std::string read_line(int descriptor) {
    std::string line;
    char c = 0;
    pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
    while (::poll(&waiting, 1, 60'000) > 0 && ::read(descriptor, &c, 1) == 1 && c != '\n') line += c;
    return line;
}

}  // namespace

ServerProcess::ServerProcess(const std::vector<std::string>& options, const std::string& settings) {
    static std::atomic<int> next = 0;
    directory_ = std::filesystem::temp_directory_path() /
                 ("chronos_http_" + std::to_string(::getpid()) + "_" + std::to_string(next++));
    std::filesystem::create_directories(directory_);
    std::vector<std::string> arguments = {program_path(), "serve", "--dir", (directory_ / "data").string(),
                                          "--port",       "0",     "--json"};
    if (!settings.empty()) {
        std::ofstream(directory_ / "settings.toml") << settings;
        arguments.insert(arguments.end(), {"--config", (directory_ / "settings.toml").string()});
    }
    arguments.insert(arguments.end(), options.begin(), options.end());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    int pipe[2] = {-1, -1};
    if (::pipe2(pipe, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (directory_ / "log").c_str(), O_WRONLY | O_CREAT, 0600);
    const int failed = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipe[1]);
    out_ = pipe[0];
    if (failed != 0) return;
    const auto started = nlohmann::json::parse(read_line(out_), nullptr, false);
    if (!started.is_object() || !started.contains("url")) return;
    const std::string url = started["url"];
    port_ = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    admin_key_ = started.value("admin_key", "");
}

ServerProcess::~ServerProcess() {
    (void)stop();
    if (out_ >= 0) ::close(out_);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

int ServerProcess::stop() {
    if (pid_ <= 0) return -1;
    (void)::kill(pid_, SIGTERM);
    int status = 0;
    // A server that hangs at its end fails the test rather than stopping it.
    for (int i = 0; i < 3'000 && ::waitpid(pid_, &status, WNOHANG) == 0; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (::kill(pid_, 0) == 0) {
        (void)::kill(pid_, SIGKILL);
        (void)::waitpid(pid_, &status, 0);
    }
    pid_ = -1;
    port_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool ServerProcess::is_alive() { return pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == 0; }

HttpAnswer ServerProcess::ask_as(const std::string& key, HttpRequest request) const {
    if (!key.empty()) request.headers.emplace_back("Authorization", "Bearer " + key);
    return conformance::ask(port_, request);
}

std::string ServerProcess::make_key(const std::string& scopes_json, const std::string& more) {
    const HttpAnswer answer = ask({.method = "POST",
                                   .target = "/api/v1/keys",
                                   .headers = {{"Content-Type", "application/json"}},
                                   .body = "{\"scopes\":" + scopes_json + more + "}"});
    const auto made = nlohmann::json::parse(answer.body, nullptr, false);
    return made.is_object() && made.contains("key") ? made["key"].get<std::string>() : std::string();
}

std::uint64_t ServerProcess::resident_bytes() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
    std::uint64_t total = 0;
    std::uint64_t resident = 0;
    file >> total >> resident;
    return resident * 4'096;
}

}  // namespace chronos::conformance
