// The branches of a database: main, $system and forks, as the facts on $system tell of them.
//
//     $fork.created {fork, branch, parent, fork_seq, first_position, name, creator, ttl_ns}
//     $fork.extended {fork, branch, ttl_ns}     $fork.merged {fork, branch, …}
//     $fork.discarded {fork, branch}            $fork.expired {fork, branch}
//
// A fork that was discarded or has expired is gone. One that was merged can be read until it expires, too; its events
// are on its parent. What is gone, held by nobody and inherited by no fork that can be read, may be removed.
//
// A fact counts for the writer when it is in the log's image, and for readers when it is published: whoever asks says
// up to which seq. Applying the same facts in the order of their seqs gives the same branches.
//
// Threads: every method from any thread; `apply` in the order of seqs. The lock is held for look-ups only.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
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
    /// From when on it cannot be read; of a merged one later than `ended_seq`.
    std::uint64_t gone_seq = kNeverSeq;
    Timestamp gone_at;

    [[nodiscard]] bool is_gone() const { return gone_seq != kNeverSeq; }
    static constexpr std::uint64_t kNeverSeq = ~std::uint64_t{0};
};

/// A branch that can be read, and perhaps appended to.
struct ResolvedBranch {
    event::BranchNumber number = event::kMainBranch;
    std::string id;
    /// Up to everything that will ever be appended.
    Layers layers;
    std::optional<Timestamp> expires_at;  ///< Of a live fork.
    /// As long as somebody has it, nothing of the layers is removed. Null for branches that are no forks.
    std::shared_ptr<const void> hold;
};

/// What may be removed: events of forks that are gone, from some seq on.
class RemovableForks {
public:
    RemovableForks() = default;
    RemovableForks(std::vector<bool> gone, std::unordered_map<event::BranchNumber, std::uint64_t> read_upto)
        : gone_(std::move(gone)), read_upto_(std::move(read_upto)) {}

    [[nodiscard]] bool empty() const { return std::find(gone_.begin(), gone_.end(), true) == gone_.end(); }
    /// The first seq from which on events of the branch may go; nothing for a branch of which none may.
    [[nodiscard]] std::optional<std::uint64_t> begin_seq(event::BranchNumber number) const {
        if (number >= gone_.size() || !gone_[number]) return std::nullopt;
        const auto read = read_upto_.find(number);
        return read == read_upto_.end() ? 0 : read->second;
    }
    /// Behind the highest number.
    [[nodiscard]] event::BranchNumber number_end() const { return static_cast<event::BranchNumber>(gone_.size()); }

private:
    std::vector<bool> gone_;  // by number
    std::unordered_map<event::BranchNumber, std::uint64_t> read_upto_;
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
    /// Forks that should be gone by `now`, at most `count_max`.
    [[nodiscard]] std::vector<Fork> due(Timestamp now, std::size_t count_max) const;
    /// When the next fork is due; nothing while there is none.
    [[nodiscard]] std::optional<Timestamp> next_due() const;
    /// Forks that were gone before `seen_seq`, as far as nobody reads them.
    [[nodiscard]] RemovableForks removable(std::uint64_t seen_seq) const;
    /// Grows whenever more may have become removable.
    [[nodiscard]] std::uint64_t removable_changes() const {
        return holds_->removable_changes.load(std::memory_order_acquire);
    }
    /// Whether forks that are gone stay because somebody reads them, when `removable` last looked.
    [[nodiscard]] bool has_held() const;
    /// Whether a fork was ever merged.
    [[nodiscard]] bool has_merges() const { return has_merges_.load(std::memory_order_acquire); }
    [[nodiscard]] event::BranchNumber next_number();

    // What need not be read, or kept, for ever. Forks that are gone, and not among the ancestors of others, are
    // forgotten: what they were is told by their facts alone.

