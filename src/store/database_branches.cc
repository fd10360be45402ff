// Database: which branches there are. Those that can be read, and their ancestors, are in memory (branches.h); what the
// others were is read from their facts when somebody asks.
#include <array>

#include "base/result.h"
#include "store/database.h"
#include "store/fork_table.h"
#include "store/stream.h"

namespace chronos::store {
namespace {

constexpr std::string_view kForkEntity = "$fork:";

/// Calls `visit` with the facts on $system with begin_seq ≤ seq < end_seq, in order, until it answers an error.
Status for_each_fact(const IndexSet& indexes, std::uint64_t begin_seq, std::uint64_t end_seq,
                     const std::function<Status(const event::EventBytes&, std::uint64_t)>& visit) {
    const Layers system(Layer{.branch = event::kSystemBranch, .end_seq = kWritersView});
    Reader reader(indexes);
    Status status;
    for_each_range(indexes, system, {.begin = begin_seq, .end = end_seq}, [&](const SeqRange& range) {
        for (std::uint64_t seq = range.begin; seq < range.end && status.ok(); ++seq) {
            const std::byte* at = reader.event(seq);
            if (at == nullptr) return false;
            status = visit(event::EventBytes(at), seq);
        }
        return status.ok();
    });
    RETURN_IF_ERROR(reader.status());
    return status;
}

TableSegment table_segment(const index::IndexedSegment& segment) {
    return {.number = segment.number, .last_crc = segment.last_crc, .salt = segment.salt};
}

}  // namespace

/// Facts about forks, behind what the table of forks knows; and whether what forks hold fits them.
Status Database::load_branches() {
    RETURN_IF_ERROR(
        for_each_fact(*indexes_, fork_table_seq_, next_seq_,
                      [&](const event::EventBytes& fact, std::uint64_t seq) { return branches_.apply(fact, seq); }));
    for (event::BranchNumber number = event::kSystemBranch + 1; number < indexes_->branch_end(); ++number) {
        const index::BranchRuns* runs = indexes_->runs(number);
        if (runs == nullptr) continue;
        const auto fork = branches_.find(number, kWritersView);
        if (fork ? runs->first_position() == fork->first_position : branches_.was_gone(number)) continue;
        return base::fail(ErrorCode::kCorrupt, "the log has events of a fork that was never made, or not there");
    }
    return {};
}

/// Goes on from the table of forks, if it is of this log and the index files reach so far.
void Database::restore_forks(const std::string& folder) {
    auto table = read_fork_table(env_.files, folder + "/index", database_);
    if (!table.ok()) return;
    const std::uint64_t end_seq = table->state.end_seq;
    const auto parts = indexes_->parts();
    for (const FilePart& part : parts->files) {
        for (const index::IndexedSegment& segment : part.file->segments()) {
            const bool is_its_end = segment.end_seq == end_seq && table_segment(segment) == table->segment;
            if (!is_its_end) continue;
            if (branches_.restore(std::move(table->state)).ok()) fork_table_seq_ = end_seq;
            return;
        }
    }
}

/// Once enough facts came since the last one. Best effort: without it opening takes longer.
void Database::save_forks(std::uint64_t fact_count_min) {
    if (options_.in_memory) return;
    const auto parts = indexes_->parts();
    const index::BranchRuns* facts = indexes_->runs(event::kSystemBranch);
    if (parts->files.empty() || facts == nullptr) return;
    const std::uint64_t end_seq = parts->files_end();
    if (end_seq <= fork_table_seq_) return;
    const std::uint64_t count = facts->positions_below(end_seq) - facts->positions_below(fork_table_seq_);
    if (count < std::max<std::uint64_t>(fact_count_min, 1)) return;
    auto state = branches_.state_at(end_seq, published_seq());
    if (!state) return;
    const ForkTable table{.state = std::move(*state),
                          .segment = table_segment(parts->files.back().file->segments().back())};
    if (!write_fork_table(env_.files, keeper_->directory(), table, database_).ok()) return;
    fork_table_seq_ = end_seq;
    branches_.forget(end_seq);
}

/// A fork of that id or name that was forgotten, as far as facts below `seen_seq` tell; nothing if there was none.
Result<std::optional<Fork>> Database::forgotten_fork(std::string_view id_or_name, std::uint64_t seen_seq) const {
    std::optional<Fork> fork;
    if (!branches_.has_forgotten()) return fork;
    Reader reader(*indexes_);
    const Layer system{.branch = event::kSystemBranch, .end_seq = seen_seq};
    std::string id(id_or_name);
    if (!id.starts_with("fork-")) {
        // The last one of that name.
        const std::string tag = name_tag(id_or_name);
        indexes_->catch_up(seen_seq);
        const auto named = posting_key(*indexes_, index::KeyKind::kTag, system, tag);
        std::array<std::uint64_t, 1> seqs{};
        if (last_seqs(reader, *named, seen_seq, seqs) == 0) {
            RETURN_IF_ERROR(reader.status());
            return fork;
        }
        const std::byte* at = reader.event(seqs[0]);
        if (at == nullptr) return reader.status().error();
        id = event::EventBytes(at).entity().substr(kForkEntity.size());
    }
    const std::string entity = std::string(kForkEntity) + id;
    const auto stream = Stream::find(*indexes_, Layers(system), entity);
    if (!stream) return fork;
    for (StreamCursor cursor(reader, *stream, {.end_seq = seen_seq}); !cursor.done(); cursor.next()) {
        const std::byte* at = reader.event(cursor.get());
        if (at == nullptr) break;
        RETURN_IF_ERROR(Branches::tell(fork, event::EventBytes(at), cursor.get()));
    }
    RETURN_IF_ERROR(reader.status());
    return fork;
}

Result<ResolvedBranch> Database::resolve(std::string_view id_or_name, std::uint64_t seen_seq) const {
    auto branch = branches_.resolve(id_or_name, seen_seq);
    if (branch.ok() || branch.error().code != ErrorCode::kNotFound) return branch;
    ASSIGN_OR_RETURN(const std::optional<Fork> fork, forgotten_fork(id_or_name, seen_seq));
    return fork && fork->is_gone() ? Result<ResolvedBranch>(gone_error(*fork)) : std::move(branch);
}

Result<Fork> Database::find_fork(std::string_view id_or_name, std::uint64_t seen_seq) const {
    auto found = branches_.find(id_or_name, seen_seq);
    if (found.ok() || found.error().code != ErrorCode::kNotFound) return found;
    ASSIGN_OR_RETURN(const std::optional<Fork> fork, forgotten_fork(id_or_name, seen_seq));
    if (!fork) return found;
    if (fork->parent == event::kMainBranch) {
        Fork of_main = *fork;
        of_main.parent_id = "main";
        return of_main;
    }
    // Its parent may be forgotten, too.
    ASSIGN_OR_RETURN(const std::vector<Fork> all, all_forks(true, seen_seq));
    const auto same = std::find_if(all.begin(), all.end(), [&](const Fork& other) { return other.id == fork->id; });
    return same == all.end() ? found : Result<Fork>(*same);
}

Result<std::vector<Fork>> Database::all_forks(bool with_ended, std::uint64_t seen_seq) const {
    std::vector<Fork> forks = branches_.all(seen_seq);
    if (with_ended && branches_.has_forgotten()) {
        Branches told;
        RETURN_IF_ERROR(for_each_fact(*indexes_, 0, seen_seq, [&](const event::EventBytes& fact, std::uint64_t seq) {
            return told.apply(fact, seq);
        }));
        forks = told.all(seen_seq);
    }
    if (!with_ended) std::erase_if(forks, [](const Fork& fork) { return fork.status != ForkStatus::kLive; });
    return forks;
}

}  // namespace chronos::store
