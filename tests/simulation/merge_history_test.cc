// Many threads append to main and to forks while forks are merged, discarded and raced for: what each was told must fit
// one order of events that time agrees with, and no merge may have gone over what stood in its way.
//
//     writer   ──append──▶ main                    every call and answer takes a tick of one counter, so "before" is a
//     forker   fork, append ×n under conditions, merge    comparison of ticks
//     racer    merges, discards, or appends to the same forks at the same time
//     reader   how many events main has: never a part of a merge
//
// The order of threads is the machine's, so a failure repeats only by luck; the seed repeats what was asked for.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "chronos/store.h"
#include "event/batch_content.h"
#include "io/sim/prng.h"
#include "simulation/replay.h"

namespace chronos {
namespace {

constexpr int kWriters = 2;
constexpr int kForkers = 2;
constexpr std::uint64_t kEntities = 40;
constexpr std::uint64_t kTags = 40;

/// An append or a merge that placed events: where, and what it depended on.
struct Placed {
    std::string branch;
    std::uint64_t called = 0, returned = 0;
    std::vector<Uuid> ids;
    std::uint64_t first_position = 0;
    std::vector<Condition> conditions;
    std::vector<std::string> entities;
};

struct Merged {
    ForkInfo fork;
    MergeResult result;
    bool append_if_moved = false;
    std::uint64_t called = 0, returned = 0;
};

struct Refused {
    ForkInfo fork;
    MergeConflict conflict;
};

/// What one thread was told.
struct Told {
    std::vector<Placed> placed;
    std::vector<Merged> merges;  // that were done, or done before
    std::vector<Refused> refusals;
    std::set<std::string> discarded;
    std::vector<std::uint64_t> counts;
    std::string wrong;
};

/// An event as it can be read at rest.
struct Stored {
    Uuid id;
    std::string entity, type;
    std::vector<std::string> tags;
    std::uint64_t version = 0;
    std::string origin_fork;
    std::uint64_t origin_position = 0;
};

class MergeHistory {
public:
    MergeHistory(Store& store, std::uint64_t seed, std::uint64_t fork_count)
        : store_(store), seed_(seed), forks_left_(static_cast<std::int64_t>(fork_count)) {}

    std::string run() {
        for (std::uint64_t i = 0; i < kEntities; ++i) append_one(told_[0], "main", entity(i), {}, {});
        std::vector<std::thread> threads;
        for (int i = 0; i < kForkers; ++i) threads.emplace_back([this, i] { make_forks(told_[i], i); });
        std::vector<std::thread> others;
        for (int i = 0; i < kWriters; ++i) others.emplace_back([this, i] { write(told_[kForkers + i], kForkers + i); });
        others.emplace_back([this] { race(told_[kForkers + kWriters], kForkers + kWriters); });
        others.emplace_back([this] { count(told_[kForkers + kWriters + 1]); });
        for (std::thread& thread : threads) thread.join();
        is_over_.store(true);
        for (std::thread& thread : others) thread.join();
        for (const Told& told : told_)
            if (!told.wrong.empty()) return told.wrong;
        return check();
    }

    [[nodiscard]] std::string tally() const {
        return std::to_string(merge_count_) + " merged, " + std::to_string(refused_count_) + " refused, " +
               std::to_string(discard_count_) + " discarded";
    }
    [[nodiscard]] bool met_everything() const {
        return merge_count_ > 0 && refused_count_ > 0 && discard_count_ > 0 && duplicate_count_ > 0;
    }

private:
    std::uint64_t tick() { return ticks_.fetch_add(1); }
    static std::string entity(std::uint64_t number) { return "order:" + std::to_string(number); }
    static std::string tag(std::uint64_t number) { return "tag:" + std::to_string(number); }

    static void note(Told& told, const std::string& wrong) {
        if (told.wrong.empty()) told.wrong = wrong;
    }

