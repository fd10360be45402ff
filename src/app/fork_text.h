// Forks as text for people and as JSON.
//
// Threads: free functions.
#pragma once

#include <string>

#include "app/output.h"
#include "chronos/fork.h"

namespace chronos::app {

/// "fork-… (what-if)", or the id alone.
std::string fork_title(const ForkInfo& fork);
/// "expires in 23h 59m", or how and when it ended.
std::string fork_life_text(const ForkInfo& fork, Timestamp now);
/// "main at position 41", "main, which was empty".
std::string fork_begin_text(const ForkInfo& fork);
/// What `fork show` says, a line for each field.
std::string fork_as_text(const ForkInfo& fork, const Style& style, Timestamp now);

}  // namespace chronos::app
