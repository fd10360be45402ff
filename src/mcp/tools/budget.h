// The last look at an answer: it keeps to its budget, whatever is stored and whatever was asked.
//
// A tool leaves rows out by itself and says where to go on. What one row has may still be too long; then its longest
// values are cut, shorter and shorter, until the answer fits.
//
// Threads: free functions.
#pragma once

#include <cstddef>

#include "mcp/tool.h"

namespace chronos::mcp {

/// max_tokens of the arguments, or what it is without it, as bytes. The arguments were taken before.
std::size_t budget_of(const Json& arguments);

/// Cuts values until the answer fits, and says so (`values_cut`, `complete`). Rows and the cursor stay.
void keep_to_budget(Json& answer, std::size_t bytes_max);

}  // namespace chronos::mcp
