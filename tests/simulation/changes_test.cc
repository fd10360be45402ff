// What changed between two random views, answered by a store and by comparing two lists of events.
#include <gtest/gtest.h>

#include "embedded/engine.h"
#include "io/sim/sim_environment.h"
#include "simulation/reference_store.h"
#include "simulation/replay.h"
#include "simulation/session.h"

namespace chronos {
namespace {

using nlohmann::json;
using testing::ReferenceEvent;
using testing::ReferenceEvents;
using testing::ReferenceState;
using testing::ReferenceStore;
using testing::SentBatch;
using testing::SentEvent;

constexpr std::int64_t kSecondNs = 1'000'000'000;

Store wrap(std::unique_ptr<store::Database> database) {
    auto impl = std::make_unique<Store::Impl>();
    impl->engine = std::make_shared<Engine>(std::move(database));
    return Store(std::move(impl));
}

/// A store in segments so small that most events are known by index files alone.
Store open_small(io::SimEnvironment& sim) {
    return wrap(
        store::Database::open(sim.environment(), testing::kStoreDirectory, true, testing::small_options()).value());
}

/// The leaves of a state: pointer → text.
using Leaves = std::map<std::string, std::string>;
void add_leaves(const json& value, const json::json_pointer& pointer, Leaves& leaves) {
    if (!value.is_object() || (value.empty() && !pointer.empty())) {
        leaves[pointer.to_string()] = value.dump();
        return;
    }
    for (const auto& [key, child] : value.items()) add_leaves(child, pointer / key, leaves);
}
Leaves leaves_of(const json& state) {
    Leaves leaves;
    add_leaves(state, json::json_pointer(), leaves);
    return leaves;
}

/// A branch and the plain version of it.
struct Branch {
    std::string name;
    ReferenceStore reference;
};

/// One side of a comparison.
struct Side {
    const ReferenceStore* reference = nullptr;
    ViewOptions view;
    ReferenceEvents events;
    std::set<Uuid> ids;
};

class ChangesDifferential {
public:
    explicit ChangesDifferential(std::uint64_t seed) : sim_(seed), prng_(seed), store_(open_small(sim_)) {}

    std::string run(int rounds) {
        for (int round = 0; round < rounds; ++round) {
            for (std::uint64_t i = prng_.below(200); i > 0; --i)
                if (std::string wrong = append(); !wrong.empty()) return wrong;
            if (std::string wrong = fork(); !wrong.empty()) return wrong;
            if (prng_.chance(0.8) && !store_.impl_->engine->database->maintain().ok()) return "maintain failed";
            for (int i = 0; i < 8; ++i)
                if (std::string wrong = compare(); !wrong.empty())
                    return "round " + std::to_string(round) + ": " + wrong;
        }
        return "";
    }

private:
    std::string entity() { return (prng_.chance(0.5) ? "order:" : "user:") + std::to_string(prng_.below(9)); }

    json value(int depth) {
        switch (prng_.below(depth > 0 ? 6 : 4)) {
            case 0: return nullptr;
            case 1: return prng_.below(4);
            case 2: return prng_.chance(0.5) ? "red" : "green";
            case 3: return json::array({prng_.below(3)});
            default: return object(depth - 1);
        }
    }
    json object(int depth) {
        json fields = json::object();
        for (std::uint64_t i = prng_.below(4); i > 0; --i)
            fields[std::string(1, "abcd"[prng_.below(4)])] = value(depth);
        return fields;
    }

    std::string append() {
        sim_.clock.advance(static_cast<std::int64_t>(prng_.below(kSecondNs)));
        SentBatch batch;
        do {
            SentEvent& event = batch.events.emplace_back();
            event.entity_id = entity();
            event.event_type = "t";
            event.payload = object(2).dump();
            if (prng_.chance(0.3)) event.metadata = R"({"actor":"ada"})";
            if (prng_.chance(0.5))
                event.occurred_at =
                    Timestamp{sim_.clock.wall_ns() - static_cast<std::int64_t>(prng_.below(60 * kSecondNs))};
        } while (prng_.chance(0.4));
        Branch& branch = some_branch();
        const auto answer = store_.append(batch.build(), {.branch = branch.name});
        if (!answer.ok()) return "append: " + answer.error().message;
        branch.reference.append(batch, *answer);
        return "";
    }

