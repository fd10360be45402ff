#include "wire/fork_changes.h"

#include "base/result.h"

namespace chronos::wire {
namespace {

/// Where the fork began, seen on `branch`: on its parent, or on the fork itself, which inherits the same.
ViewOptions begin_of(const ForkInfo& fork, const std::string& branch) {
    ViewOptions options{.branch = branch, .at = fork.fork_position};
    // The parent was empty, and no position says that; nothing was recorded in 1970.
    if (!fork.fork_position) options.known_at = Timestamp{0};
    return options;
}

}  // namespace

Result<Changes> changes_of_fork(const Store& store, const ForkInfo& fork, const ChangesOptions& options) {
    ASSIGN_OR_RETURN(const View after, store.view({.branch = fork.id}));
    Result<View> before = store.view(begin_of(fork, fork.parent));
    if (!before.ok() && before.error().code == ErrorCode::kGone) before = store.view(begin_of(fork, fork.id));
    if (!before.ok()) return std::move(before).error();
    return after.changes(*before, options);
}

Result<Changes> changes_against(const Store& store, const ForkInfo& fork, const std::string& branch,
                                const ChangesOptions& options) {
    ASSIGN_OR_RETURN(const View after, store.view({.branch = fork.id}));
    ASSIGN_OR_RETURN(const View before, store.view({.branch = branch}));
    return after.changes(before, options);
}

}  // namespace chronos::wire
