// Which states are saved, and when: docs/decisions/0008-saved-states.md.
//
//     a segment has its index file ─▶ streams with 64 events or more in it are folded on from their last saved state
//     a read folded 64 events more than are saved ─▶ its state is saved too
//     the store is closed ─▶ the same for what came since
//
// A state is saved if at least 64 events, and one for each 32 bytes of it, came since the stream's last saved state, or
// if there are four times as many: so saved states take a fraction of what the log takes.
//
// Threads: `run` one at a time, beside everything else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "projection/saved_states.h"
#include "projection/snapshot_cache.h"
#include "projection/state_fold.h"
#include "store/database.h"

namespace chronos::projection {

class StateKeeper {
public:
    StateKeeper(const store::Database& database, const StateFolder& folder, SnapshotCache& cache, SavedStates& saved);

    enum class Occasion : std::uint8_t {
        kIndexed,  ///< Index files may have come.
        kClosing,  ///< Nothing is appended any more; the rest of the log counts too.
    };
    /// Saves what is worth it. Best effort: what cannot be read or written is left out.
    void run(Occasion occasion);

private:
    /// A stream with many events in a part of the log.
    struct Candidate {
        std::string entity_id;
        event::BranchNumber branch = event::kMainBranch;
        std::uint64_t hash = 0;
        std::uint64_t first_place = 0;  ///< Events of the stream in front of the part.
        std::uint64_t end_seq = 0;      ///< Of the part.
    };
    /// One run.
    class Turn;

    [[nodiscard]] std::vector<Candidate> candidates(Occasion occasion);
    static std::vector<Candidate> joined(std::vector<Candidate> found);
    void add_from_file(const index::IndexFile& file, std::vector<Candidate>& found) const;
    void add_from_memory(const index::MemoryPart& part, std::uint64_t end_seq, std::vector<Candidate>& found) const;

    const store::Database& database_;
    const StateFolder& folder_;
    SnapshotCache& cache_;
    SavedStates& saved_;
    std::uint64_t seen_seq_;  ///< Parts of the log below it were looked at, or were there before.
};

}  // namespace chronos::projection
