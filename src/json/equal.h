// Whether two JSON texts stand for the same value.
//
// Threads: free functions.
#pragma once

#include <string_view>

namespace chronos::json {

/// Compares as values: spacing, key order, escapes and the way a number is written do not matter
/// (1 == 1.0 == 1e0, exactly, for integers of any length). Text that is not valid JSON, or is
/// nested deeper than kDepthMax, equals only the same bytes.
bool equal_as_values(std::string_view a, std::string_view b);

/// The same for text that is known to be valid, without checking it again.
bool equal_valid_values(std::string_view a, std::string_view b);

}  // namespace chronos::json
