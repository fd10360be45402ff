// JSON text laid out for people: white space changes, and what would steer a terminal is written as
// \uXXXX; everything else, numbers too, stays as it was written.
//
// Threads: free functions.
#pragma once

#include <string>
#include <string_view>

namespace chronos::app {

/// Objects and arrays over several lines, indented by two. Requires: `text` is valid JSON.
std::string pretty_json(std::string_view text);

}  // namespace chronos::app
