// What changed between two views, entity by entity: the events that differ (view_difference.h) and what they make of
// the states.
//
// Threads: functions without state.
#pragma once

#include "chronos/changes.h"
#include "projection/state_fold.h"
#include "store/view.h"

namespace chronos::projection {

/// What a merge took over is no difference between a fork and its parent.
///
/// Cost:   the events that differ, and two folds of each entity listed. Memory: 8 bytes for each entity that differs,
///         and what is listed.
/// Errors: kLimitExceeded; those of reading and folding.
Result<Changes> find_changes(const store::Database& database, const StateFolder& folder,
                             const store::PinnedView& before, const store::PinnedView& after,
                             const ChangesOptions& options);

}  // namespace chronos::projection
