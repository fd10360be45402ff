#include "conformance/program_runner.h"

#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace chronos::conformance {
namespace {

/// The environment without what would change how the program answers.
std::vector<char*> clean_environment() {
    std::vector<char*> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        if (!std::string_view(*variable).starts_with("CHRONOS_")) variables.push_back(*variable);
    }
    variables.push_back(nullptr);
    return variables;
}

}  // namespace

std::string program_path() {
    if (const char* path = std::getenv("CHRONOS_PROGRAM"); path != nullptr) return path;
#ifdef CHRONOS_PROGRAM
    return CHRONOS_PROGRAM;
#else
    return std::filesystem::canonical("/proc/self/exe").parent_path() / "chronos";
#endif
}

Answer run_program(const std::string& program, const std::vector<std::string>& arguments,
                   const std::filesystem::path& directory, const std::string& input) {
    std::array<std::array<int, 2>, 3> pipes{};
    for (auto& fds : pipes) EXPECT_EQ(::pipe(fds.data()), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
    posix_spawn_file_actions_adddup2(&actions, pipes[0][0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes[1][1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes[2][1], STDERR_FILENO);
    for (const auto& fds : pipes)
        for (const int fd : fds) posix_spawn_file_actions_addclose(&actions, fd);
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    std::vector<char*> variables = clean_environment();
    pid_t pid = -1;
    EXPECT_EQ(posix_spawnp(&pid, program.c_str(), &actions, nullptr, argv.data(), variables.data()), 0) << program;
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipes[0][0]);
    ::close(pipes[1][1]);
    ::close(pipes[2][1]);

    // Inputs of these tests fit into a pipe, so they are written at once.
    ::signal(SIGPIPE, SIG_IGN);
    EXPECT_LE(input.size(), 60'000U);
    if (::write(pipes[0][1], input.data(), input.size()) < 0) { /* it did not want to read */
    }
    ::close(pipes[0][1]);

    Answer answer;
    std::array<pollfd, 2> watched{pollfd{pipes[1][0], POLLIN, 0}, pollfd{pipes[2][0], POLLIN, 0}};
    while (watched[0].fd >= 0 || watched[1].fd >= 0) {
        ::poll(watched.data(), watched.size(), -1);
        for (std::size_t i = 0; i < watched.size(); ++i) {
            if (watched[i].fd < 0 || watched[i].revents == 0) continue;
            std::array<char, 65536> buffer{};
            const ssize_t size = ::read(watched[i].fd, buffer.data(), buffer.size());
            if (size > 0) {
                (i == 0 ? answer.out : answer.errors).append(buffer.data(), static_cast<std::size_t>(size));
            } else {
                ::close(watched[i].fd);
                watched[i].fd = -1;
            }
        }
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    answer.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return answer;
}

void ProgramTest::SetUp() {
    std::string name = (std::filesystem::temp_directory_path() / "chronos-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
}

void ProgramTest::TearDown() { std::filesystem::remove_all(directory_); }

Answer ProgramTest::chronos(std::vector<std::string> arguments, const std::string& input) {
    // Behind the command's own words, so that groups like `import git` get it too.
    const bool is_group =
        !arguments.empty() && (arguments[0] == "import" || arguments[0] == "bench" || arguments[0] == "fork");
    const auto after = arguments.begin() + std::min<std::ptrdiff_t>(is_group ? 2 : 1, std::ssize(arguments));
    if (std::find(arguments.begin(), arguments.end(), "--dir") == arguments.end())
        arguments.insert(after, {"--dir", "data"});
    return run_program(program_path(), arguments, directory_, input);
}

std::string ProgramTest::expect_ok(std::vector<std::string> arguments, const std::string& input) {
    std::string command;
    for (const std::string& argument : arguments) command += " " + argument;
    const Answer answer = chronos(std::move(arguments), input);
    EXPECT_EQ(answer.exit_code, 0) << "chronos" << command << "\n" << answer.errors;
    return answer.out;
}

void ProgramTest::write_file(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name, std::ios::binary) << text;
}

std::string ProgramTest::read_file(const std::string& name) const {
    std::ifstream file(directory_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string last_line(const std::string& text) {
    if (text.size() < 2) return text;
    const std::size_t begin = text.rfind('\n', text.size() - 2);
    return text.substr(begin == std::string::npos ? 0 : begin + 1,
                       text.size() - 1 - (begin == std::string::npos ? 0 : begin + 1));
}

std::size_t line_count(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace chronos::conformance
