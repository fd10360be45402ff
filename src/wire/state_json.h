// States of entities and what made them, as JSON.
//
// Threads: free functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chronos/state.h"

namespace chronos::wire {

std::string state_as_json(const State& state, Fold fold, std::string_view view_json);
/// The event with the fields it changed.
std::string history_entry_as_json(const HistoryEntry& entry);
/// `entry`: the one that set the field; `duration_ns`: since when.
std::string field_history_as_json(const FieldHistory& field, const HistoryEntry& entry, std::int64_t duration_ns);

}  // namespace chronos::wire