    /// Answers that tell of a race and are right in one.
    static bool is_fair(const Error& error) {
        return error.code == ErrorCode::kVersionConflict || error.code == ErrorCode::kGone;
    }

    bool append_one(Told& told, const std::string& branch, const std::string& entity_id,
                    const std::vector<std::string>& tags, std::vector<Condition> conditions) {
        Placed placed{.branch = branch, .conditions = std::move(conditions), .entities = {entity_id}};
        const std::vector<std::string_view> views(tags.begin(), tags.end());
        BatchBuilder batch;
        batch.add({.entity_id = entity_id, .event_type = "order.changed", .payload = "{}", .tags = views});
        for (const Condition& condition : placed.conditions) batch.add_condition(condition);
        placed.called = tick();
        const auto answer = store_.append(std::move(batch), {.branch = branch});
        placed.returned = tick();
        if (!answer.ok()) {
            if (!is_fair(answer.error())) note(told, "an append was answered: " + answer.error().message);
            return answer.error().code != ErrorCode::kGone;
        }
        placed.first_position = answer->events.front().position.value;
        for (const AppendedEvent& event : answer->events) placed.ids.push_back(event.id);
        told.placed.push_back(std::move(placed));
        return true;
    }

    std::uint64_t version_of(const std::string& branch, const std::string& entity_id) {
        Page page;
        const auto view = store_.view({.branch = branch});
        if (!view.ok() || !view->read_last_resident(entity_id, 1, page).ok() || page.events().empty()) return 0;
        return page.events()[0].version.value;
    }

    /// Something that is true on the branch now.
    Condition condition(const std::string& branch, io::Prng& prng) {
        if (prng.chance(0.5)) {
            const std::string name = entity(prng.below(kEntities));
            return EntityCondition{name, ExpectedVersion::exactly(version_of(branch, name))};
        }
        NoEventMatches none{.query = {.items = {{.types = {}, .tags = {tag(prng.below(kTags))}}}}, .after = {}};
        if (const auto view = store_.view({.branch = branch}); view.ok()) none.after = view->info().at;
        return none;
    }

    void write(Told& told, int thread) {
        io::Prng prng(seed_ * 100 + static_cast<std::uint64_t>(thread));
        while (!is_over_.load() && told.wrong.empty()) {
            std::vector<std::string> tags;
            if (prng.chance(0.5)) tags.push_back(tag(prng.below(kTags)));
            append_one(told, "main", entity(prng.below(kEntities)), tags, {});
            if (prng.chance(0.3)) std::this_thread::yield();
        }
    }

    void make_forks(Told& told, int thread) {
        io::Prng prng(seed_ * 100 + static_cast<std::uint64_t>(thread));
        std::uint64_t own = 0;
        while (forks_left_.fetch_sub(1) > 0 && told.wrong.empty()) {
            const auto fork = store_.create_fork({});
            if (!fork.ok()) return note(told, "a fork was answered: " + fork.error().message);
            const bool is_raced = prng.chance(0.3);
            if (is_raced) offer(*fork);
            bool is_live = true;
            for (std::uint64_t i = 1 + prng.below(3); i > 0 && is_live; --i) {
                // Mostly entities that nobody else writes: then the conditions alone decide.
                const std::string name = prng.chance(0.7)
                                             ? "own:" + std::to_string(thread) + ":" + std::to_string(own++)
                                             : entity(prng.below(kEntities));
                std::vector<Condition> conditions;
                while (prng.chance(0.5)) conditions.push_back(condition(fork->id, prng));
                std::vector<std::string> tags;
                if (prng.chance(0.2)) tags.push_back(tag(prng.below(kTags)));
                is_live = append_one(told, fork->id, name, tags, std::move(conditions));
            }
            if (is_live && prng.chance(0.2)) nest(told, *fork, prng);
            merge(told, *fork, prng.chance(0.3));
        }
    }

