// What a fork changed.
//
// Threads: free functions.
#pragma once

#include <string>

#include "chronos/store.h"

namespace chronos::wire {

/// Against its parent as it was at the fork position, whatever became of the parent since.
///
/// Errors: kGone — the fork was discarded or has expired; kInvalidArgument.
Result<Changes> changes_of_fork(const Store& store, const ForkInfo& fork, const ChangesOptions& options = {});

/// Against the head of another branch. Errors: as above.
Result<Changes> changes_against(const Store& store, const ForkInfo& fork, const std::string& branch,
                                const ChangesOptions& options = {});

}  // namespace chronos::wire
