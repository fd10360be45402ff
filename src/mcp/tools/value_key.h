// One text for all ways to write one JSON value, by which values are counted as the same or told apart.
//
// Use:
//     canonical_json("1.0") == canonical_json("1")    // "1"
//     canonical_json(R"("1")")                        // "\"1\"", which is another value
//
// Threads: free functions.
#pragma once

#include <string>
#include <string_view>

namespace chronos::mcp {

/// Numbers by value, strings by what they say, members of objects by name. JSON itself.
///
/// Requires: `value` is valid JSON.
std::string canonical_json(std::string_view value);

}  // namespace chronos::mcp
