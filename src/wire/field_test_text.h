// A test of a payload field as it is typed: '/total >= 100', of --where and of where in requests.
//
// Threads: free functions.
#pragma once

#include <string_view>

#include "chronos/read.h"

namespace chronos::wire {

/// "<pointer> <operator> <operand>"; the operand is JSON, or bare words that stand for a string;
/// "exists" has none.
///
/// Errors: kInvalidArgument, naming the part that is wrong.
Result<FieldTest> parse_field_test(std::string_view text);

}  // namespace chronos::wire