    /// Half of all branches are main, half of the others the newest.
    Branch& some_branch() {
        if (prng_.chance(0.5)) return branches_.front();
        return prng_.chance(0.5) ? branches_.back() : branches_[prng_.below(branches_.size())];
    }

    std::string fork() {
        const Branch& parent = some_branch();
        const std::size_t size = parent.reference.events().size();
        if (size == 0 || prng_.chance(0.3)) return "";
        const std::size_t inherited = prng_.chance(0.5) ? size : 1 + prng_.below(size);
        const auto made = store_.create_fork({.parent = parent.name, .at = Position{inherited - 1}});
        if (!made.ok()) return "fork: " + made.error().message;
        branches_.push_back({made->id, parent.reference.first(inherited)});
        return "";
    }

    Side side() {
        const Branch& branch = some_branch();
        Side side{.reference = &branch.reference, .view = {.branch = branch.name}};
        const auto& events = branch.reference.events();
        const auto some = [&]() -> const ReferenceEvent& { return events[prng_.below(events.size())]; };
        if (!events.empty() && prng_.chance(0.3)) side.view.at = Position{some().position};
        if (!events.empty() && prng_.chance(0.3)) side.view.known_at = some().recorded_at;
        if (!events.empty() && prng_.chance(0.4))
            side.view.as_of = Timestamp{some().occurred_at.ns + static_cast<std::int64_t>(prng_.below(3)) - 1};
        side.events = branch.reference.seen(side.view);
        for (const ReferenceEvent* event : side.events) side.ids.insert(event->id);
        return side;
    }

    ChangesOptions options() {
        ChangesOptions options;
        if (prng_.chance(0.3)) options.fold = Fold::kShallow;
        if (prng_.chance(0.3)) options.order = FoldOrder::kOccurred;
        while (prng_.chance(0.3)) options.entity_ids.push_back(prng_.chance(0.9) ? entity() : "unknown");
        if (prng_.chance(0.2)) options.entity_id_prefix = "order:";
        options.limit = static_cast<std::uint32_t>(1 + prng_.below(20));
        options.events_max = static_cast<std::uint32_t>(prng_.below(30));
        return options;
    }

    static bool is_wanted(const ChangesOptions& options, const std::string& entity) {
        const auto& ids = options.entity_ids;
        return entity.starts_with(options.entity_id_prefix) &&
               (ids.empty() || std::find(ids.begin(), ids.end(), entity) != ids.end());
    }

    static std::map<std::string, ReferenceEvents> only_in(const Side& one, const Side& other,
                                                          const ChangesOptions& options) {
        std::map<std::string, ReferenceEvents> found;
        for (const ReferenceEvent* event : one.events)
            if (!other.ids.contains(event->id) && is_wanted(options, event->sent.entity_id))
                found[event->sent.entity_id].push_back(event);
        return found;
    }

    std::string compare() {
        const Side before = side();
        const Side after = side();
        ChangesOptions options = this->options();
        auto added = only_in(after, before, options);
        auto removed = only_in(before, after, options);
        std::set<std::string> entities;
        for (const auto& [entity, events] : added) entities.insert(entity);
        for (const auto& [entity, events] : removed) entities.insert(entity);
        const View view = *store_.view(after.view);
        const View old_view = *store_.view(before.view);
        auto next = entities.begin();
        for (bool more = true; more;) {
            const auto found = view.changes(old_view, options);
            if (!found.ok()) return found.error().message;
            if (found->entity_count != entities.size()) return "another count of entities";
            for (const EntityChange& change : found->entities) {
                if (next == entities.end() || change.entity_id != *next) return "lists " + change.entity_id;
                const std::string wrong = compare(change, {before, after, added[*next], removed[*next], options});
                if (!wrong.empty()) return change.entity_id + ": " + wrong;
                ++next;
            }
            more = found->has_more;
            if (more && found->entities.size() != options.limit) return "a page that is not full";
            options.after = found->next_after;
        }
        return next == entities.end() ? "" : "entities are missing";
    }

