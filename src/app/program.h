// What every command is given: the common options, where to write, and the world outside.
//
// Use:
//     void add_stats_command(CLI::App& parent, Program& program) {
//         auto* command = add_command(parent, program, {.name = "stats", .about = "...", .example =
//         "chronos stats"}); on_chosen(command, program, [](Program& p) -> Result<int> { ... });
//     }
//
// Threads: one.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/output.h"
#include "chronos/store.h"
#include "client/endpoint.h"
#include "io/posix/posix_environment.h"

namespace chronos::app {

/// Understood by every command.
struct CommonOptions {
    std::string directory;
    bool directory_was_given = false;  ///< By --dir; set before the command runs.
    bool directory_was_named = false;  ///< By --dir or CHRONOS_DIR.
    /// Of a server, instead of the directory; and what it takes to be let in.
    std::string url, api_key_file, ca_file;
    bool json = false;
    bool quiet = false;
    bool no_color = false;
    /// Bytes; 0: what the library chooses.
    std::uint64_t memory_budget = 0;
    std::uint32_t fork_limit = 0;  ///< The same.
};

/// Where the store of a command may be.
enum class Reach : std::uint8_t {
    kEither,       ///< In a directory or behind a server.
    kFiles,        ///< In a directory: a URL is refused, CHRONOS_URL too unless --dir is given.
    kOwnFiles,     ///< The same, and CHRONOS_URL is about other commands: one serves, or makes its own store.
    kOwnOrServer,  ///< The same, but a server may be named on the command line.
};

struct Program {
    CommonOptions common;
    Output out;
    io::Environment world = io::posix_environment();
    /// The chosen command appends, so an error of it says what is known of the append.
    bool appends = false;
    Reach reach = Reach::kEither;  ///< Of the chosen command.
    /// What the command line asked for; answers the exit code.
    std::function<Result<int>(Program&)> chosen;

    [[nodiscard]] Timestamp now() const { return {world.clock.wall_ns()}; }
    /// Style of standard output.
    [[nodiscard]] Style style() const;
    /// Says something on standard error that is no error; silent with --quiet and --json.
    void note(std::string_view text) const;
    /// Whether a progress bar would be seen.
    [[nodiscard]] bool shows_progress() const;
};

struct CommandText {
    std::string name;
    std::string about;
    /// One or more command lines, shown under the help.
    std::string example;
    bool appends = false;
    Reach reach = Reach::kEither;
};

/// --dir, --url, --api-key-file, --ca-file, --json, --quiet, --no-color, --memory-budget, --fork-limit.
void add_common_options(CLI::App& app, CommonOptions& options);

/// What the command line left out, from the environment; --dir comes before CHRONOS_URL. Once, after parsing.
///
/// Errors: kInvalidArgument: a variable cannot be read; --dir and --url, or a URL and a command that needs files.
Status complete_common_options(CommonOptions& options, Reach reach);

/// Adds a command with the common options.
CLI::App* add_command(CLI::App& parent, Program& program, const CommandText& text);
void on_chosen(CLI::App* command, Program& program, std::function<Result<int>(Program&)> run);

/// The store that the common options name: in a directory, where it must be there, or behind a server.
///
/// Errors: kNotFound, saying how to make one; kInvalidArgument.
Result<std::unique_ptr<client::Endpoint>> open_endpoint(Program& program);
/// For what a program of its own does beside the store: the address and credential. Requires: common.url.
Result<client::ClientOptions> client_options(const Program& program);

/// Opens a store that must be there, in a directory. Errors: kNotFound, saying how to make one.
Result<Store> open_for_reading(Program& program, OpenOptions options = {});
/// Opens a store, or makes it and says so.
Result<Store> open_for_writing(Program& program, OpenOptions options = {});

/// The variable, if it is set to anything.
std::optional<std::string> environment_variable(const char* name);

}  // namespace chronos::app
