// Database: making forks and ending them. A fork is a fact on $system; merging is in database_merge.cc.
#include <array>
#include <limits>

#include "base/result.h"
#include "base/utf8.h"
#include "store/database.h"
#include "store/view.h"

namespace chronos::store {
namespace {

constexpr std::size_t kCreatorSizeMax = 256;
/// Forks that end in one batch.
constexpr std::size_t kExpiredAtOnceMax = 1'000;
constexpr std::int64_t kForkTtlMinNs = 1'000'000'000;

Status check_ttl(std::int64_t ttl_ns) {
    if (ttl_ns >= kForkTtlMinNs && ttl_ns <= kForkTtlMaxNs) return {};
    return base::fail(ErrorCode::kInvalidArgument, "a fork lives for 1 second to 7 days; it can be extended");
}

std::string entity_of(std::string_view fork_id) { return "$fork:" + std::string(fork_id); }

}  // namespace

Result<Fork> Database::create_fork(const ForkOptions& options) {
    RETURN_IF_ERROR(check_ttl(options.ttl_ns));
    if (!options.name.empty()) RETURN_IF_ERROR(check_fork_name(options.name));
    if (options.creator.size() > kCreatorSizeMax || !base::is_utf8(options.creator))
        return base::fail(ErrorCode::kInvalidArgument, "creator is at most 256 bytes of UTF-8");
    // Forks that are due make room, and their names are free.
    RETURN_IF_ERROR(vouch_for_clock());
    (void)expire_forks();
    if (options.parent == "$system") return base::fail(ErrorCode::kInvalidArgument, "$system cannot be forked");
    ViewOptions from{.branch = options.parent, .at = options.at, .known_at = options.known_at, .as_of = {}};
    from.known_age_ns = options.known_age_ns;
    ASSIGN_OR_RETURN(const PinnedView view, pin_view(*this, from));
    const auto parent = branches_.find(view.branch, kWritersView);
    if (parent && parent->depth == kForkDepthMax)
        return base::fail(ErrorCode::kLimitExceeded, "forks of forks: at most 16 deep; merge some first");

    const auto check = [&]() -> Status {
        // A merged fork may be forked as long as it can be read: what it holds does not change.
        const auto now = branches_.find(view.branch, kWritersView);
        const bool is_merged = now && now->status == ForkStatus::kMerged && !now->is_gone();
        if (now && !is_merged) RETURN_IF_ERROR(branches_.check_live(view.branch));
        return branches_.check_room(options.name, options_.fork_limit);
    };
    RETURN_IF_ERROR(check());  // Before a number is taken; again in the writer step.
    std::array<std::byte, 16> random;
    env_.random.fill(random);
    const std::string id = fork_id_of(random);
    const event::BranchNumber number = branches_.next_number();
    if (number > event::kBranchMax)
        return base::fail(ErrorCode::kLimitExceeded, "the store has had as many forks as it can number");
    const std::string payload = created_payload({.id = id,
                                                 .number = number,
                                                 .parent = view.branch,
                                                 .fork_seq = view.end_seq,
                                                 .first_position = view.info.at ? view.info.at->value + 1 : 0,
                                                 .name = options.name,
                                                 .creator = options.creator,
                                                 .ttl_ns = options.ttl_ns});
    RETURN_IF_ERROR(append_facts(
        {{entity_of(id), kForkCreated, payload, options.name.empty() ? "" : name_tag(options.name)}}, check));
    return branches_.find(id, kWritersView);
}

Result<Fork> Database::extend_fork(std::string_view id_or_name, std::int64_t ttl_ns) {
    RETURN_IF_ERROR(check_ttl(ttl_ns));
    ASSIGN_OR_RETURN(const Fork fork, find_fork(id_or_name, published_seq()));
    if (fork.is_gone()) return gone_error(fork);
    RETURN_IF_ERROR(append_facts({{entity_of(fork.id), kForkExtended, extended_payload(fork, ttl_ns), ""}},
                                 [&] { return branches_.check_live(fork.number); }));
    return branches_.find(fork.id, kWritersView);
}

Result<Fork> Database::discard_fork(std::string_view id_or_name) {
    ASSIGN_OR_RETURN(const Fork fork, find_fork(id_or_name, published_seq()));
    if (fork.is_gone()) return gone_error(fork);
    RETURN_IF_ERROR(append_facts({{entity_of(fork.id), kForkDiscarded, ended_payload(fork), ""}},
                                 [&] { return branches_.check_live(fork.number); }));
    wake_indexing();
    return branches_.find(fork.id, kWritersView);
}

Status Database::expire_forks() {
    if (!clock_is_vouched_) return {};
    const Timestamp now{env_.clock.wall_ns()};
    for (auto next = branches_.next_due(); next && *next <= now; next = branches_.next_due()) {
        const std::vector<Fork> due = branches_.due(now, kExpiredAtOnceMax);
        const auto check = [&]() -> Status {
            for (const Fork& fork : due) {
                const auto current = branches_.find(fork.number, kWritersView);
                if (!current || current->is_gone() || current->expires_at > now)
                    return base::fail(ErrorCode::kAlreadyExists, "a fork was ended or extended meanwhile");
            }
            return {};
        };
        std::vector<Fact> facts;
        for (const Fork& fork : due) facts.push_back({entity_of(fork.id), kForkExpired, ended_payload(fork), ""});
        Status ended = append_facts(facts, check);
        if (!ended.ok() && ended.error().code != ErrorCode::kAlreadyExists) return ended;
        wake_indexing();
    }
    return {};
}

}  // namespace chronos::store
