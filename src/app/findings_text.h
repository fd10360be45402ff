// What verify and salvage found, for people and as JSON.
//
// Threads: free functions.
#pragma once

#include <string>
#include <vector>

#include "app/output.h"
#include "chronos/store.h"

namespace chronos::app {

std::string findings_as_json(const std::vector<Finding>& findings);
/// A line for each.
void write_findings(Output& out, const std::vector<Finding>& findings);

}  // namespace chronos::app
