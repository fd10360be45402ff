// The names and arguments of an earlier tool server that agents may still call by.
//
// Threads: free functions.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "mcp/tool.h"

namespace chronos::mcp {

/// Each name with what makes a call of today's tools of it.
std::vector<std::pair<std::string, std::function<std::pair<std::string, Json>(const Json&)>>> old_names();

}  // namespace chronos::mcp
