// Prompts: ways of working with the store that a person can start by name.
//
// Threads: free functions.
#pragma once

#include <vector>

#include "mcp/tool.h"

namespace chronos::mcp {

std::vector<Prompt> store_prompts();

}  // namespace chronos::mcp
