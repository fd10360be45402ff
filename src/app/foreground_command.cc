#include "app/foreground_command.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>

#include "base/result.h"

namespace chronos::app {
namespace {

/// The command that runs; 0: none.
std::atomic<pid_t> running = 0;
static_assert(std::atomic<pid_t>::is_always_lock_free, "a signal handler takes no lock");

void hand_on(int signal) {
    if (const pid_t pid = running.load(); pid > 0) ::kill(pid, signal);
}

/// While it lives, signals of the keyboard are ignored here and SIGTERM goes to the command.
class SignalsForCommand {
public:
    SignalsForCommand() {
        struct sigaction ignore{};
        ignore.sa_handler = SIG_IGN;
        struct sigaction forward{};
        forward.sa_handler = hand_on;
        for (std::size_t i = 0; i < kSignals.size(); ++i)
            sigaction(kSignals[i], kSignals[i] == SIGTERM ? &forward : &ignore, &before_[i]);
    }
    ~SignalsForCommand() {
        for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
    }
    SignalsForCommand(const SignalsForCommand&) = delete;
    SignalsForCommand& operator=(const SignalsForCommand&) = delete;

private:
    static constexpr std::array<int, 3> kSignals{SIGINT, SIGQUIT, SIGTERM};
    std::array<struct sigaction, 3> before_{};
};

std::vector<char*> environment_with(const std::vector<std::string>& variables) {
    const auto is_set_anew = [&variables](std::string_view entry) {
        const std::string_view name = entry.substr(0, entry.find('='));
        for (const std::string& variable : variables)
            if (std::string_view(variable).substr(0, variable.find('=')) == name) return true;
        return false;
    };
    std::vector<char*> entries;
    for (char** entry = environ; *entry != nullptr; ++entry)
        if (!is_set_anew(*entry)) entries.push_back(*entry);
    for (const std::string& variable : variables) entries.push_back(const_cast<char*>(variable.c_str()));
    entries.push_back(nullptr);
    return entries;
}

int spawn(const std::vector<std::string>& words, const std::vector<std::string>& variables, pid_t& pid) {
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGXFSZ}) sigaddset(&defaults, signal);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    std::vector<char*> environment = environment_with(variables);
    const int error = posix_spawnp(&pid, arguments[0], nullptr, &attributes, arguments.data(), environment.data());
    posix_spawnattr_destroy(&attributes);
    return error;
}

}  // namespace

Result<int> run_in_foreground(const std::vector<std::string>& words, const std::vector<std::string>& variables) {
    const SignalsForCommand signals;
    pid_t pid = -1;
    if (const int error = spawn(words, variables, pid); error != 0) {
        const bool is_missing = error == ENOENT;
        return base::fail(is_missing ? ErrorCode::kNotFound : ErrorCode::kIo,
                          is_missing ? "there is no program " + words.front()
                                     : "cannot run " + words.front() + ": " + std::generic_category().message(error));
    }
    running.store(pid);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
        if (errno == EINTR) continue;
        running.store(0);
        return base::fail(ErrorCode::kIo,
                          "cannot wait for " + words.front() + ": " + std::generic_category().message(errno));
    }
    running.store(0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace chronos::app
