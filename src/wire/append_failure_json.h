// Why an append was refused, as JSON.
//
// Threads: free functions.
#pragma once

#include <string>

#include "chronos/append.h"
#include "json/writer.h"

namespace chronos::wire {

/// "any", "none", "exists" or the number.
std::string expected_version_text(const ExpectedVersion& expected);
/// conflicts, known_ids, unknown_ids, event_ids: those that there are.
void write_append_failure(json::ObjectWriter& writer, const AppendFailure& failure);

}  // namespace chronos::wire