    /// A fork of the fork, merged into it while others may merge the fork.
    void nest(Told& told, const ForkInfo& parent, io::Prng& prng) {
        const auto fork = store_.create_fork({.parent = parent.id});
        if (!fork.ok()) {
            if (!is_fair(fork.error())) note(told, "a fork of a fork was answered: " + fork.error().message);
            return;
        }
        append_one(told, fork->id, "nested:" + fork->id, {}, {condition(fork->id, prng)});
        merge(told, *fork, false);
    }

    void merge(Told& told, const ForkInfo& fork, bool append_if_moved) {
        Merged merged{.fork = fork, .result = {}, .append_if_moved = append_if_moved, .called = tick()};
        auto answer = store_.merge_fork(fork.id, {.append_if_moved = append_if_moved});
        merged.returned = tick();
        if (!answer.ok()) {
            if (!is_fair(answer.error())) note(told, "a merge was answered: " + answer.error().message);
        } else if (answer->merged) {
            merged.result = std::move(answer).value();
            told.merges.push_back(std::move(merged));
        } else if (answer->conflicts.empty()) {
            note(told, "a merge was not done, for no reason");
        } else {
            told.refusals.push_back({fork, answer->conflicts.front()});
            discard(told, fork);
        }
    }

    void discard(Told& told, const ForkInfo& fork) {
        const auto answer = store_.discard_fork(fork.id);
        if (answer.ok()) {
            told.discarded.insert(fork.id);
        } else if (!is_fair(answer.error())) {
            note(told, "a discard was answered: " + answer.error().message);
        }
    }

    void offer(const ForkInfo& fork) {
        const std::lock_guard lock(offers_mutex_);
        offers_.push_back(fork);
    }

    void race(Told& told, int thread) {
        io::Prng prng(seed_ * 100 + static_cast<std::uint64_t>(thread));
        while (told.wrong.empty()) {
            std::optional<ForkInfo> fork;
            {
                const std::lock_guard lock(offers_mutex_);
                if (!offers_.empty()) {
                    fork = offers_.front();
                    offers_.pop_front();
                } else if (is_over_.load()) {
                    return;
                }
            }
            if (!fork) {
                std::this_thread::yield();
                continue;
            }
            for (std::uint64_t i = prng.below(4); i > 0; --i) append_one(told, fork->id, "raced:" + fork->id, {}, {});
            if (prng.chance(0.2)) {
                discard(told, *fork);
            } else {
                merge(told, *fork, false);
            }
        }
    }

    void count(Told& told) {
        std::uint64_t last = 0;
        while (!is_over_.load() && told.wrong.empty()) {
            const auto view = store_.view();
            const std::uint64_t now = view->info().at ? view->info().at->value + 1 : 0;
            if (now < last) note(told, "a view shrank");
            if (now != last) told.counts.push_back(now);
            last = now;
        }
    }

    // --- what it must have been ---

    static Stored stored(const EventView& event) {
        Stored result{.id = event.id,
                      .entity = std::string(event.entity_id),
                      .type = std::string(event.event_type),
                      .version = event.version.value};
        for (const std::string_view tag : event.tags()) result.tags.emplace_back(tag);
        if (!event.metadata.empty()) {
            const auto metadata = nlohmann::json::parse(event.metadata);
            if (metadata.contains("origin")) {
                result.origin_fork = metadata["origin"]["fork"];
                result.origin_position = metadata["origin"]["position"];
            }
        }
        return result;
    }

    /// A branch's own events.
    struct Own {
        std::uint64_t begin = 0;  ///< Position of the first.
        std::vector<Stored> events;

