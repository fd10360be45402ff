// The option --fork: which branch a command acts on.
//
// Use:
//     ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
//     ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, *endpoint, flags.fork));
//     ASSIGN_OR_RETURN(const auto view, endpoint->view({.branch = branch.name}));
//
// Threads: values; one.
#pragma once

#include <optional>
#include <string>

#include "app/program.h"
#include "chronos/fork.h"

namespace chronos::app {

/// --fork, else the variable CHRONOS_FORK, else main.
struct ForkFlag {
    std::string fork;

    CLI::Option* add_to(CLI::App* command);
    /// What was asked for; "main" if nothing was.
    [[nodiscard]] std::string text() const;
};

struct Branch {
    std::string name = "main";  ///< "main" or the id of a fork.
    std::optional<Timestamp> expires_at;
};

/// The fork that `text` means: its id, the name of a live one, or the start of an id, "fork-x" at least, that no other
/// has. Live forks come before those that have ended.
///
/// Errors: kNotFound; kInvalidArgument — several start so; the message lists them.
Result<ForkInfo> find_fork(const client::Endpoint& store, const std::string& text);

/// The same for what may also be "main". Answers "main" or the id of a fork.
Result<std::string> find_branch(const client::Endpoint& store, const std::string& text);

/// The branch that the option means. Says so on standard error when it is a fork.
///
/// Errors: as find_fork.
Result<Branch> choose_branch(Program& program, const client::Endpoint& store, const ForkFlag& flag);

/// The store to append to a branch of; one that is not there is made only for main, and only in a directory.
Result<std::unique_ptr<client::Endpoint>> open_for_writing(Program& program, const ForkFlag& flag, OpenOptions options);

}  // namespace chronos::app