    struct Wanted {
        const Side& before;
        const Side& after;
        const ReferenceEvents& added;
        const ReferenceEvents& removed;
        const ChangesOptions& options;
    };

    static std::string compare(const std::vector<ChangeEvent>& found, std::uint64_t count,
                               const ReferenceEvents& wanted, std::size_t events_max) {
        if (count != wanted.size()) return std::to_string(count) + " events, not " + std::to_string(wanted.size());
        if (found.size() != std::min(wanted.size(), events_max)) return "another number of events";
        for (std::size_t i = 0; i < found.size(); ++i) {
            const ReferenceEvent& event = *wanted[i];
            if (found[i].id != event.id || found[i].position.value != event.position ||
                found[i].version.value != event.version || found[i].recorded_at != event.recorded_at ||
                found[i].occurred_at != event.occurred_at)
                return "another event";
            if (found[i].actor != (event.sent.metadata.empty() ? "" : "ada")) return "another actor";
        }
        return "";
    }

    std::string compare(const EntityChange& change, const Wanted& wanted) {
        std::string wrong = compare(change.added, change.added_count, wanted.added, wanted.options.events_max);
        if (wrong.empty())
            wrong = compare(change.removed, change.removed_count, wanted.removed, wanted.options.events_max);
        if (!wrong.empty()) return wrong;
        const StateOptions fold{.fold = wanted.options.fold, .order = wanted.options.order};
        const ReferenceState was = wanted.before.reference->state(wanted.before.view, change.entity_id, fold);
        const ReferenceState is = wanted.after.reference->state(wanted.after.view, change.entity_id, fold);
        if (change.existed != (was.event_count > 0) || change.exists != (is.event_count > 0)) return "existence";
        if (change.version_before.value != was.version || change.version_after.value != is.version) return "version";
        return compare_fields(change, wanted, leaves_of(was.json), leaves_of(is.json));
    }

    std::string compare_fields(const EntityChange& change, const Wanted& wanted, const Leaves& was, const Leaves& is) {
        const auto text = [](const Leaves& leaves, const std::string& pointer) {
            const auto found = leaves.find(pointer);
            return found == leaves.end() ? std::optional<std::string>() : found->second;
        };
        std::set<std::string> differing;
        for (const Leaves* leaves : {&was, &is})
            for (const auto& [pointer, value] : *leaves)
                if (text(was, pointer) != text(is, pointer)) differing.insert(pointer);
        if (change.fields.size() != differing.size()) return "another number of fields";
        for (const FieldDifference& field : change.fields) {
            if (!differing.contains(field.pointer)) return field.pointer + " does not differ";
            if (field.before != text(was, field.pointer) || field.after != text(is, field.pointer))
                return field.pointer + " has other values";
            if (std::string wrong = compare_cause(change.entity_id, field, wanted); !wrong.empty())
                return field.pointer + ": " + wrong;
        }
        return "";
    }

    /// Folds the later view event by event, and looks who touched the field last.
    std::string compare_cause(const std::string& entity, const FieldDifference& field, const Wanted& wanted) {
        if (field.after == "{}") return "";  // Whoever emptied an object is its origin, which payloads do not show.
        ReferenceEvents events = wanted.after.reference->read_entity(wanted.after.view, entity, {});
        if (wanted.options.order == FoldOrder::kOccurred)
            std::stable_sort(events.begin(), events.end(), [](const ReferenceEvent* a, const ReferenceEvent* b) {
                return a->occurred_at < b->occurred_at;
            });
        std::optional<Uuid> cause;
        json state = json::object();
        const json::json_pointer pointer(field.pointer);
        for (const ReferenceEvent* event : events) {
            const bool was_there = !field.after && leaves_of(state).contains(field.pointer);
            wanted.options.fold == Fold::kShallow ? state.update(event->payload) : state.merge_patch(event->payload);
            if (field.after && event->payload.contains(pointer)) cause = event->id;
            if (!was_there || leaves_of(state).contains(field.pointer)) continue;
            cause = wanted.before.ids.contains(event->id) ? std::nullopt : std::optional<Uuid>(event->id);
        }
        return field.event_id == cause ? "" : "another event is said to have done it";
    }

