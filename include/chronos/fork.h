// Forks: branches that begin as everything their parent was at one position, for trying something out.
//
//     auto fork = store->create_fork({.name = "what-if", .ttl_ns = chronos::kForkTtlDefaultNs});
//     store->append({.entity_id = "order:1", …}, {}, {.branch = fork->id});
//     auto changes = store->view({.branch = fork->id})->changes(*store->view());
//     store->merge_fork(fork->id);          // or discard_fork
//
// A fork is a fact in the log, not a copy: making one costs the same however much there is, and nothing is kept for it
// until it is written to. Reads see the parent up to the fork position, then the fork's own events; appends take the
// same conditions as on main. Wherever a branch is named, an id or the name of a live fork will do.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chronos/append.h"
#include "chronos/event.h"
#include "chronos/types.h"

namespace chronos {

inline constexpr std::int64_t kForkTtlDefaultNs = 24LL * 3'600 * 1'000'000'000;
inline constexpr std::int64_t kForkTtlMaxNs = 7 * kForkTtlDefaultNs;
/// Forks of forks: how many ancestors a fork has at most, main included.
inline constexpr std::uint32_t kForkDepthMax = 16;

struct ForkOptions {
    /// "main", or a fork's id or name.
    std::string parent = "main";
    /// At most 128 bytes, unique among live forks; empty: none.
    std::string name;
    /// Where the fork begins: the last position, or the last recorded time, that it inherits. Absent: the head.
    std::optional<Position> at;
    std::optional<Timestamp> known_at;
    std::optional<std::int64_t> known_age_ns;
    /// How long it lives unless it is extended; 1 s to kForkTtlMaxNs.
    std::int64_t ttl_ns = kForkTtlDefaultNs;
    /// Who made it, for people to read; at most 256 bytes.
    std::string creator;
};

enum class ForkStatus : std::uint8_t {
    kLive,
    kMerged,     ///< Can be read until it expires, not written.
    kDiscarded,  ///< Gone.
    kExpired,    ///< Gone.
};

/// "live", "merged", "discarded", "expired".
std::string_view fork_status_name(ForkStatus status);

struct ForkInfo {
    std::string id;  ///< "fork-" and 26 characters of base32.
    std::string name;
    std::string parent;  ///< "main" or a fork's id.
    /// The last position it inherits; absent when the parent was empty.
    std::optional<Position> fork_position;
    std::uint32_t depth = 1;  ///< Ancestors, main included.
    ForkStatus status = ForkStatus::kLive;
    std::string creator;
    Timestamp created_at;
    Timestamp expires_at;
    std::optional<Timestamp> ended_at;  ///< Merged, discarded or expired.
    /// Live, or merged and not expired since. What cannot be read gives its space back.
    bool is_readable = true;
    std::uint64_t own_event_count = 0;  ///< Appended to the fork itself.
    std::optional<Position> head;       ///< Last position, inherited ones included.
};

/// What giving back the space of forks that cannot be read came to.
struct ReclaimResult {
    std::uint64_t reclaimed_bytes = 0;  ///< Of disk.
    std::uint64_t removed_events = 0;
    std::uint64_t rewritten_segments = 0;  ///< Files of the log that were written anew.
    /// Files that go as soon as nobody reads them any more: a page holds their events.
    std::uint64_t waiting_files = 0;
    /// Forks that ended are still read: a view or a follower of this program holds them.
    bool has_held_forks = false;
};

struct ForkListOptions {
    /// Also those that were merged, discarded or have expired.
    bool with_ended = false;
};

/// What to do about an entity that stands in the way of a merge.
enum class MergeResolution : std::uint8_t {
    kSkip,   ///< Leave out the fork's events of the entity; refused if that would split a batch.
    kForce,  ///< Append them all the same; the merge records that it did.
};

struct MergeOptions {
    /// Tells what would happen and changes nothing.
    bool dry_run = false;
    /// Entities that moved on the parent are no conflict where the fork's appends carried no condition.
    bool append_if_moved = false;
    struct Entity {
        std::string entity_id;
        MergeResolution resolution = MergeResolution::kSkip;
    };
    std::vector<Entity> entities;
    /// For conflicts of all other entities; absent: they refuse the merge.
    std::optional<MergeResolution> others;
    /// Who merges, for people to read.
    std::string actor;
};

/// Why a merge is refused, and both sides of it.
struct MergeConflict {
    enum class Kind : std::uint8_t {
        kEntityMoved,     ///< The parent has events of the entity behind the fork position.
        kConditionFails,  ///< A condition of an append to the fork does not hold on the parent.
        kIdDiffers,       ///< The parent has an event with the same id and other content.
        kBatchSplit,      ///< Skipping the entity would split a batch of the fork.
    };
    Kind kind = Kind::kEntityMoved;
    std::string entity_id;  ///< Empty where a condition is about several.
    /// One sentence: what is in the way and what can be done.
    std::string message;
    Version fork_version, parent_version,
        base_version;  ///< Of the entity: now on both sides, and at the fork position.
    /// The events that meet, at most 10 of each side, and how many there are.
    std::vector<Event> fork_events, parent_events;
    std::uint64_t fork_event_count = 0, parent_event_count = 0;
};

/// "entity-moved", "condition-fails", "id-differs", "batch-split".
std::string_view merge_conflict_kind_name(MergeConflict::Kind kind);

struct MergeResult {
    /// Whether the fork is merged now; false for a dry run and when there are conflicts.
    bool merged = false;
    /// It was merged before; this is the first answer again.
    bool duplicate = false;
    std::string fork, parent;
    std::uint64_t event_count = 0;            ///< Appended to the parent, or that would be.
    std::uint64_t already_present_count = 0;  ///< The parent had them.
    std::uint64_t skipped_count = 0;
    std::uint64_t forced_count = 0;  ///< Of entities that were forced.
    std::optional<Position> first_position, last_position;
    std::optional<Timestamp> recorded_at;
    std::vector<MergeConflict> conflicts;  ///< At most 100.
    std::uint64_t conflict_count = 0;
};

}  // namespace chronos
