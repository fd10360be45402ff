// The answer of a merge as JSON: what went in, or both sides of what is in the way.
//
// Threads: free functions.
#pragma once

#include <string>

#include "chronos/fork.h"

namespace chronos::wire {

std::string merge_as_json(const MergeResult& result, bool was_dry_run);

}  // namespace chronos::wire
