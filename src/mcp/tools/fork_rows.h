// Forks and merges as answers tell of them.
//
// Threads: free functions.
#pragma once

#include "chronos/fork.h"
#include "mcp/tool.h"

namespace chronos::mcp {

/// Everything but name and creator, which whoever made it wrote.
Json fork_json(const ForkInfo& fork);

/// What was or would be appended, and how much is in the way.
Json merge_json(const MergeResult& result);
/// Both sides of what is in the way, at most `count_max` of it. Untrusted.
Json conflicts_json(const MergeResult& result, std::size_t count_max);

}  // namespace chronos::mcp
