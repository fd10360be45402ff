// Another program, run without a shell, whose output is read as it comes.
//
// Threads: one.
#pragma once

#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "app/input.h"

namespace chronos::app {

class Subprocess final : public ByteSource {
public:
    /// Starts `arguments[0]`, looked up on the PATH, with nothing on its standard input. The
    /// environment is this one's without GIT_DIR and its kin, and with LC_ALL=C.
    ///
    /// Errors: kNotFound — there is no such program; kIo.
    static Result<std::unique_ptr<Subprocess>> start(const std::vector<std::string>& arguments);
    /// Ends the program if it still runs.
    ~Subprocess() override;
    Subprocess(const Subprocess&) = delete;
    Subprocess& operator=(const Subprocess&) = delete;

    /// Standard output; 0 when the program closed it.
    Result<std::size_t> read(std::span<char> out) override;
    /// Waits for the end. Errors: kInvalidArgument with what it wrote on standard error, if it
    /// failed.
    Status finish();

private:
    Subprocess(pid_t pid, int output_fd, int errors_fd, std::string name);
    void take_errors();

    pid_t pid_;
    int output_fd_;
    int errors_fd_;
    std::string name_;
    std::string errors_;
};

/// Runs a program whose output is small and answers that, without white space at the end. Errors:
/// as above.
Result<std::string> run_and_read(const std::vector<std::string>& arguments);

}  // namespace chronos::app
