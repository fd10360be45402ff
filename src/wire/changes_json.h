// What changed between two views, as JSON.
//
// Threads: free functions.
#pragma once

#include <string>

#include "chronos/changes.h"

namespace chronos::wire {

std::string entity_change_as_json(const EntityChange& change);
/// All of it: a list of entities and the summary.
std::string changes_as_json(const Changes& changes);
/// `{"summary":{…}}`.
std::string changes_summary_as_json(const Changes& changes);

}  // namespace chronos::wire
