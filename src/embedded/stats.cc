// View::stats.
#include "base/result.h"
#include "chronos/store.h"
#include "embedded/engine.h"
#include "io/posix/posix_environment.h"
#include "store/statistics.h"

namespace chronos {

Result<Stats> View::stats() const {
    const store::Database& database = *impl_->engine->database;
    const wal::Log& log = database.log();
    ASSIGN_OR_RETURN(const store::Counts counts, store::count_view(database.indexes(), impl_->view));
    Stats stats;
    stats.database = log.database();
    stats.event_count = counts.event_count;
    stats.entity_count = counts.entity_count;
    stats.log_bytes = log.stored_bytes();
    stats.file_bytes = log.file_bytes();
    stats.segment_count = log.segment_count();
    stats.writer_epoch = log.epoch();
    stats.commits = log.counters().commits;
    stats.syncs = database.sync_durations();
    stats.spare_waits = log.counters().spare_waits;
    const bool is_direct = io::posix_file_system().durable_write() == io::DurableWrite::kDirect;
    stats.commit_method = database.is_in_memory() ? "memory" : is_direct ? "direct" : "buffered";
    if (!database.is_in_memory()) {
        const store::MemoryUse use = database.keeper().measure(log);
        stats.memory_bytes = use.total();
        stats.memory = {.heads = use.heads,
                        .files = use.files,
                        .log_tail = use.log_tail,
                        .log_waiting = use.log_waiting,
                        .working = use.working,
                        .held_parts = use.held_parts,
                        .parts = use.parts,
                        .blocks = use.blocks};
    }
    stats.memory_budget = database.memory_budget();
    stats.memory_waits = database.memory_waits();
    stats.index_files = database.keeper().file_count();
    stats.index_bytes = database.keeper().file_bytes();
    if (impl_->engine->saved != nullptr) {
        const auto sizes = impl_->engine->saved->sizes();
        stats.snapshot_files = sizes.file_count;
        stats.snapshot_bytes = sizes.file_bytes;
    }
    stats.block_loads = database.cache().loads();
    stats.scrubbed_bytes = database.scrubber().bytes();
    stats.scrub_findings = database.scrubber().findings();
    if (const store::Reclaimer* reclaimer = database.reclaimer()) {
        stats.reclaimed_bytes = log.counters().reclaimed_bytes;
        stats.reclaim_error = reclaimer->last_error();
    }
    stats.first_recorded_at = counts.first_recorded_at;
    stats.last_recorded_at = counts.last_recorded_at;
    for (const store::TypeCount& type : counts.types)
        stats.event_types.push_back({type.event_type, type.count, type.first_recorded_at, type.last_recorded_at});
    return stats;
}

}  // namespace chronos
