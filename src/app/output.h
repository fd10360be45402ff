// What the program writes for its caller: buffered standard output whose failures are noticed, and
// text styles.
//
// Threads: one.
#pragma once

#include <string>
#include <string_view>

#include "chronos/result.h"

namespace chronos::app {

/// Standard output. A failed write is remembered; what is written after it is dropped.
class Output {
public:
    void write(std::string_view text);
    void line(std::string_view text);

    /// Errors: kIo or kNoSpace, of this or an earlier write.
    Status flush();

    /// Nothing written from now on arrives: time to stop.
    [[nodiscard]] bool broken() const { return error_number_ != 0; }
    /// It broke because nobody reads any more, as in `chronos query | head`.
    [[nodiscard]] bool reader_left() const;

private:
    std::string buffer_;
    int error_number_ = 0;
};

/// Writes to standard error at once; failures are ignored, there is nowhere left to report them.
void write_to_stderr(std::string_view text);

/// Colours and weights of a terminal, or nothing.
struct Style {
    bool enabled = false;

    [[nodiscard]] std::string bold(std::string_view text) const { return wrapped("1", text); }
    [[nodiscard]] std::string dim(std::string_view text) const { return wrapped("2", text); }
    [[nodiscard]] std::string red(std::string_view text) const { return wrapped("31", text); }
    [[nodiscard]] std::string green(std::string_view text) const { return wrapped("32", text); }
    [[nodiscard]] std::string cyan(std::string_view text) const { return wrapped("36", text); }

private:
    [[nodiscard]] std::string wrapped(std::string_view code, std::string_view text) const;
};

}  // namespace chronos::app
