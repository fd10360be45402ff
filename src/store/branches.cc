#include "store/branches.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>

#include "base/assert.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "base/utf8.h"
#include "json/pointer.h"
#include "json/scan.h"
#include "json/writer.h"

namespace chronos {

std::string_view fork_status_name(ForkStatus status) {
    switch (status) {
        case ForkStatus::kLive: return "live";
        case ForkStatus::kMerged: return "merged";
        case ForkStatus::kDiscarded: return "discarded";
        case ForkStatus::kExpired: return "expired";
    }
    return "";
}

}  // namespace chronos

namespace chronos::store {
namespace {

constexpr std::size_t kNameSizeMax = 128;
/// Of what a fact may say; far more than the store lets in.
constexpr std::size_t kTextSizeMax = 1'024;
/// Numbers that were taken for forks which then could not be made.
constexpr std::uint32_t kNumbersLeftOutMax = 100'000;
constexpr std::string_view kIdPrefix = "fork-";
constexpr std::string_view kMainName = "main";
constexpr std::string_view kSystemName = "$system";

std::optional<std::uint64_t> number_in(std::string_view payload, const char* field) {
    const auto value = json::find_value(payload, {{.key = field}});
    std::uint64_t number = 0;
    if (!value) return std::nullopt;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
    return error == std::errc() && end == value->data() + value->size() ? std::optional(number) : std::nullopt;
}

std::string text_in(std::string_view payload, const char* field) {
    const auto value = json::find_value(payload, {{.key = field}});
    std::string scratch;
    if (!value || !value->starts_with('"')) return "";
    return std::string(json::unescaped(json::string_body(*value), scratch));
}

Timestamp recorded_at_of(const event::EventBytes& event) {
    return {base::load<std::int64_t>(event.body() + offsetof(event::BodyHeader, recorded_at))};
}

Error bad_fact(const event::EventBytes& event, const char* what) {
    return base::fail(ErrorCode::kCorrupt, "the fact " + std::string(event.type()) + " " +
                                               base::shortened(event.payload(), 200) + " " + what);
}

/// For readers that do not know yet how a fork ended.
ForkStatus status_seen(const Fork& fork, std::uint64_t seen_seq) {
    return fork.ended_seq < seen_seq ? fork.status : ForkStatus::kLive;
}

Fork as_seen(const Fork& fork, std::uint64_t seen_seq) {
    Fork seen = fork;
    seen.status = status_seen(fork, seen_seq);
    if (fork.gone_seq >= seen_seq) seen.gone_seq = Fork::kNeverSeq;
    return seen;
}

}  // namespace

Error gone_error(const Fork& fork) {
    // Without its name: somebody wrote it, and messages are read as the words of the store.
    const std::string who = "fork " + fork.id;
    if (fork.status == ForkStatus::kMerged && fork.is_gone())
        return base::fail(ErrorCode::kGone, who + " was merged at " + fork.ended_at.to_string() +
                                                " and could be read until " + fork.gone_at.to_string() +
                                                "; its events are on its parent");
    if (fork.status == ForkStatus::kMerged)
        return base::fail(ErrorCode::kGone,
                          who + " was merged at " + fork.ended_at.to_string() +
                              "; it can be read, not written: append to its parent, or make a new fork");
    const std::string_view how = fork.status == ForkStatus::kExpired ? " expired at " : " was discarded at ";
    return base::fail(ErrorCode::kGone, who + std::string(how) + fork.ended_at.to_string() + "; make a new fork");
}

std::string name_tag(std::string_view name) { return "name:" + std::string(name); }

std::string fork_id_of(std::span<const std::byte, 16> random) {
    constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";  // Crockford's: nothing to misread
    std::string id(kIdPrefix);
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const std::byte byte : random) {
        bits = bits << 8 | static_cast<std::uint32_t>(byte);
        for (count += 8; count >= 5; count -= 5) id += kAlphabet[bits >> (count - 5) & 31];
    }
    id += kAlphabet[bits << (5 - count) & 31];
    return id;
}

