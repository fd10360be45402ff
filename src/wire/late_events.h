// Late events of an entity: those appended after one that occurred later.
//
// Threads: free functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "chronos/state.h"

namespace chronos::wire {

/// Of a history in either order. The same as State::late_events.
std::uint64_t count_late_events(std::span<const HistoryEntry> entries);

/// Whether an event that occurred later had changed the field before, so that in the order of occurrence it would have
/// another value: this one is known to be so only since it was recorded.
bool is_set_late(std::span<const HistoryEntry> entries, const FieldHistory& field);

/// What it means, and what to do about it. Requires: not 0.
std::string late_events_hint(std::uint64_t count);

}  // namespace chronos::wire
