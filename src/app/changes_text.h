// What changed between two views as text for people and as JSON; the answer of `diff`.
//
// Threads: free functions.
#pragma once

#include <string>

#include "app/state_text.h"
#include "chronos/changes.h"

namespace chronos::app {

/// A heading, the fields that differ, and the events that did it.
std::string entity_change_as_text(const EntityChange& change, const ValueStyle& values);

/// "2 entities differ: 3 events added, 1 removed".
std::string changes_summary_as_text(const Changes& changes);

}  // namespace chronos::app