    io::SimEnvironment sim_;
    io::Prng prng_;
    Store store_;
    std::vector<Branch> branches_{{"main", {}}};
};

std::string differ(std::uint64_t seed) { return ChangesDifferential(seed).run(12); }

TEST(Changes, AreThoseOfTwoListsOfEvents) { testing::for_each_seed(2, differ); }

TEST(Changes, SlowAreThoseOfTwoListsOfEvents) { testing::for_each_seed(12, differ); }

TEST(Changes, ViewsOfTwoBranchesDifferByTheEventsOfEither) {
    io::SimEnvironment sim(1);
    Store store = open_small(sim);
    SentBatch batch;
    for (int i = 0; i < 10; ++i) batch.events.push_back({.entity_id = "e", .event_type = "t"});
    ASSERT_TRUE(store.append(batch.build()).ok());
    const View main = *store.view();
    const View system = *store.view({.branch = "$system"});
    const std::uint64_t system_count = system.count({}).value();
    ASSERT_GT(system_count, 0U);
    const Changes changes = *main.changes(system);
    EXPECT_EQ(changes.added_count, 10U);
    EXPECT_EQ(changes.removed_count, system_count);
    EXPECT_EQ(changes.entity_count, 2U);
    EXPECT_EQ(changes.examined, system_count + 10);
}

/// A store whose events occurred a second apart, most of them in index files.
class LongStore : public ::testing::Test {
protected:
    static constexpr std::int64_t kEvents = 20'000;

    void SetUp() override {
        for (std::int64_t i = 0; i < kEvents; i += 100) {
            SentBatch batch;
            for (std::int64_t j = i; j < i + 100; ++j) {
                SentEvent& event = batch.events.emplace_back();
                event.entity_id = "e" + std::to_string(j % 50);
                event.event_type = "t";
                event.occurred_at = Timestamp{j * kSecondNs};
            }
            ASSERT_TRUE(store_.append(batch.build()).ok());
            ASSERT_TRUE(store_.impl_->engine->database->maintain().ok());
        }
    }
    [[nodiscard]] View as_of(std::int64_t second) const {
        ViewOptions options;
        options.as_of = Timestamp{second * kSecondNs};
        return *store_.view(options);
    }
    [[nodiscard]] View at(std::int64_t position) const {
        ViewOptions options;
        options.at = Position{static_cast<std::uint64_t>(position)};
        return *store_.view(options);
    }

    io::SimEnvironment sim_ = io::SimEnvironment(1);
    Store store_ = open_small(sim_);
};

TEST_F(LongStore, TheCostOfChangesFollowsTheDifference) {
    const Changes by_position = *at(9'009).changes(at(8'999));
    EXPECT_EQ(by_position.added_count, 10U);
    EXPECT_EQ(by_position.examined, 10U);
    // Two times a second apart: the stripes around them, and what is not in a file yet.
    const Changes by_time = *as_of(9'001).changes(as_of(9'000));
    EXPECT_EQ(by_time.added_count, 1U);
    EXPECT_LT(by_time.examined, 3'000U);
    ChangesOptions one;
    one.entity_ids = {"e1"};
    const Changes of_one = *as_of(9'001).changes(as_of(8'900), one);
    EXPECT_EQ(of_one.added_count, 3U);
    EXPECT_LT(of_one.examined, 100U);
}

}  // namespace
}  // namespace chronos
