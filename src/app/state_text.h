// States and histories as text for people and as JSON; the answers of `state`, `history` and
// `demo`.
//
// Threads: free functions.
#pragma once

#include <string>

#include "app/output.h"
#include "chronos/read.h"
#include "chronos/state.h"

namespace chronos::app {

std::string state_as_json(const State& state, Fold fold, const ViewInfo& view);
/// "version 2 of order:1, 2 events, last 2026-01-01T00:00:00Z".
std::string state_title(const State& state);

std::string history_entry_as_json(const HistoryEntry& entry);
/// The event on one line and each field it changed on another.
std::string history_entry_as_text(const HistoryEntry& entry, const Style& style, std::size_t width);

}  // namespace chronos::app