    /// What facts below a seq came to.
    struct State {
        std::uint64_t end_seq = 0;
        event::BranchNumber next_number = event::kSystemBranch + 1;
        bool has_merges = false;
        std::vector<Fork> forks;  ///< That are not forgotten, in the order they were made.
        std::vector<bool> gone;   ///< By number.
    };
    /// As of `end_seq`; nothing while a fact is not published.
    [[nodiscard]] std::optional<State> state_at(std::uint64_t end_seq, std::uint64_t published_seq) const;
    /// Goes on from there; facts from `end_seq` on may follow. Requires: nothing was applied.
    /// Errors: kCorrupt: nothing has changed.
    Status restore(State state);
    /// Forgets forks that were gone before `end_seq`.
    void forget(std::uint64_t end_seq);
    [[nodiscard]] bool has_forgotten() const { return has_forgotten_.load(std::memory_order_acquire); }
    /// Whether there was a fork of that number which is gone, forgotten or not.
    [[nodiscard]] bool was_gone(event::BranchNumber number) const;
    /// Facts that were read.
    [[nodiscard]] std::uint64_t applied_count() const { return applied_count_.load(std::memory_order_relaxed); }

    /// What one fact after the other says of a fork, without any others: no parent's id, no depth.
    /// Errors: kCorrupt, kUnsupported.
    static Status tell(std::optional<Fork>& fork, const event::EventBytes& event, std::uint64_t seq);

    /// Takes in an event of $system; those that are no facts about forks change nothing.
    ///
    /// Errors: kCorrupt for a fact that cannot follow those before it.
    Status apply(const event::EventBytes& event, std::uint64_t seq);

private:
    [[nodiscard]] const Fork* find_locked(std::string_view id_or_name, std::uint64_t seen_seq) const;
    [[nodiscard]] const Fork* at(event::BranchNumber number) const;
    [[nodiscard]] Layers layers_of(const Fork& fork) const;
    /// Which forks are being read. Views and pages may outlive what they were made from.
    struct Holds {
        std::mutex mutex;
        std::unordered_map<event::BranchNumber, std::uint64_t> counts;  // guarded by mutex
        std::set<event::BranchNumber> in_the_way;                       // guarded by mutex; gone, but held
        std::atomic<std::uint64_t> removable_changes = 0;               // release by who changes something

        void release(event::BranchNumber number);
    };
    [[nodiscard]] std::shared_ptr<const void> hold(event::BranchNumber number) const;
    Status create(const event::EventBytes& event, std::uint64_t seq);
    Status change(const event::EventBytes& event, std::uint64_t seq);
    [[nodiscard]] const char* fault_of(const Fork& fork) const;
    void enter(Fork fork);
    void note_gone(const Fork& fork);
    [[nodiscard]] bool forget(const Fork& fork);

    mutable std::mutex mutex_;
    std::unordered_map<event::BranchNumber, std::unique_ptr<Fork>> forks_;  // guarded by mutex_; by number
    std::unordered_map<std::string_view, Fork*> by_id_;                     // guarded by mutex_
    std::unordered_multimap<std::string_view, Fork*> by_name_;              // guarded by mutex_
    event::BranchNumber next_number_ = event::kSystemBranch + 1;            // guarded by mutex_
    std::set<std::pair<Timestamp, event::BranchNumber>> due_;  // guarded by mutex_; forks that are not gone
    std::size_t live_count_ = 0;                               // guarded by mutex_
    std::atomic<bool> has_merges_ = false;                     // release in `apply`
    const std::shared_ptr<Holds> holds_ = std::make_shared<Holds>();
    std::vector<bool> gone_;                            // guarded by mutex_; by number, forgotten ones too
    std::vector<event::BranchNumber> to_be_forgotten_;  // guarded by mutex_; gone, in forks_
    std::unordered_map<event::BranchNumber, std::uint32_t> child_counts_;  // guarded by mutex_; of forks in forks_
    std::uint64_t end_of_facts_ = 0;                                       // guarded by mutex_; behind the last fact
    std::atomic<bool> has_forgotten_ = false;
    std::atomic<std::uint64_t> applied_count_ = 0;
};

/// Why a fork cannot be read, or not written to.
Error gone_error(const Fork& fork);

/// The tag of the fact that makes a fork with a name: how a forgotten one is found by it.
std::string name_tag(std::string_view name);

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
