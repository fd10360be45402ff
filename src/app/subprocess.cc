#include "app/subprocess.h"

#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "app/interrupt.h"
#include "base/result.h"

namespace chronos::app {
namespace {

/// What is kept of a program's complaints.
constexpr std::size_t kErrorsSizeMax = 4096;
constexpr std::size_t kAnswerSizeMax = std::size_t{1} << 20;

struct Pipe {
    int read_fd = -1;
    int write_fd = -1;
};

Result<Pipe> make_pipe() {
    std::array<int, 2> fds{};
    if (::pipe(fds.data()) != 0)
        return base::fail(ErrorCode::kIo, "cannot make a pipe: " + std::generic_category().message(errno));
    return Pipe{fds[0], fds[1]};
}

/// This process's environment, less what would lead git to another repository than the one asked
/// for.
std::vector<char*> child_environment() {
    static char locale[] = "LC_ALL=C";
    static char no_locks[] = "GIT_OPTIONAL_LOCKS=0";
    std::vector<char*> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view text(*variable);
        const bool misleads = text.starts_with("GIT_DIR=") || text.starts_with("GIT_WORK_TREE=") ||
                              text.starts_with("GIT_INDEX_FILE=") || text.starts_with("LC_ALL=");
        if (!misleads) variables.push_back(*variable);
    }
    variables.push_back(locale);
    variables.push_back(no_locks);
    variables.push_back(nullptr);
    return variables;
}

int spawn(const std::vector<std::string>& arguments, const Pipe& output, const Pipe& errors, pid_t& pid) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
    posix_spawn_file_actions_adddup2(&actions, output.write_fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors.write_fd, STDERR_FILENO);
    for (const int fd : {output.read_fd, output.write_fd, errors.read_fd, errors.write_fd})
        posix_spawn_file_actions_addclose(&actions, fd);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGXFSZ);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);

    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    std::vector<char*> variables = child_environment();
    const int error = posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), variables.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

}  // namespace

Subprocess::Subprocess(pid_t pid, int output_fd, int errors_fd, std::string name)
    : pid_(pid), output_fd_(output_fd), errors_fd_(errors_fd), name_(std::move(name)) {}

Result<std::unique_ptr<Subprocess>> Subprocess::start(const std::vector<std::string>& arguments) {
    ASSIGN_OR_RETURN(const Pipe output, make_pipe());
    ASSIGN_OR_RETURN(const Pipe errors, make_pipe());
    pid_t pid = -1;
    const int error = spawn(arguments, output, errors, pid);
    ::close(output.write_fd);
    ::close(errors.write_fd);
    if (error == 0) {
        return std::unique_ptr<Subprocess>(new Subprocess(pid, output.read_fd, errors.read_fd, arguments.front()));
    }
    ::close(output.read_fd);
    ::close(errors.read_fd);
    if (error == ENOENT)
        return base::fail(ErrorCode::kNotFound,
                          "the program " + arguments.front() + " is needed and is not on the PATH");
    return base::fail(ErrorCode::kIo,
                      "cannot run " + arguments.front() + ": " + std::generic_category().message(error));
}

Subprocess::~Subprocess() {
    ::close(output_fd_);
    ::close(errors_fd_);
    if (pid_ < 0) return;
    ::kill(pid_, SIGTERM);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

void Subprocess::take_errors() {
    std::array<char, 1024> buffer{};
    const ssize_t size = ::read(errors_fd_, buffer.data(), buffer.size());
    if (size > 0 && errors_.size() < kErrorsSizeMax) errors_.append(buffer.data(), static_cast<std::size_t>(size));
    if (size <= 0) {
        ::close(errors_fd_);
        errors_fd_ = -1;
    }
}

Result<std::size_t> Subprocess::read(std::span<char> out) {
    for (;;) {
        std::array<pollfd, 2> watched{pollfd{output_fd_, POLLIN, 0}, pollfd{errors_fd_, POLLIN, 0}};
        if (::poll(watched.data(), watched.size(), -1) < 0) {
            if (errno != EINTR)
                return base::fail(ErrorCode::kIo, name_ + ": " + std::generic_category().message(errno));
            if (interrupted_by() != 0) return std::size_t{0};
            continue;
        }
        if (watched[1].revents != 0) take_errors();
        if (watched[0].revents == 0) continue;
        const ssize_t size = ::read(output_fd_, out.data(), out.size());
        if (size >= 0) return static_cast<std::size_t>(size);
        if (errno != EINTR) return base::fail(ErrorCode::kIo, name_ + ": " + std::generic_category().message(errno));
    }
}

Status Subprocess::finish() {
    while (errors_fd_ >= 0) take_errors();
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) {
        if (errno != EINTR) return base::fail(ErrorCode::kIo, name_ + ": " + std::generic_category().message(errno));
    }
    pid_ = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    while (!errors_.empty() && (errors_.back() == '\n' || errors_.back() == ' ')) errors_.pop_back();
    return base::fail(ErrorCode::kInvalidArgument, name_ + ": " + (errors_.empty() ? "it failed" : errors_));
}

Result<std::string> run_and_read(const std::vector<std::string>& arguments) {
    ASSIGN_OR_RETURN(const auto process, Subprocess::start(arguments));
    std::string text;
    std::array<char, 4096> buffer{};
    while (text.size() < kAnswerSizeMax) {
        ASSIGN_OR_RETURN(const std::size_t size, process->read(buffer));
        if (size == 0) break;
        text.append(buffer.data(), size);
    }
    RETURN_IF_ERROR(process->finish());
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
}

}  // namespace chronos::app
