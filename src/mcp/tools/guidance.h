// What there is to know about keeping events, by subject: the part of advice that holds for every store.
//
// Threads: free functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mcp/tool.h"

namespace chronos::mcp {

/// The subjects that a question touches, at most `count_max`, as rows {subject, text}. `question` in lower case.
Json guidance_for(std::string_view question, std::size_t count_max);

/// Whether one of `words` (separated by '|') stands in the question. Ends in '*': a word that begins so.
bool mentions(std::string_view question, std::string_view words);

}  // namespace chronos::mcp
