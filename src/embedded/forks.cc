// Store: forks. The work is done by store::Database.
#include "base/result.h"
#include "chronos/store.h"
#include "embedded/engine.h"

namespace chronos {
namespace {

Error closed() { return base::fail(ErrorCode::kClosed, "the store is closed"); }

ForkInfo info_of(const store::Database& database, const store::Fork& fork) {
    ForkInfo info;
    info.id = fork.id;
    info.name = fork.name;
    info.parent = fork.parent_id;
    if (fork.first_position > 0) info.fork_position = info.head = Position{fork.first_position - 1};
    info.depth = fork.depth;
    info.status = fork.status;
    info.creator = fork.creator;
    info.created_at = fork.created_at;
    info.expires_at = fork.expires_at;
    if (fork.status != ForkStatus::kLive) info.ended_at = fork.ended_at;
    info.is_readable = !fork.is_gone();
    const index::BranchRuns* runs = database.indexes().runs(fork.number);
    const std::uint64_t end = runs == nullptr ? 0 : runs->positions_below(database.published_seq());
    if (end > fork.first_position) {
        info.own_event_count = end - fork.first_position;
        info.head = Position{end - 1};
    }
    return info;
}

}  // namespace

Result<ForkInfo> Store::create_fork(const ForkOptions& options) {
    if (impl_ == nullptr) return closed();
    ASSIGN_OR_RETURN(const store::Fork fork, impl_->engine->database->create_fork(options));
    return info_of(*impl_->engine->database, fork);
}

Result<ForkInfo> Store::fork(std::string_view id_or_name) const {
    if (impl_ == nullptr) return closed();
    const store::Database& database = *impl_->engine->database;
    ASSIGN_OR_RETURN(const store::Fork fork, database.find_fork(id_or_name, database.published_seq()));
    return info_of(database, fork);
}

Result<std::vector<ForkInfo>> Store::forks(const ForkListOptions& options) const {
    if (impl_ == nullptr) return closed();
    const store::Database& database = *impl_->engine->database;
    std::vector<ForkInfo> infos;
    ASSIGN_OR_RETURN(const std::vector<store::Fork> forks,
                     database.all_forks(options.with_ended, database.published_seq()));
    for (const store::Fork& fork : forks) infos.push_back(info_of(database, fork));
    return infos;
}

Result<ForkInfo> Store::extend_fork(std::string_view id_or_name, std::int64_t ttl_ns) {
    if (impl_ == nullptr) return closed();
    ASSIGN_OR_RETURN(const store::Fork fork, impl_->engine->database->extend_fork(id_or_name, ttl_ns));
    return info_of(*impl_->engine->database, fork);
}

Result<ForkInfo> Store::discard_fork(std::string_view id_or_name) {
    if (impl_ == nullptr) return closed();
    ASSIGN_OR_RETURN(const store::Fork fork, impl_->engine->database->discard_fork(id_or_name));
    return info_of(*impl_->engine->database, fork);
}

Result<MergeResult> Store::merge_fork(std::string_view id_or_name, const MergeOptions& options) {
    if (impl_ == nullptr) return closed();
    return impl_->engine->database->merge_fork(id_or_name, options);
}

Result<ReclaimResult> Store::reclaim_forks(const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
    if (impl_ == nullptr) return closed();
    ASSIGN_OR_RETURN(const store::Reclaimed reclaimed, impl_->engine->database->reclaim(on_progress));
    return ReclaimResult{.reclaimed_bytes = reclaimed.bytes,
                         .removed_events = reclaimed.events,
                         .rewritten_segments = reclaimed.segments,
                         .waiting_files = reclaimed.waiting_segments,
                         .has_held_forks = reclaimed.has_held_forks};
}

}  // namespace chronos