        [[nodiscard]] const Stored* at(std::uint64_t position) const {
            return position >= begin && position - begin < events.size() ? &events[position - begin] : nullptr;
        }
    };
    const Own& events_of(const std::string& branch) {
        const auto [known, is_new] = events_.try_emplace(branch);
        Own& own = known->second;
        if (!is_new) return own;
        ReadOptions options{.limit = 10'000};
        if (const auto fork = store_.fork(branch); fork.ok()) {
            own.begin = fork->fork_position->value + 1;
            options.after = fork->fork_position;
        }
        Page page;
        const auto view = store_.view({.branch = branch});
        do {
            if (!view.ok() || !view->read(options, page).ok()) break;
            for (const EventView& event : page.events()) own.events.push_back(stored(event));
            options.cursor = page.next_cursor();
            options.after.reset();
        } while (page.has_more());
        return own;
    }

    /// What was appended to a fork, and to forks that were merged into it: their conditions come along.
    std::vector<const Placed*> placed_in(const std::string& fork) {
        std::vector<const Placed*> placed = placed_by_branch_[fork];
        for (const auto& [id, merged] : merged_) {
            if (merged->fork.parent != fork) continue;
            const std::vector<const Placed*> nested = placed_in(id);
            placed.insert(placed.end(), nested.begin(), nested.end());
        }
        return placed;
    }

    static bool concerns(const Condition& condition, const Stored& event) {
        if (const auto* entity = std::get_if<EntityCondition>(&condition)) return entity->entity_id == event.entity;
        const Query& query = std::get<NoEventMatches>(condition).query;
        return std::any_of(query.items.begin(), query.items.end(), [&](const QueryItem& item) {
            return std::all_of(item.tags.begin(), item.tags.end(), [&](const std::string& tag) {
                return std::find(event.tags.begin(), event.tags.end(), tag) != event.tags.end();
            });
        });
    }

    std::string check() {
        for (const Told& told : told_) {
            discard_count_ += told.discarded.size();
            refused_count_ += told.refusals.size();
            for (const std::string& id : told.discarded) discarded_.insert(id);
            for (const Placed& placed : told.placed) placed_by_branch_[placed.branch].push_back(&placed);
        }
        for (const Told& told : told_)
            for (const Merged& merged : told.merges)
                if (std::string wrong = take(merged); !wrong.empty()) return wrong;
        merge_count_ = merged_.size();
        for (const auto& [id, merged] : merged_)
            if (std::string wrong = check_merge(*merged); !wrong.empty()) return "fork " + id + ": " + wrong;
        for (const Told& told : told_)
            for (const Refused& refused : told.refusals)
                if (std::string wrong = check_refusal(refused); !wrong.empty())
                    return "fork " + refused.fork.id + ": " + wrong;
        if (std::string wrong = check_main(); !wrong.empty()) return wrong;
        return check_counts();
    }

    /// One merge of each fork was done; all others were told of that one.
    std::string take(const Merged& merged) {
        if (discarded_.contains(merged.fork.id)) return "fork " + merged.fork.id + " was merged and discarded";
        const auto [known, is_new] = merged_.try_emplace(merged.fork.id, &merged);
        if (is_new) return "";
        ++duplicate_count_;
        const Merged& first = known->second->result.duplicate ? merged : *known->second;
        if (merged.result.duplicate == known->second->result.duplicate && !merged.result.duplicate)
            return "fork " + merged.fork.id + " was merged twice";
        if (merged.result.first_position != known->second->result.first_position)
            return "fork " + merged.fork.id + " was merged to two places";
        known->second = &first;
        return "";
    }

    std::string check_merge(const Merged& merged) {
        const MergeResult& result = merged.result;
        if (discarded_.contains(merged.fork.parent)) return "";  // Where it went cannot be read any more.
        const Own& fork = events_of(merged.fork.id);
        const Own& parent = events_of(merged.fork.parent);
        const std::uint64_t own_count = fork.events.size();
        if (result.event_count != own_count)
            return std::to_string(result.event_count) + " events were merged of " + std::to_string(own_count);
        std::set<Uuid> own;
        for (const Stored& event : fork.events) own.insert(event.id);
        for (const Placed* placed : placed_by_branch_[merged.fork.id])
            for (const Uuid& id : placed->ids)
                if (!own.contains(id)) return "an event that was acknowledged on the fork is not on it";
        if (own_count == 0) return "";
        const std::uint64_t first = result.first_position->value;
        if (result.last_position->value != first + own_count - 1) return "its last position does not fit its first";
        for (std::uint64_t i = 0; i < own_count; ++i) {
            const Stored* there = parent.at(first + i);
            if (there == nullptr || there->id != fork.events[i].id || there->origin_fork != merged.fork.id ||
                there->origin_position != fork.begin + i)
                return "position " + std::to_string(first + i) + " of the parent is not the fork's event";
        }
        return check_safety(merged, parent, fork.begin, first);
    }

    /// Nothing on the parent between the fork position and the merge stood in its way.
    std::string check_safety(const Merged& merged, const Own& parent, std::uint64_t begin, std::uint64_t end) {
        std::set<std::string> conditional;
        const std::vector<const Placed*> all = placed_in(merged.fork.id);
        for (const Placed* placed : all)
            if (!placed->conditions.empty())
                for (const std::string& name : placed->entities) conditional.insert(name);
        for (std::uint64_t position = begin; position < end; ++position) {
            const Stored* found = parent.at(position);
            if (found == nullptr) return "position " + std::to_string(position) + " of the parent is not there";
            const Stored& event = *found;
            const std::string at = "was merged although position " + std::to_string(position) + " of the parent ";
            for (const Placed* placed : all) {
                for (const Condition& condition : placed->conditions)
                    if (concerns(condition, event)) return at + "breaks a condition";
                for (const std::string& name : placed->entities)
                    if (name == event.entity && !(merged.append_if_moved && !conditional.contains(name)))
                        return at + "moved '" + name + "'";
            }
        }
        return "";
    }

    /// What a refusal names is there, behind the fork position.
    std::string check_refusal(const Refused& refused) {
        const MergeConflict& conflict = refused.conflict;
        if (conflict.parent_events.empty()) return "a refusal that names no event of the parent";
        if (discarded_.contains(refused.fork.parent)) return "";
        const Own& parent = events_of(refused.fork.parent);
        const std::vector<const Placed*> placed = placed_in(refused.fork.id);
        for (const Event& named : conflict.parent_events) {
            const Stored* there = parent.at(named.position.value);
            if (named.position.value <= refused.fork.fork_position->value || there == nullptr || there->id != named.id)
                return "a refusal names an event that is not behind the fork position";
            if (conflict.kind != MergeConflict::Kind::kConditionFails) {
                if (named.entity_id != conflict.entity_id) return "a refusal names an event of another entity";
                continue;
            }
            const bool breaks_any = std::any_of(placed.begin(), placed.end(), [&](const Placed* batch) {
                return std::any_of(batch->conditions.begin(), batch->conditions.end(),
                                   [&](const Condition& condition) { return concerns(condition, *there); });
            });
            if (!breaks_any) return "a refusal names an event that breaks no condition";
        }
        return "";
    }

    /// What was placed on main, in the order of positions, is in an order that time agrees with, without gaps; versions
    /// count.
    std::string check_main() {
        struct Place {
            std::uint64_t called, returned, count;
        };
        std::map<std::uint64_t, Place> places;
        for (const Placed* placed : placed_by_branch_["main"])
            places[placed->first_position] = {placed->called, placed->returned, placed->ids.size()};
        for (const auto& [id, merged] : merged_) {
            if (merged->fork.parent != "main" || merged->result.event_count == 0) continue;
            // Who was told of it as done before knows less of when it was.
            const std::uint64_t called = merged->result.duplicate ? 0 : merged->called;
            places[merged->result.first_position->value] = {called, merged->returned, merged->result.event_count};
        }
        const std::vector<Stored>& main = events_of("main").events;
        std::uint64_t next = 0;
        std::uint64_t last_called = 0;
        for (const auto& [position, place] : places) {
            if (position != next) return "no one was given position " + std::to_string(next) + " of main";
            next += place.count;
            if (place.returned < last_called)
                return "position " + std::to_string(position) +
                       " was acknowledged before something with a smaller one was called";
            last_called = std::max(last_called, place.called);
        }
        if (next != main.size()) return "main has events that no one placed";
        std::map<std::string, std::uint64_t> versions;
        std::set<Uuid> ids;
        for (const Stored& event : main) {
            if (event.version != ++versions[event.entity]) return "versions of " + event.entity + " do not count";
            if (!ids.insert(event.id).second) return "two events of main have one id";
        }
        return "";
    }

    /// No view of main ended inside a merge.
    std::string check_counts() const {
        std::map<std::uint64_t, std::uint64_t> groups;  // behind the first event → behind the last
        for (const auto& [id, merged] : merged_) {
            if (merged->fork.parent != "main" || merged->result.event_count < 2) continue;
            groups[merged->result.first_position->value + 1] = merged->result.last_position->value + 1;
        }
        for (const Told& told : told_) {
            for (const std::uint64_t count : told.counts) {
                const auto behind = groups.upper_bound(count);
                if (behind == groups.begin()) continue;
                if (count < std::prev(behind)->second) return "a view has a part of a merge";
            }
        }
        return "";
    }

    Store& store_;
    const std::uint64_t seed_;
    std::atomic<std::uint64_t> ticks_ = 1;
    std::atomic<std::int64_t> forks_left_;
    std::atomic<bool> is_over_ = false;
    std::array<Told, kForkers + kWriters + 2> told_;
    std::mutex offers_mutex_;
    std::deque<ForkInfo> offers_;  // guarded by offers_mutex_

    std::map<std::string, std::vector<const Placed*>> placed_by_branch_;
    std::map<std::string, const Merged*> merged_;  // one of each fork; that which was not told of it as a duplicate
    std::set<std::string> discarded_;
    std::map<std::string, Own> events_;
    std::uint64_t merge_count_ = 0, refused_count_ = 0, discard_count_ = 0, duplicate_count_ = 0;
};

std::string live(std::uint64_t seed, std::uint64_t fork_count, bool in_memory) {
    const std::filesystem::path directory =
        std::filesystem::temp_directory_path() / ("chronos-merges-" + std::to_string(::getpid()));
    std::filesystem::remove_all(directory);
    std::string wrong;
    {
        auto store = in_memory ? Store::open({.in_memory = true}) : Store::open({.directory = directory.string()});
        if (!store.ok()) return "does not open: " + store.error().message;
        MergeHistory history(*store, seed, fork_count);
        wrong = history.run();
        if (wrong.empty() && !history.met_everything()) wrong = "no race was met: " + history.tally();
        if (Status closed = store->close(); wrong.empty() && !closed.ok()) wrong = closed.error().message;
    }
    std::filesystem::remove_all(directory);
    return wrong;
}

TEST(ConcurrentMerges, FitOneOrderInMemory) {
    testing::for_each_seed(1, [](std::uint64_t seed) { return live(seed, 1'500, true); });
}

TEST(ConcurrentMerges, FitOneOrderOnDisk) {
    testing::for_each_seed(1, [](std::uint64_t seed) { return live(seed, 300, false); });
}

TEST(ConcurrentMerges, SlowFitOneOrder) {
    testing::for_each_seed(4, [](std::uint64_t seed) { return live(seed, 3'000, seed % 2 == 0); });
}

TEST(ConcurrentMerges, TortureFitOneOrder) {
    if (!testing::torture_is_on()) GTEST_SKIP() << "set CHRONOS_TORTURE=1";
    testing::for_each_seed(200, [](std::uint64_t seed) { return live(seed, 5'000, seed % 2 == 0); });
}

}  // namespace
}  // namespace chronos