Status check_fork_name(std::string_view name) {
    const auto refuse = [&](const char* why) {
        return base::fail(ErrorCode::kInvalidArgument, "fork name '" + base::shortened(name, 40) + "' " + why);
    };
    if (name.size() > kNameSizeMax) return refuse("is longer than 128 bytes");
    if (name == kMainName || name.starts_with('$')) return refuse("is that of a branch of the system");
    if (name.starts_with(kIdPrefix))
        return refuse("looks like the id of a fork; choose one that does not start with 'fork-'");
    if (!base::is_utf8(name)) return refuse("is not valid UTF-8");
    const bool has_control =
        std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    if (has_control) return refuse("has a control character");
    if (!name.empty() && (name.front() == ' ' || name.back() == ' ')) return refuse("starts or ends with a space");
    return {};
}

std::string created_payload(const CreatedFact& fact) {
    std::string payload;
    json::ObjectWriter(payload)
        .field("fork", fact.id)
        .field("branch", fact.number)
        .field("parent", fact.parent)
        .field("fork_seq", fact.fork_seq)
        .field("first_position", fact.first_position)
        .field("name", fact.name)
        .field("creator", fact.creator)
        .field("ttl_ns", fact.ttl_ns)
        .end();
    return payload;
}

std::string ended_payload(const Fork& fork) {
    std::string payload;
    json::ObjectWriter(payload).field("fork", fork.id).field("branch", fork.number).end();
    return payload;
}

std::string extended_payload(const Fork& fork, std::int64_t ttl_ns) {
    std::string payload;
    json::ObjectWriter(payload).field("fork", fork.id).field("branch", fork.number).field("ttl_ns", ttl_ns).end();
    return payload;
}

// --- asking ----------------------------------------------------------------------------------------

const Fork* Branches::at(event::BranchNumber number) const {
    const auto found = forks_.find(number);
    return found == forks_.end() ? nullptr : found->second.get();
}

/// A fork of that id; or of that name: a live one before those that ended, of those the last.
const Fork* Branches::find_locked(std::string_view id_or_name, std::uint64_t seen_seq) const {
    const Fork* found = nullptr;
    if (const auto by_id = by_id_.find(id_or_name); by_id != by_id_.end()) {
        found = by_id->second;
    } else {
        const auto [begin, end] = by_name_.equal_range(id_or_name);
        for (auto candidate = begin; candidate != end; ++candidate) {
            const Fork* fork = candidate->second;
            if (fork->created_seq >= seen_seq) continue;
            const auto rank = [&](const Fork* of) {
                return std::pair(status_seen(*of, seen_seq) == ForkStatus::kLive, of->created_seq);
            };
            if (found == nullptr || rank(fork) > rank(found)) found = fork;
        }
    }
    return found != nullptr && found->created_seq < seen_seq ? found : nullptr;
}

Layers Branches::layers_of(const Fork& fork) const {
    const Fork* parent = at(fork.parent);
    const Layers inherited =
        parent != nullptr ? layers_of(*parent) : Layers({.branch = fork.parent, .end_seq = kWritersView});
    const std::uint64_t fork_seq = base::is_planted(base::Bug::kForkSeesLater) ? kWritersView : fork.fork_seq;
    return inherited.forked_at(fork_seq,
                               {.branch = fork.number, .end_seq = kWritersView, .first_position = fork.first_position});
}

Result<ResolvedBranch> Branches::resolve(std::string_view id_or_name, std::uint64_t seen_seq) const {
    if (id_or_name == kMainName || id_or_name == kSystemName) {
        const event::BranchNumber number = id_or_name == kMainName ? event::kMainBranch : event::kSystemBranch;
        return ResolvedBranch{.number = number,
                              .id = std::string(id_or_name),
                              .layers = Layers({.branch = number, .end_seq = kWritersView}),
                              .expires_at = {}};
    }
    const std::lock_guard lock(mutex_);
    const Fork* fork = find_locked(id_or_name, seen_seq);
    if (fork == nullptr)
        return base::fail(ErrorCode::kNotFound, "there is no branch '" + base::shortened(id_or_name, 140) + "'");
    if (fork->gone_seq < seen_seq) return gone_error(*fork);
    const bool is_live = status_seen(*fork, seen_seq) == ForkStatus::kLive;
    return ResolvedBranch{.number = fork->number,
                          .id = fork->id,
                          .layers = layers_of(*fork),
                          .expires_at = is_live ? std::optional(fork->expires_at) : std::nullopt,
                          .hold = hold(fork->number)};
}

