// Counts over a view.
//
// Threads: functions without state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/view.h"

namespace chronos::store {

struct TypeCount {
    std::string event_type;
    std::uint64_t count = 0;
    Timestamp first_recorded_at, last_recorded_at;
};

struct Counts {
    std::uint64_t event_count = 0;
    std::uint64_t entity_count = 0;
    std::vector<TypeCount> types;  ///< Most frequent first.
    std::optional<Timestamp> first_recorded_at, last_recorded_at;
};

/// Cost: by the number of entities and types; with as_of by the number of events.
/// Errors: kIo, kCorrupt.
Result<Counts> count_view(const IndexSet& indexes, const PinnedView& view);

}  // namespace chronos::store
