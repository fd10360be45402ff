// States of entities and what made them, as JSON.
//
// Threads: free functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "chronos/state.h"

namespace chronos::wire {

std::string state_as_json(const State& state, Fold fold, std::string_view view_json);
/// The event with the fields it changed.
std::string history_entry_as_json(const HistoryEntry& entry);
/// Since when a field has its value, and for how long.
struct FieldSpan {
    std::optional<std::int64_t> duration_ns;  ///< Absent: it was set late, and that cannot be said.
    bool is_set_late = false;                 ///< It counts from when it was recorded, not from when it occurred.
};
/// `entry`: the one that set the field.
std::string field_history_as_json(const FieldHistory& field, const HistoryEntry& entry, const FieldSpan& span);

}  // namespace chronos::wire
