#include "peers/server_process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "peers/failure.h"

namespace chronos::bench {
namespace {

constexpr auto kStopPatience = std::chrono::seconds(30);
constexpr int kExitCannotStart = 127;

struct User {
    uid_t user = 0;
    gid_t group = 0;
};

User find_user(const std::string& name) {
    const passwd* entry = ::getpwnam(name.c_str());  // NOLINT(concurrency-mt-unsafe): one thread
    if (entry == nullptr) throw Absent("there is no user " + name);
    return {entry->pw_uid, entry->pw_gid};
}

/// In the child, after fork: only calls that are safe there.
[[noreturn]] void become(char* const* arguments, int log, const User* user) {
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    // Ctrl-C is for us; we stop servers when their row is done.
    ::setpgid(0, 0);
    if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(user->group) != 0 || ::setuid(user->user) != 0))
        ::_exit(kExitCannotStart);
    ::prctl(PR_SET_PDEATHSIG, SIGINT);
    ::execvp(arguments[0], arguments);
    ::_exit(kExitCannotStart);
}

}  // namespace

ServerProcess::ServerProcess(const Launch& launch) : log_(launch.log) {
    std::vector<char*> arguments;
    for (const std::string& argument : launch.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    const bool changes_user = !launch.user.empty() && ::geteuid() == 0;
    const User user = changes_user ? find_user(launch.user) : User{};
    const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0) throw Failure(log_.string() + ": " + std::strerror(errno));
    pid_ = ::fork();
    if (pid_ == 0) become(arguments.data(), log, changes_user ? &user : nullptr);
    ::close(log);
    if (pid_ < 0) throw Failure("no process for " + launch.arguments.front());
}

ServerProcess::~ServerProcess() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGINT);
    const auto deadline = std::chrono::steady_clock::now() + kStopPatience;
    while (!ended()) {
        if (std::chrono::steady_clock::now() > deadline) ::kill(pid_, SIGKILL);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

bool ServerProcess::ended() {
    if (pid_ >= 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
    return pid_ < 0;
}

int ServerProcess::wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string ServerProcess::last_output() const {
    constexpr std::size_t kShownMax = 300;
    std::ifstream file(log_);
    std::ostringstream text;
    text << file.rdbuf();
    std::string all = text.str();
    if (all.size() > kShownMax) all.erase(0, all.size() - kShownMax);
    for (char& character : all)
        if (character == '\n' || character == '|') character = ' ';
    return all;
}

void run_program(const ServerProcess::Launch& launch) {
    ServerProcess process(launch);
    if (const int code = process.wait(); code != 0)
        throw Failure(launch.arguments.front() + " ended with " + std::to_string(code) + ": " + process.last_output());
}

std::filesystem::path find_program(const std::string& name, const std::vector<std::filesystem::path>& further) {
    std::vector<std::filesystem::path> folders;
    const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets it
    std::istringstream parts(path == nullptr ? "" : path);
    for (std::string part; std::getline(parts, part, ':');) folders.emplace_back(part);
    folders.insert(folders.end(), further.begin(), further.end());
    for (const auto& folder : folders)
        if (::access((folder / name).c_str(), X_OK) == 0) return folder / name;
    return {};
}

}  // namespace chronos::bench
