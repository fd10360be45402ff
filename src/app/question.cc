#include "app/question.h"

#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <optional>
#include <string>

#include "app/terminal.h"

namespace chronos::app {
namespace {

constexpr int kAttemptsMax = 5;

/// A line of standard input; nothing at its end. Reads byte by byte, so that nothing behind the line is taken.
std::optional<std::string> read_line() {
    std::string line;
    for (;;) {
        char byte = 0;
        const ssize_t size = ::read(STDIN_FILENO, &byte, 1);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return std::nullopt;
        if (byte == '\n') return line;
        if (line.size() < 100) line += byte;
    }
}

}  // namespace

bool can_ask(const Program& program) {
    return !program.common.json && is_terminal(Stream::kInput) && is_terminal(Stream::kErrors);
}

char ask(std::string_view question, std::string_view letters, char otherwise) {
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        write_to_stderr(harmless_lines(question) + " ");
        const std::optional<std::string> line = read_line();
        if (!line || line->empty()) return otherwise;
        const char letter = static_cast<char>(std::tolower(static_cast<unsigned char>(line->front())));
        if (letters.find(letter) != std::string_view::npos) return letter;
    }
    return otherwise;
}

}  // namespace chronos::app
