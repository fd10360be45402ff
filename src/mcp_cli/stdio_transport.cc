// MCP over the standard input and output of a program: one message a line.
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "mcp/json_rpc.h"
#include "mcp_cli/transport.h"

extern char** environ;

namespace chronos::mcp_cli {
namespace {

constexpr int kAnswerWaitMs = 60'000;
constexpr std::size_t kLineBytesMax = std::size_t{16} << 20;

Error system_error(std::string_view what) {
    return base::fail(ErrorCode::kIo, std::string(what) + ": " + std::generic_category().message(errno));
}

/// The words of a command line; quotes keep spaces and are taken away.
Result<std::vector<std::string>> words_of(const std::string& command) {
    std::vector<std::string> words;
    bool is_inside = false;
    char quote = '\0';
    for (const char c : command) {
        if (quote != '\0') {
            if (c == quote)
                quote = '\0';
            else
                words.back() += c;
            continue;
        }
        if (c == ' ' || c == '\t' || c == '\n') {
            is_inside = false;
            continue;
        }
        if (!std::exchange(is_inside, true)) words.emplace_back();
        if (c == '\'' || c == '"')
            quote = c;
        else
            words.back() += c;
    }
    if (quote != '\0') return base::fail(ErrorCode::kInvalidArgument, "--command has a quote that does not end");
    if (words.empty()) return base::fail(ErrorCode::kInvalidArgument, "--command is empty");
    return words;
}

class StdioTransport final : public Transport {
public:
    StdioTransport(pid_t pid, int to_server, int from_server, std::string name)
        : pid_(pid), to_server_(to_server), from_server_(from_server), name_(std::move(name)) {}

    /// Closing its input asks the server to end; one that does not is made to.
    ~StdioTransport() override {
        ::close(to_server_);
        constexpr int kPatience = 100;
        constexpr int kStepMs = 20;
        int status = 0;
        for (int i = 0; i < kPatience; ++i) {
            if (::waitpid(pid_, &status, WNOHANG) != 0) break;
            if (i + 1 == kPatience) {
                ::kill(pid_, SIGTERM);
                ::waitpid(pid_, &status, 0);
            }
            (void)::poll(nullptr, 0, kStepMs);
        }
        ::close(from_server_);
    }
    StdioTransport(const StdioTransport&) = delete;
    StdioTransport& operator=(const StdioTransport&) = delete;

    Result<Json> request(const Json& message, const MessageHeaders& headers) override {
        RETURN_IF_ERROR(notify(message, headers));
        for (;;) {
            ASSIGN_OR_RETURN(const std::string line, next_line());
            Json answer = Json::parse(line, nullptr, false);
            if (answer.is_discarded())
                return base::fail(ErrorCode::kIo, name_ + " wrote what is no JSON: " + base::shortened(line, 100));
            const bool is_response = answer.is_object() && (answer.contains("result") || answer.contains("error"));
            if (is_response && (!answer.contains("id") || answer["id"].is_null() || answer["id"] == message["id"]))
                return answer;
        }
    }

    Status notify(const Json& message, const MessageHeaders& /*headers*/) override {
        const std::string line = mcp::text_of(message) + "\n";
        for (std::size_t written = 0; written < line.size();) {
            const ssize_t size = ::write(to_server_, line.data() + written, line.size() - written);
            if (size < 0 && errno == EINTR) continue;
            if (size < 0) return system_error("cannot write to " + name_);
            written += static_cast<std::size_t>(size);
        }
        return {};
    }

private:
    Result<std::string> next_line() {
        std::array<char, 65'536> bytes;
        for (;;) {
            if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
                std::string line = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return line;
            }
            if (buffer_.size() > kLineBytesMax)
                return base::fail(ErrorCode::kLimitExceeded, name_ + " wrote a line of more than 16 MiB");
            pollfd waits{.fd = from_server_, .events = POLLIN, .revents = 0};
            const int ready = ::poll(&waits, 1, kAnswerWaitMs);
            if (ready < 0 && errno == EINTR) continue;
            if (ready < 0) return system_error("cannot read from " + name_);
            if (ready == 0) return base::fail(ErrorCode::kIo, name_ + " did not answer within a minute");
            const ssize_t size = ::read(from_server_, bytes.data(), bytes.size());
            if (size < 0 && errno == EINTR) continue;
            if (size < 0) return system_error("cannot read from " + name_);
            if (size == 0) return base::fail(ErrorCode::kIo, name_ + " ended without an answer");
            buffer_.append(bytes.data(), static_cast<std::size_t>(size));
        }
    }

    pid_t pid_;
    int to_server_;
    int from_server_;
    std::string name_;
    std::string buffer_;
};

}  // namespace

Result<std::unique_ptr<Transport>> start_server(const std::string& command) {
    ASSIGN_OR_RETURN(std::vector<std::string> words, words_of(command));
    std::array<int, 2> input{};
    std::array<int, 2> output{};
    if (::pipe(input.data()) != 0 || ::pipe(output.data()) != 0) return system_error("cannot make a pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    for (const int fd : {input[0], input[1], output[0], output[1]}) posix_spawn_file_actions_addclose(&actions, fd);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t pid = -1;
    const int error = posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(input[0]);
    ::close(output[1]);
    if (error == 0)
        return std::unique_ptr<Transport>(std::make_unique<StdioTransport>(pid, input[1], output[0], words[0]));
    ::close(input[1]);
    ::close(output[0]);
    const ErrorCode code = error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
    return base::fail(code, "cannot run " + words[0] + ": " + std::generic_category().message(error));
}

}  // namespace chronos::mcp_cli
