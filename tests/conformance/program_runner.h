// Runs the program `chronos` as a user would, without a shell, and keeps what it said.
//
// Threads: one.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace chronos::conformance {

struct Answer {
    int exit_code = -1;
    std::string out;
    std::string errors;
};

/// The program under test.
std::string program_path();

/// Runs `program` with `arguments` in `directory` and `input` on its standard input.
Answer run_program(const std::string& program, const std::vector<std::string>& arguments,
                   const std::filesystem::path& directory, const std::string& input = {});

/// A test that has the program and a fresh directory.
class ProgramTest : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    /// Runs `chronos <arguments>` with --dir data after the command's own words.
    Answer chronos(std::vector<std::string> arguments, const std::string& input = {});
    /// The same, and expects that it succeeds; answers what it wrote.
    std::string expect_ok(std::vector<std::string> arguments, const std::string& input = {});
    void write_file(const std::string& name, const std::string& text) const;
    [[nodiscard]] std::string read_file(const std::string& name) const;

    std::filesystem::path directory_;
};

/// The last line of a text, without its end.
std::string last_line(const std::string& text);
/// How many lines there are.
std::size_t line_count(const std::string& text);

}  // namespace chronos::conformance
