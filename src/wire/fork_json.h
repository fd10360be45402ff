// Forks as JSON.
//
// Threads: free functions.
#pragma once

#include <string>

#include "chronos/fork.h"

namespace chronos::wire {

/// Every field; null where there is none.
std::string fork_as_json(const ForkInfo& fork);

}  // namespace chronos::wire