void Branches::Holds::release(event::BranchNumber number) {
    const std::lock_guard lock(mutex);
    const auto held = counts.find(number);
    if (--held->second > 0) return;
    counts.erase(held);
    if (in_the_way.erase(number) > 0) removable_changes.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const void> Branches::hold(event::BranchNumber number) const {
    {
        const std::lock_guard lock(holds_->mutex);
        ++holds_->counts[number];
    }
    return {nullptr, [holds = holds_, number](std::nullptr_t) { holds->release(number); }};
}

bool Branches::has_held() const {
    const std::lock_guard lock(holds_->mutex);
    return !holds_->in_the_way.empty();
}

RemovableForks Branches::removable(std::uint64_t seen_seq) const {
    const std::lock_guard lock(mutex_);
    const std::lock_guard holding(holds_->mutex);
    std::vector<bool> gone = gone_;
    // Where what can be read ends in each branch that it reads through.
    std::unordered_map<event::BranchNumber, std::uint64_t> read_upto;
    for (const auto& [number, fork] : forks_) {
        const bool is_gone = fork->gone_seq < seen_seq;
        const bool is_held = holds_->counts.contains(number);
        if (base::is_planted(base::Bug::kReclaimLivingFork)) {
            gone.resize(std::max<std::size_t>(gone.size(), number + std::size_t{1}));
            gone[number] = true;
            continue;
        }
        if (is_gone && !is_held) continue;
        if (is_gone) holds_->in_the_way.insert(number);
        if (number < gone.size()) gone[number] = false;
        const Layers layers = layers_of(*fork);
        for (const Layer& layer : layers.all()) {
            if (base::is_planted(base::Bug::kReclaimInherited) && layer.branch != number) continue;
            std::uint64_t& end = read_upto[layer.branch];
            end = std::max(end, layer.end_seq);
        }
    }
    return {std::move(gone), std::move(read_upto)};
}

Result<Fork> Branches::find(std::string_view id_or_name, std::uint64_t seen_seq) const {
    const std::lock_guard lock(mutex_);
    const Fork* fork = find_locked(id_or_name, seen_seq);
    if (fork == nullptr)
        return base::fail(ErrorCode::kNotFound, "there is no fork '" + base::shortened(id_or_name, 140) + "'");
    return as_seen(*fork, seen_seq);
}

std::optional<Fork> Branches::find(event::BranchNumber number, std::uint64_t seen_seq) const {
    const std::lock_guard lock(mutex_);
    const Fork* fork = at(number);
    if (fork == nullptr || fork->created_seq >= seen_seq) return std::nullopt;
    return as_seen(*fork, seen_seq);
}

std::vector<Fork> Branches::all(std::uint64_t seen_seq) const {
    const std::lock_guard lock(mutex_);
    std::vector<Fork> found;
    for (const auto& [number, fork] : forks_)
        if (fork->created_seq < seen_seq) found.push_back(as_seen(*fork, seen_seq));
    std::sort(found.begin(), found.end(), [](const Fork& a, const Fork& b) { return a.created_seq < b.created_seq; });
    return found;
}

Status Branches::check_live(event::BranchNumber number) const {
    if (number <= event::kSystemBranch) return {};
    const std::lock_guard lock(mutex_);
    const Fork* fork = at(number);
    if (fork == nullptr && number < gone_.size() && gone_[number])
        return base::fail(ErrorCode::kGone, "the fork has ended; make a new one");
    if (fork == nullptr) return base::fail(ErrorCode::kNotFound, "there is no such fork");
    return fork->status == ForkStatus::kLive ? Status() : gone_error(*fork);
}

Status Branches::check_room(std::string_view name, std::uint32_t live_max) const {
    const std::lock_guard lock(mutex_);
    if (live_count_ >= live_max)
        return base::fail(ErrorCode::kLimitExceeded, std::to_string(live_count_) +
                                                         " forks are live, as many as fork_limit "
                                                         "allows; discard or merge some");
    const Fork* same = name.empty() ? nullptr : find_locked(name, kWritersView);
    if (same != nullptr && same->status == ForkStatus::kLive)
        return base::fail(ErrorCode::kAlreadyExists, "fork " + same->id + " is called '" + std::string(name) +
                                                         "'; choose another name, or discard it");
    return {};
}

std::vector<Fork> Branches::due(Timestamp now, std::size_t count_max) const {
    const std::lock_guard lock(mutex_);
    std::vector<Fork> found;
    for (const auto& [expires_at, number] : due_) {
        if (expires_at > now || found.size() == count_max) break;
        found.push_back(*at(number));
    }
    return found;
}

std::optional<Timestamp> Branches::next_due() const {
    const std::lock_guard lock(mutex_);
    return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
}

event::BranchNumber Branches::next_number() {
    const std::lock_guard lock(mutex_);
    return next_number_++;
}

// --- facts -----------------------------------------------------------------------------------------

Status Branches::apply(const event::EventBytes& event, std::uint64_t seq) {
    if (!event.type().starts_with("$fork.")) return {};
    applied_count_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    end_of_facts_ = seq + 1;
    return event.type() == kForkCreated ? create(event, seq) : change(event, seq);
}

Status Branches::tell(std::optional<Fork>& fork, const event::EventBytes& event, std::uint64_t seq) {
    const std::string_view payload = event.payload();
    const Timestamp recorded_at = recorded_at_of(event);
    const auto ttl_ns = number_in(payload, "ttl_ns");
    const bool has_ttl = ttl_ns && *ttl_ns <= std::uint64_t{kForkTtlMaxNs} * 2;
    if (recorded_at.ns > std::numeric_limits<std::int64_t>::max() - 2 * kForkTtlMaxNs)
        return bad_fact(event, "has a time that cannot be");
    if (event.type() == kForkCreated) {
        const auto number = number_in(payload, "branch");
        const auto parent = number_in(payload, "parent");
        const auto fork_seq = number_in(payload, "fork_seq");
        const auto first_position = number_in(payload, "first_position");
        if (fork || !number || !parent || !fork_seq || !first_position || !has_ttl)
            return bad_fact(event, "lacks a field");
        if (*number > event::kBranchMax || *parent > event::kBranchMax)
            return bad_fact(event, "has a number that cannot be");
        fork.emplace();
        fork->number = static_cast<event::BranchNumber>(*number);
        fork->parent = static_cast<event::BranchNumber>(*parent);
        fork->id = text_in(payload, "fork");
        fork->name = text_in(payload, "name");
        fork->creator = text_in(payload, "creator");
        fork->fork_seq = *fork_seq;
        fork->first_position = *first_position;
        fork->created_at = recorded_at;
        fork->expires_at = {recorded_at.ns + static_cast<std::int64_t>(*ttl_ns)};
        fork->created_seq = seq;
        return {};
    }
    const bool ends_merged =
        fork && event.type() == kForkExpired && fork->status == ForkStatus::kMerged && !fork->is_gone();
    if (!fork || (fork->status != ForkStatus::kLive && !ends_merged)) return bad_fact(event, "is about no live fork");
    if (event.type() == kForkExtended) {
        if (!has_ttl) return bad_fact(event, "lacks a time to live");
        fork->expires_at = {recorded_at.ns + static_cast<std::int64_t>(*ttl_ns)};
        return {};
    }
    if (!ends_merged) {
        if (event.type() == kForkMerged) {
            fork->status = ForkStatus::kMerged;
        } else if (event.type() == kForkDiscarded) {
            fork->status = ForkStatus::kDiscarded;
        } else if (event.type() == kForkExpired) {
            fork->status = ForkStatus::kExpired;
        } else {
            return base::fail(
                ErrorCode::kUnsupported,
                "the store has facts about forks that this version does not know: " + std::string(event.type()));
        }
        fork->ended_seq = seq;
        fork->ended_at = recorded_at;
    }
    if (event.type() == kForkMerged) return {};
    fork->gone_seq = seq;
    fork->gone_at = recorded_at;
    return {};
}

/// Why a fork cannot be beside those that are known; null if it can.
const char* Branches::fault_of(const Fork& fork) const {
    if (fork.number <= event::kSystemBranch || fork.number > event::kBranchMax || at(fork.number) != nullptr ||
        fork.number > next_number_ + std::uint64_t{kNumbersLeftOutMax})
        return "has a number that cannot be";
    const Fork* parent = at(fork.parent);
    if ((parent == nullptr && fork.parent != event::kMainBranch) || fork.fork_seq > fork.created_seq)
        return "has no such parent";
    if (fork.id.empty() || fork.id.size() > kTextSizeMax || by_id_.contains(fork.id)) return "has an id that cannot be";
    if (fork.name.size() > kTextSizeMax || fork.creator.size() > kTextSizeMax) return "has a text that is too long";
    if (parent != nullptr && parent->depth >= kForkDepthMax) return "has too many ancestors";
    return nullptr;
}

/// Requires: fault_of says nothing.
void Branches::enter(Fork fork) {
    const Fork* parent = at(fork.parent);
    fork.parent_id = parent == nullptr ? std::string(kMainName) : parent->id;
    fork.depth = parent == nullptr ? 1 : parent->depth + 1;
    if (parent != nullptr) ++child_counts_[fork.parent];
    next_number_ = std::max(next_number_, fork.number + 1);
    const event::BranchNumber number = fork.number;
    auto owned = std::make_unique<Fork>(std::move(fork));
    by_id_[owned->id] = owned.get();
    if (!owned->name.empty()) by_name_.emplace(owned->name, owned.get());
    if (owned->status == ForkStatus::kLive) ++live_count_;
    if (owned->is_gone()) {
        note_gone(*owned);
    } else {
        due_.emplace(owned->expires_at, number);
    }
    forks_[number] = std::move(owned);
}

void Branches::note_gone(const Fork& fork) {
    if (gone_.size() <= fork.number) gone_.resize(fork.number + std::size_t{1});
    gone_[fork.number] = true;
    to_be_forgotten_.push_back(fork.number);
    holds_->removable_changes.fetch_add(1, std::memory_order_release);
}

Status Branches::create(const event::EventBytes& event, std::uint64_t seq) {
    std::optional<Fork> fork;
    RETURN_IF_ERROR(tell(fork, event, seq));
    const bool was_there = fork->number < gone_.size() && gone_[fork->number];
    if (const char* fault = was_there ? "has a number that cannot be" : fault_of(*fork)) return bad_fact(event, fault);
    enter(std::move(*fork));
    return {};
}

Status Branches::change(const event::EventBytes& event, std::uint64_t seq) {
    const auto number = number_in(event.payload(), "branch");
    const auto found =
        number && *number <= event::kBranchMax ? forks_.find(static_cast<event::BranchNumber>(*number)) : forks_.end();
    if (found == forks_.end()) return bad_fact(event, "is about no live fork");
    Fork& fork = *found->second;
    std::optional<Fork> told = fork;
    RETURN_IF_ERROR(tell(told, event, seq));
    due_.erase({fork.expires_at, fork.number});
    if (fork.status == ForkStatus::kLive && told->status != ForkStatus::kLive) --live_count_;
    if (told->status == ForkStatus::kMerged) has_merges_.store(true, std::memory_order_release);
    fork.status = told->status;
    fork.expires_at = told->expires_at;
    fork.ended_seq = told->ended_seq;
    fork.ended_at = told->ended_at;
    fork.gone_seq = told->gone_seq;
    fork.gone_at = told->gone_at;
    if (fork.is_gone()) {
        note_gone(fork);
    } else {
        due_.emplace(fork.expires_at, fork.number);
    }
    return {};
}

// --- what need not be kept -------------------------------------------------------------------------

std::optional<Branches::State> Branches::state_at(std::uint64_t end_seq, std::uint64_t published_seq) const {
    const std::lock_guard lock(mutex_);
    // A time to live that is not durable could be taken back by a crash; one that is, is told again.
    if (end_of_facts_ > published_seq) return std::nullopt;
    State state{.end_seq = end_seq,
                .next_number = event::kSystemBranch + 1,
                .has_merges = has_merges_.load(std::memory_order_relaxed),
                .forks = {},
                .gone = gone_};
    for (const auto& [number, fork] : forks_) {
        if (fork->gone_seq >= end_seq && number < state.gone.size()) state.gone[number] = false;
        if (fork->created_seq >= end_seq) continue;
        Fork& seen = state.forks.emplace_back(as_seen(*fork, end_seq));
        if (seen.status == ForkStatus::kLive) seen.ended_seq = 0, seen.ended_at = {};
        if (!seen.is_gone()) seen.gone_at = {};
    }
    std::sort(state.forks.begin(), state.forks.end(),
              [](const Fork& a, const Fork& b) { return a.created_seq < b.created_seq; });
    while (!state.gone.empty() && !state.gone.back()) state.gone.pop_back();
    state.next_number = std::max(state.next_number, static_cast<event::BranchNumber>(state.gone.size()));
    for (const Fork& fork : state.forks) state.next_number = std::max(state.next_number, fork.number + 1);
    return state;
}

Status Branches::restore(State state) {
    const std::lock_guard lock(mutex_);
    ASSERT(forks_.empty() && gone_.empty());
    const auto fail = [&](const char* what) {
        forks_.clear();
        by_id_.clear();
        by_name_.clear();
        due_.clear();
        child_counts_.clear();
        to_be_forgotten_.clear();
        gone_.clear();
        live_count_ = 0;
        next_number_ = event::kSystemBranch + 1;
        return base::fail(ErrorCode::kCorrupt, std::string("the table of forks ") + what);
    };
    if (state.next_number > event::kBranchMax + kNumbersLeftOutMax || state.gone.size() > state.next_number)
        return fail("has a number that cannot be");
    next_number_ = std::max(next_number_, state.next_number);
    std::uint64_t seq = 0;
    for (Fork& fork : state.forks) {
        if (fork.created_seq < seq || fork.created_seq >= state.end_seq) return fail("is out of order");
        seq = fork.created_seq;
        if (const char* fault = fault_of(fork)) return fail(fault);
        enter(std::move(fork));
    }
    const auto known = static_cast<std::size_t>(std::count(state.gone.begin(), state.gone.end(), true));
    for (const event::BranchNumber number : to_be_forgotten_)
        if (number >= state.gone.size() || !state.gone[number]) return fail("does not know that a fork is gone");
    has_forgotten_.store(known > to_be_forgotten_.size(), std::memory_order_release);
    gone_ = std::move(state.gone);
    has_merges_.store(state.has_merges, std::memory_order_release);
    return {};
}

/// Whether it could be.
bool Branches::forget(const Fork& fork) {
    {
        const std::lock_guard holding(holds_->mutex);
        if (holds_->counts.contains(fork.number)) return false;
    }
    if (child_counts_.contains(fork.number)) return false;
    if (const auto children = child_counts_.find(fork.parent);
        children != child_counts_.end() && --children->second == 0)
        child_counts_.erase(children);
    const auto [begin, end] = by_name_.equal_range(fork.name);
    for (auto named = begin; named != end; ++named) {
        if (named->second != &fork) continue;
        by_name_.erase(named);
        break;
    }
    by_id_.erase(fork.id);
    const event::BranchNumber number = fork.number;
    forks_.erase(number);
    return true;
}

void Branches::forget(std::uint64_t end_seq) {
    const std::lock_guard lock(mutex_);
    // Newest first: a child is younger than its parent, which can go once it has gone.
    std::sort(to_be_forgotten_.begin(), to_be_forgotten_.end(), std::greater<>());
    std::erase_if(to_be_forgotten_, [&](event::BranchNumber number) {
        const Fork& fork = *forks_.at(number);
        if (fork.gone_seq >= end_seq || !forget(fork)) return false;
        has_forgotten_.store(true, std::memory_order_release);
        return true;
    });
}

bool Branches::was_gone(event::BranchNumber number) const {
    const std::lock_guard lock(mutex_);
    return number < gone_.size() && gone_[number];
}

}  // namespace chronos::store
