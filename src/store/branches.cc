#include "store/branches.h"

#include <algorithm>
#include <charconv>
#include <limits>

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
    return seen;
}

Error gone(const Fork& fork) {
    const bool is_merged = fork.status == ForkStatus::kMerged;
    return base::fail(ErrorCode::kGone,
                      "fork " + fork.id + (fork.name.empty() ? "" : " ('" + fork.name + "')") +
                          (fork.status == ForkStatus::kExpired ? " expired"
                           : is_merged                         ? " was merged"
                                                               : " was discarded") +
                          " at " + fork.ended_at.to_string() +
                          (is_merged ? "; it can be read, not written: append to its parent, or make a new fork"
                                     : "; make a new fork"));
}

}  // namespace

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
    const std::size_t index = number - std::size_t{2};
    return number >= 2 && index < forks_.size() ? forks_[index].get() : nullptr;
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
    const ForkStatus status = status_seen(*fork, seen_seq);
    if (status == ForkStatus::kDiscarded || status == ForkStatus::kExpired) return gone(*fork);
    return ResolvedBranch{.number = fork->number,
                          .id = fork->id,
                          .layers = layers_of(*fork),
                          .expires_at = status == ForkStatus::kLive ? std::optional(fork->expires_at) : std::nullopt};
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
    for (const auto& fork : forks_)
        if (fork != nullptr && fork->created_seq < seen_seq) found.push_back(as_seen(*fork, seen_seq));
    std::sort(found.begin(), found.end(), [](const Fork& a, const Fork& b) { return a.created_seq < b.created_seq; });
    return found;
}

Status Branches::check_live(event::BranchNumber number) const {
    if (number <= event::kSystemBranch) return {};
    const std::lock_guard lock(mutex_);
    const Fork* fork = at(number);
    if (fork == nullptr) return base::fail(ErrorCode::kNotFound, "there is no such fork");
    return fork->status == ForkStatus::kLive ? Status() : gone(*fork);
}

Status Branches::check_room(std::string_view name, std::uint32_t live_max) const {
    const std::lock_guard lock(mutex_);
    if (live_.size() >= live_max)
        return base::fail(ErrorCode::kLimitExceeded, std::to_string(live_.size()) +
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
    for (const auto& [expires_at, number] : live_) {
        if (expires_at > now || found.size() == count_max) break;
        found.push_back(*at(number));
    }
    return found;
}

std::optional<Timestamp> Branches::next_due() const {
    const std::lock_guard lock(mutex_);
    return live_.empty() ? std::nullopt : std::optional(live_.begin()->first);
}

event::BranchNumber Branches::next_number() {
    const std::lock_guard lock(mutex_);
    return next_number_++;
}

// --- facts -----------------------------------------------------------------------------------------

Status Branches::apply(const event::EventBytes& event, std::uint64_t seq) {
    if (!event.type().starts_with("$fork.")) return {};
    const std::lock_guard lock(mutex_);
    return event.type() == kForkCreated ? create(event, seq) : change(event, seq);
}

Status Branches::create(const event::EventBytes& event, std::uint64_t seq) {
    const std::string_view payload = event.payload();
    const auto number = number_in(payload, "branch");
    const auto parent = number_in(payload, "parent");
    const auto fork_seq = number_in(payload, "fork_seq");
    const auto first_position = number_in(payload, "first_position");
    const auto ttl_ns = number_in(payload, "ttl_ns");
    if (!number || !parent || !fork_seq || !first_position || !ttl_ns || *ttl_ns > std::uint64_t{kForkTtlMaxNs} * 2)
        return bad_fact(event, "lacks a field");
    if (*number <= event::kSystemBranch || *number > event::kBranchMax ||
        at(static_cast<event::BranchNumber>(*number)) != nullptr)
        return bad_fact(event, "has a number that cannot be");
    if (*number > next_number_ + std::uint64_t{kNumbersLeftOutMax} || *parent > event::kBranchMax)
        return bad_fact(event, "has a number that cannot be");
    if (recorded_at_of(event).ns > std::numeric_limits<std::int64_t>::max() - 2 * kForkTtlMaxNs)
        return bad_fact(event, "has a time that cannot be");
    const Fork* of = at(static_cast<event::BranchNumber>(*parent));
    if ((of == nullptr && *parent != event::kMainBranch) || *fork_seq > seq)
        return bad_fact(event, "has no such parent");
    auto fork = std::make_unique<Fork>();
    fork->number = static_cast<event::BranchNumber>(*number);
    fork->parent = static_cast<event::BranchNumber>(*parent);
    fork->id = text_in(payload, "fork");
    fork->parent_id = of == nullptr ? std::string(kMainName) : of->id;
    fork->name = text_in(payload, "name");
    fork->creator = text_in(payload, "creator");
    fork->fork_seq = *fork_seq;
    fork->first_position = *first_position;
    fork->depth = of == nullptr ? 1 : of->depth + 1;
    fork->created_at = recorded_at_of(event);
    fork->expires_at = {fork->created_at.ns + static_cast<std::int64_t>(*ttl_ns)};
    fork->created_seq = seq;
    if (fork->id.empty() || by_id_.contains(fork->id)) return bad_fact(event, "has an id that cannot be");
    if (fork->depth > kForkDepthMax) return bad_fact(event, "has too many ancestors");
    next_number_ = std::max(next_number_, fork->number + 1);
    by_id_[fork->id] = fork.get();
    if (!fork->name.empty()) by_name_.emplace(fork->name, fork.get());
    live_.emplace(fork->expires_at, fork->number);
    const std::size_t index = fork->number - std::size_t{2};
    if (forks_.size() <= index) forks_.resize(index + 1);
    forks_[index] = std::move(fork);
    return {};
}

Status Branches::change(const event::EventBytes& event, std::uint64_t seq) {
    const auto number = number_in(event.payload(), "branch");
    const Fork* found =
        number && *number <= event::kBranchMax ? at(static_cast<event::BranchNumber>(*number)) : nullptr;
    if (found == nullptr || found->status != ForkStatus::kLive) return bad_fact(event, "is about no live fork");
    Fork& fork = *forks_[found->number - std::size_t{2}];
    if (event.type() == kForkExtended) {
        const auto ttl_ns = number_in(event.payload(), "ttl_ns");
        if (!ttl_ns || *ttl_ns > std::uint64_t{kForkTtlMaxNs} * 2) return bad_fact(event, "lacks a time to live");
        live_.erase({fork.expires_at, fork.number});
        fork.expires_at = {recorded_at_of(event).ns + static_cast<std::int64_t>(*ttl_ns)};
        live_.emplace(fork.expires_at, fork.number);
        return {};
    }
    if (event.type() == kForkMerged) {
        fork.status = ForkStatus::kMerged;
        fork.merge_fact = event.payload();
        has_merges_.store(true, std::memory_order_release);
    } else if (event.type() == kForkDiscarded) {
        fork.status = ForkStatus::kDiscarded;
    } else if (event.type() == kForkExpired) {
        fork.status = ForkStatus::kExpired;
    } else {
        return base::fail(ErrorCode::kUnsupported, "the store has facts about forks that this version does not know: " +
                                                       std::string(event.type()));
    }
    fork.ended_seq = seq;
    fork.ended_at = recorded_at_of(event);
    live_.erase({fork.expires_at, fork.number});
    return {};
}

}  // namespace chronos::store
