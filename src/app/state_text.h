// States and histories as text for people and as JSON; the answers of `state`, `history`, `diff` and `demo`.
//
// Threads: free functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/output.h"
#include "app/program.h"
#include "chronos/read.h"
#include "chronos/state.h"
#include "wire/state_json.h"

namespace chronos::app {

/// "version 2 of order:1, 2 events, last 2026-01-01T00:00:00Z".
std::string state_title(const State& state);

/// The event on one line with who did it and how long after the one before, and each field it changed on another.
std::string history_entry_as_text(const HistoryEntry& entry, const Style& style, std::size_t width);

/// How values are shown: 0 for their whole width.
struct ValueStyle {
    Style style;
    std::size_t width = 0;
};
/// Values are cut only for a terminal.
ValueStyle value_style(const Program& program);
/// "  /paid: false → true".
std::string change_as_text(std::string_view pointer, const std::optional<std::string>& before,
                           const std::optional<std::string>& after, const ValueStyle& values);

std::string field_history_as_text(const FieldHistory& field, const HistoryEntry& entry, const wire::FieldSpan& span,
                                  const ValueStyle& values);

/// "12.3 ms", "45s", "6d 23h". Requires: not negative.
std::string length_text(std::int64_t ns);

}  // namespace chronos::app
