// What a view resolved to, as every answer echoes it.
//
// Threads: free functions.
#pragma once

#include <string>

#include "chronos/read.h"

namespace chronos::wire {

/// The view as JSON: branch, expires_at of a fork, at, known_at, as_of, settled.
std::string view_as_json(const ViewInfo& info);

}  // namespace chronos::wire
