// The answer of a merge as text for people and as JSON: what went in, or both sides of what is in the way.
//
// Threads: free functions.
#pragma once

#include <string>

#include "app/output.h"
#include "chronos/fork.h"

namespace chronos::app {

/// Conflicts stand in the way, and nothing was changed.
bool is_refused(const MergeResult& result);

/// Several lines; for a refused merge with the options that resolve it.
std::string merge_as_text(const MergeResult& result, bool was_dry_run, const Style& style);

}  // namespace chronos::app
