// Counts and sizes of a store as JSON.
//
// Threads: free functions.
#pragma once

#include <string>
#include <string_view>

#include "chronos/store.h"

namespace chronos::wire {

std::string event_type_as_json(const EventTypeCount& type);
std::string stats_as_json(const Stats& stats, std::string_view view_json);

}  // namespace chronos::wire
