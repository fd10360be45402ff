// What `fork create` and `fork run` are asked: where a fork begins, what it is called, how long it lives.
//
// Threads: values.
#pragma once

#include <string>

#include "app/program.h"
#include "chronos/fork.h"

namespace chronos::app {

struct ForkCreateFlags {
    std::string name, parent, at, known_at, creator;
    std::string ttl = "24h";

    void add_to(CLI::App* command);
    /// Everything but the parent, which only an open store knows.
    [[nodiscard]] Result<ForkOptions> resolve(Timestamp now) const;
};

/// Reads a length of time given to --ttl.
Result<std::int64_t> parse_ttl(const std::string& text);

/// Makes the fork that the options ask for. The parent is --from, else $CHRONOS_FORK, else main.
Result<ForkInfo> create_fork(client::Endpoint& store, const ForkCreateFlags& flags, ForkOptions options);

}  // namespace chronos::app
