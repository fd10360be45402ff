// JSON text laid out for people: nothing but white space changes, so numbers stay as they were
// written.
//
// Threads: free functions.
#pragma once

#include <string>
#include <string_view>

namespace chronos::app {

/// Objects and arrays over several lines, indented by two. Requires: `text` is valid JSON.
std::string pretty_json(std::string_view text);

}  // namespace chronos::app
