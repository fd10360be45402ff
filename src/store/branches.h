// The branches of a database: main, $system and forks, as the facts on $system tell of them.
//
//     $fork.created {fork, branch, parent, fork_seq, first_position, name, creator, ttl_ns}
//     $fork.extended {fork, branch, ttl_ns}     $fork.merged {fork, branch, …}
//     $fork.discarded {fork, branch}            $fork.expired {fork, branch}
//
// A fact counts for the writer when it is in the log's image, and for readers when it is published: whoever asks says
// up to which seq. Applying the same facts in the order of their seqs gives the same branches.
//
// Threads: every method from any thread; `apply` in the order of seqs. The lock is held for look-ups only.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "chronos/fork.h"
#include "event/body.h"
#include "store/layers.h"

namespace chronos::store {

/// A fork, as far as its facts tell.
struct Fork {
    event::BranchNumber number = 0;
    event::BranchNumber parent = event::kMainBranch;
    std::string id, parent_id, name, creator;
    std::uint64_t fork_seq = 0;        ///< It inherits what is below.
    std::uint64_t first_position = 0;  ///< Of its own events.
    std::uint32_t depth = 1;
    Timestamp created_at, expires_at;
    std::uint64_t created_seq = 0;
    ForkStatus status = ForkStatus::kLive;
    std::uint64_t ended_seq = 0;
    Timestamp ended_at;
    std::string merge_fact;  ///< The payload of $fork.merged.
};

/// A branch that can be read, and perhaps appended to.
struct ResolvedBranch {
    event::BranchNumber number = event::kMainBranch;
    std::string id;
    /// Up to everything that will ever be appended.
    Layers layers;
    std::optional<Timestamp> expires_at;  ///< Of a live fork.
};

/// Sees everything, published or not.
inline constexpr std::uint64_t kWritersView = ~std::uint64_t{0};

class Branches {
public:
    /// By "main", "$system", a fork's id, or the name of a live or merged fork; among what facts below `seen_seq` tell.
    ///
    /// Errors: kNotFound; kGone for a fork that was discarded or has expired, saying when.
    [[nodiscard]] Result<ResolvedBranch> resolve(std::string_view id_or_name, std::uint64_t seen_seq) const;
    /// A fork whatever became of it. Errors: kNotFound.
    [[nodiscard]] Result<Fork> find(std::string_view id_or_name, std::uint64_t seen_seq) const;
    [[nodiscard]] std::optional<Fork> find(event::BranchNumber number, std::uint64_t seen_seq) const;
    /// In the order they were made.
    [[nodiscard]] std::vector<Fork> all(std::uint64_t seen_seq) const;

    /// Whether events may be appended to a branch now. Errors: kGone, saying why not and since when.
    [[nodiscard]] Status check_live(event::BranchNumber number) const;
    /// Whether a fork may be made with this name. Errors: kAlreadyExists, kLimitExceeded.
    [[nodiscard]] Status check_room(std::string_view name, std::uint32_t live_max) const;
    /// Live forks that should have ended by `now`, at most `count_max`.
    [[nodiscard]] std::vector<Fork> due(Timestamp now, std::size_t count_max) const;
    /// When the next fork is due; nothing while there is none.
    [[nodiscard]] std::optional<Timestamp> next_due() const;
    /// Whether a fork was ever merged.
    [[nodiscard]] bool has_merges() const { return has_merges_.load(std::memory_order_acquire); }
    [[nodiscard]] event::BranchNumber next_number();

    /// Takes in an event of $system; those that are no facts about forks change nothing.
    ///
    /// Errors: kCorrupt for a fact that cannot follow those before it.
    Status apply(const event::EventBytes& event, std::uint64_t seq);

private:
    [[nodiscard]] const Fork* find_locked(std::string_view id_or_name, std::uint64_t seen_seq) const;
    [[nodiscard]] const Fork* at(event::BranchNumber number) const;
    [[nodiscard]] Layers layers_of(const Fork& fork) const;
    Status create(const event::EventBytes& event, std::uint64_t seq);
    Status change(const event::EventBytes& event, std::uint64_t seq);

    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Fork>> forks_;                    // guarded by mutex_; by number, from 2 on
    std::unordered_map<std::string_view, Fork*> by_id_;           // guarded by mutex_
    std::unordered_multimap<std::string_view, Fork*> by_name_;    // guarded by mutex_
    event::BranchNumber next_number_ = event::kSystemBranch + 1;  // guarded by mutex_
    std::set<std::pair<Timestamp, event::BranchNumber>> live_;    // guarded by mutex_; live forks by when they are due
    std::atomic<bool> has_merges_ = false;                        // release in `apply`
};

/// Payloads of the facts.
struct CreatedFact {
    std::string_view id;
    event::BranchNumber number = 0, parent = 0;
    std::uint64_t fork_seq = 0, first_position = 0;
    std::string_view name, creator;
    std::int64_t ttl_ns = 0;
};
std::string created_payload(const CreatedFact& fact);
std::string ended_payload(const Fork& fork);
std::string extended_payload(const Fork& fork, std::int64_t ttl_ns);

inline constexpr std::string_view kForkCreated = "$fork.created";
inline constexpr std::string_view kForkExtended = "$fork.extended";
inline constexpr std::string_view kForkMerged = "$fork.merged";
inline constexpr std::string_view kForkDiscarded = "$fork.discarded";
inline constexpr std::string_view kForkExpired = "$fork.expired";

/// "fork-" and 26 characters of base32 for 128 random bits.
std::string fork_id_of(std::span<const std::byte, 16> random);

/// Names that people may give: 1–128 bytes of UTF-8 without control characters, unlike an id, "main" and "$…".
Status check_fork_name(std::string_view name);

}  // namespace chronos::store
