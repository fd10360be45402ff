// What the metadata of an event say for people: who did it, and why.
//
// Threads: functions without state.
#pragma once

#include <string>
#include <string_view>

namespace chronos::projection {

/// The string at a top-level key of an event's metadata; empty when there is none.
std::string metadata_text(std::string_view metadata, const char* key);

}  // namespace chronos::projection
