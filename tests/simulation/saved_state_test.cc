// States that were saved beside the log: with and without them every answer is the same, whatever became of the files.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "embedded/engine.h"
#include "io/sim/prng.h"
#include "simulation/replay.h"
#include "simulation/session.h"

namespace chronos {
namespace {

using nlohmann::json;

constexpr std::int64_t kSecondNs = 1'000'000'000;

/// What two answers must agree in, as text.
std::string described(const State& state) {
    std::string text = state.json + " version " + std::to_string(state.version.value) + "/" +
                       std::to_string(state.current_version.value) + " events " + std::to_string(state.event_count) +
                       " late " + std::to_string(state.late_events);
    if (state.last_recorded_at) text += " recorded " + state.last_recorded_at->to_string();
    if (state.last_occurred_at) text += " occurred " + state.last_occurred_at->to_string();
    if (state.first_event_at) text += " first " + state.first_event_at->to_string();
    for (const FieldOrigin& origin : state.origins)
        text += "\n" + origin.pointer + " = " + origin.value + " by " + origin.event_id.to_string();
    return text;
}

/// A store on a simulated disk, with what reads states.
struct World {
    explicit World(std::uint64_t seed) : sim(seed), options(testing::small_options(16 << 10, 64 << 10)) {
        // Mostly enough memory for the log; the smallest budget takes blocks away all the time.
        if (seed % 4 != 0) options.memory_budget = std::uint64_t{4} << 20;
    }

    std::string open() {
        auto opened = store::Database::open(sim.environment(), testing::kStoreDirectory, true, options);
        if (!opened.ok()) return "does not open: " + opened.error().message;
        auto impl = std::make_unique<Store::Impl>();
        database = opened->get();
        impl->engine = std::make_shared<Engine>(std::move(opened).value());
        store.emplace(Store(std::move(impl)));
        return "";
    }
    /// What the threads of a store do, done now.
    std::string maintain() {
        const Status done = database->maintain();
        return done.ok() ? "" : "maintaining: " + done.error().message;
    }

    std::string close_and_open() {
        const Status closed = store->close();
        store.reset();
        return closed.ok() ? open() : "does not close: " + closed.error().message;
    }
    /// The process is gone, and perhaps the power.
    std::string crash_and_open(io::CrashMode mode) {
        sim.files.crash_at_op(sim.files.op_count());
        store.reset();
        sim.files.crash(mode);
        return open();
    }

    [[nodiscard]] std::vector<std::string> snapshot_files() const {
        std::vector<std::string> names = sim.files.all_files();
        std::erase_if(names, [](const std::string& name) { return !name.ends_with(".snap"); });
        return names;
    }

    io::SimEnvironment sim;
    store::DatabaseOptions options;
    std::optional<Store> store;
    store::Database* database = nullptr;  // the store's
};

class SavedStates {
public:
    explicit SavedStates(std::uint64_t seed) : world_(seed), prng_(seed) {}

    std::string run(std::uint64_t operation_count) {
        std::string wrong = world_.open();
        begin_ns_ = world_.sim.clock.wall_ns();
        for (std::uint64_t i = 0; i < operation_count && wrong.empty(); ++i) {
            wrong = step();
            if (!wrong.empty()) wrong = "operation " + std::to_string(i) + ", " + wrong;
        }
        if (wrong.empty() && (served_count_ == 0 || damage_count_ == 0 || as_of_count_ == 0 || fork_count_ == 0))
            return "saved states were hardly used: " + std::to_string(served_count_) + " times, " +
                   std::to_string(as_of_count_) + " as of a time, " + std::to_string(fork_count_) + " in forks, " +
                   std::to_string(damage_count_) + " files damaged";
        return wrong;
    }

private:
    std::string step() {
        world_.sim.clock.advance(static_cast<std::int64_t>(prng_.below(1'000'000)));
        const std::uint64_t kind = prng_.below(100);
        if (kind < 45) return append();
        if (kind < 78) return compare();
        if (kind < 84) return world_.maintain();
        if (kind < 87) return change_forks();
        if (kind < 92) return world_.close_and_open();
        if (kind < 95) return world_.crash_and_open(testing::kCrashModes[prng_.below(std::size(testing::kCrashModes))]);
        return damage();
    }

    std::string entity() { return "order:" + std::to_string(prng_.below(4)); }
    std::string branch() { return forks_.empty() || prng_.chance(0.6) ? "main" : forks_[prng_.below(forks_.size())]; }

    /// Between the beginning and now, mostly near now.
    Timestamp some_time() {
        const auto past = static_cast<std::uint64_t>(world_.sim.clock.wall_ns() - begin_ns_) + 1;
        return {world_.sim.clock.wall_ns() -
                static_cast<std::int64_t>(prng_.below(prng_.chance(0.5) ? past : past / 20 + 1))};
    }

    json value(int depth) {
        switch (prng_.below(depth > 0 ? 7 : 4)) {
            case 0: return nullptr;
            case 1: return prng_.below(100);
            case 2: return std::string(prng_.below(20), 'x');
            case 3: return json::array({1.5, "a", nullptr});
            default: return object(depth - 1);
        }
    }
    json object(int depth) {
        json fields = json::object();
        for (std::uint64_t i = prng_.below(4); i > 0; --i)
            fields[std::string(1, static_cast<char>('a' + prng_.below(prng_.chance(0.05) ? 20 : 6)))] = value(depth);
        return fields;
    }

    std::string append() {
        const std::string name = entity();
        BatchBuilder batch;
        for (std::uint64_t i = 1 + prng_.below(prng_.chance(0.3) ? 120 : 10); i > 0; --i) {
            const std::string payload = (prng_.chance(0.97) ? object(2) : value(1)).dump(prng_.chance(0.1) ? 1 : -1);
            const std::string id = prng_.chance(0.8) ? name : entity();
            BatchBuilder::EventRef event{.entity_id = id, .event_type = "order.changed", .payload = payload};
            if (prng_.chance(0.1)) event.occurred_at = some_time();
            if (prng_.chance(0.0003)) event.occurred_at = Timestamp{world_.sim.clock.wall_ns() + kSecondNs / 50};
            batch.add(event);
        }
        const std::string to = branch();
        const auto answer = world_.store->append(std::move(batch), {.branch = to});
        if (answer.ok() || answer.error().code == ErrorCode::kGone) return "";
        return "an append: " + answer.error().message;
    }

    std::string change_forks() {
        if (forks_.size() >= 3) {
            const auto which = forks_.begin() + static_cast<std::ptrdiff_t>(prng_.below(forks_.size()));
            if (prng_.chance(0.5)) (void)world_.store->merge_fork(*which, {.others = MergeResolution::kForce});
            (void)world_.store->discard_fork(*which);  // What was merged stays.
            forks_.erase(which);
            return "";
        }
        const auto fork = world_.store->create_fork({.parent = branch()});
        if (!fork.ok()) return "a fork: " + fork.error().message;
        forks_.push_back(fork->id);
        return "";
    }

    /// Files go, or bits of them flip, while the store is open or closed.
    std::string damage() {
        const bool while_closed = prng_.chance(0.5);
        if (while_closed) {
            if (!world_.store->close().ok()) return "does not close";
            world_.store.reset();
        }
        for (const std::string& name : world_.snapshot_files()) {
            if (while_closed && prng_.chance(0.3)) {
                (void)world_.sim.files.remove_file(name);
            } else if (prng_.chance(0.5)) {
                const std::uint64_t size = world_.sim.files.file_contents(name)->size();
                (void)world_.sim.files.flip_bit(name, prng_.below(size * 8));
            }
            ++damage_count_;
        }
        return while_closed ? world_.open() : "";
    }

    ViewOptions view_options() {
        ViewOptions options{.branch = branch()};
        const auto head = world_.store->view(options);
        if (!head.ok() || !head->info().at) return options;
        if (prng_.chance(0.2)) options.at = Position{prng_.below(head->info().at->value + 1)};
        if (prng_.chance(0.2)) options.known_at = some_time();
        if (prng_.chance(0.4)) options.as_of = some_time();
        return options;
    }

    std::string compare() {
        const ViewOptions options = view_options();
        const auto view = world_.store->view(options);
        if (!view.ok()) return view.error().code == ErrorCode::kGone ? "" : "a view: " + view.error().message;
        const std::string name = entity();
        StateOptions with{.fold = prng_.chance(0.8) ? Fold::kMergePatch : Fold::kShallow,
                          .order = prng_.chance(0.9) ? FoldOrder::kStream : FoldOrder::kOccurred,
                          .with_origins = true};
        StateOptions without = with;
        without.ignore_snapshots = true;
        const auto found = view->state(name, with);
        const auto wanted = view->state(name, without);
        if (!found.ok() || !wanted.ok()) return "a state: " + (found.ok() ? wanted : found).error().message;
        if (described(*found) != described(*wanted))
            return name + " on " + options.branch + ": " + described(*found) + "\ninstead of " + described(*wanted);
        if (found->folded_events < found->event_count) {
            ++served_count_;
            if (options.as_of) ++as_of_count_;
            if (options.branch != "main") ++fork_count_;
        }
        return "";
    }

    World world_;
    io::Prng prng_;
    std::int64_t begin_ns_ = 0;
    std::vector<std::string> forks_;
    std::uint64_t served_count_ = 0, damage_count_ = 0, as_of_count_ = 0, fork_count_ = 0;
};

std::string live(std::uint64_t seed) { return SavedStates(seed).run(1'000); }

TEST(SavedStates, ChangeNoAnswer) { testing::for_each_seed(2, live); }
TEST(SavedStates, SlowChangeNoAnswer) { testing::for_each_seed(40, live); }
TEST(SavedStates, TortureChangeNoAnswer) {
    if (!testing::torture_is_on()) GTEST_SKIP() << "set CHRONOS_TORTURE=1";
    testing::for_each_seed(5'000, live);
}

/// Events of one entity whose state has a counter and a field of its own now and then.
void append_counted(Store& store, const std::string& entity, std::uint64_t first, std::uint64_t count,
                    const std::string& branch = "main") {
    BatchBuilder batch;
    for (std::uint64_t i = first; i < first + count; ++i) {
        const std::string payload = json{{"n", i}, {"f" + std::to_string(i % 7), i}}.dump();
        batch.add({.entity_id = entity, .event_type = "order.counted", .payload = payload});
    }
    const auto answer = store.append(std::move(batch), {.branch = branch});
    ASSERT_TRUE(answer.ok()) << answer.error().message;
}

State state_of(const Store& store, const std::string& entity, const ViewOptions& options = {},
               bool ignore_snapshots = false) {
    return store.view(options)->state(entity, {.with_origins = true, .ignore_snapshots = ignore_snapshots}).value();
}

TEST(SavedState, SavesFoldingAfterACleanClose) {
    World world(1);
    ASSERT_EQ(world.open(), "");
    append_counted(*world.store, "order:1", 0, 500);
    ASSERT_EQ(world.close_and_open(), "");
    const State state = state_of(*world.store, "order:1");
    EXPECT_EQ(state.event_count, 500U);
    EXPECT_EQ(state.folded_events, 0U);
    EXPECT_EQ(described(state), described(state_of(*world.store, "order:1", {}, true)));
}

TEST(SavedState, OfWhatWasIndexedSavesFoldingAfterACrash) {
    World world(1);
    ASSERT_EQ(world.open(), "");
    for (std::uint64_t i = 0; i < 100; ++i) {
        append_counted(*world.store, "order:1", i * 50, 50);
        ASSERT_EQ(world.maintain(), "");
    }
    ASSERT_EQ(world.crash_and_open(io::CrashMode::kDropUnsynced), "");
    const State state = state_of(*world.store, "order:1");
    EXPECT_EQ(state.event_count, 5'000U);
    EXPECT_LT(state.folded_events, 1'000U);
    EXPECT_EQ(described(state), described(state_of(*world.store, "order:1", {}, true)));
}

TEST(SavedState, ThatAReadFoldedIsThereAfterTheNextOpen) {
    World world(1);
    ASSERT_EQ(world.open(), "");
    // Too few in each segment to be folded behind appends.
    for (std::uint64_t i = 0; i < 200; ++i) {
        append_counted(*world.store, "order:1", i, 1);
        append_counted(*world.store, "order:" + std::to_string(i + 2), 0, 40);
        if (i % 20 < 19) continue;
        ASSERT_EQ(world.close_and_open(), "");
    }
    EXPECT_EQ(state_of(*world.store, "order:1").folded_events, 200U);
    ASSERT_EQ(world.close_and_open(), "");
    EXPECT_EQ(state_of(*world.store, "order:1").folded_events, 0U);
}

TEST(SavedState, OfThePastIsWhereAStateAsOfStarts) {
    World world(1);
    ASSERT_EQ(world.open(), "");
    std::vector<Timestamp> times;
    for (std::uint64_t i = 0; i < 50; ++i) {
        append_counted(*world.store, "order:1", i * 100, 100);
        times.push_back({world.sim.clock.wall_ns()});
        world.sim.clock.advance(kSecondNs);
    }
    ASSERT_EQ(world.close_and_open(), "");
    for (const std::size_t i : {0, 9, 10, 11, 24, 49}) {
        const State state = state_of(*world.store, "order:1", {.as_of = times[i]});
        EXPECT_EQ(state.event_count, (i + 1) * 100);
        EXPECT_LE(state.folded_events, projection::kRungEvents);
        EXPECT_EQ(described(state), described(state_of(*world.store, "order:1", {.as_of = times[i]}, true)));
    }
}

TEST(SavedState, WithAnEventThatOccursLaterDoesNotServeEarlierTimes) {
    World world(1);
    ASSERT_EQ(world.open(), "");
    const Timestamp now{world.sim.clock.wall_ns()};
    append_counted(*world.store, "order:1", 0, 100);
    BatchBuilder batch;
    batch.add({.entity_id = "order:1",
               .event_type = "order.planned",
               .payload = R"({"planned":true})",
               .occurred_at = Timestamp{now.ns + 60 * kSecondNs}});
    ASSERT_TRUE(world.store->append(std::move(batch)).ok());
    append_counted(*world.store, "order:1", 100, 100);
    ASSERT_EQ(world.close_and_open(), "");
    const ViewOptions options{.as_of = Timestamp{now.ns + 30 * kSecondNs}};
    const State state = state_of(*world.store, "order:1", options);
    EXPECT_EQ(state.event_count, 200U);
    EXPECT_EQ(state.json.find("planned"), std::string::npos) << state.json;
    EXPECT_EQ(described(state), described(state_of(*world.store, "order:1", options, true)));
}

TEST(SavedState, OfTheParentServesAForkUpToWhereItBegins) {
    World world(1);
    ASSERT_EQ(world.open(), "");
    append_counted(*world.store, "order:1", 0, 300);
    const std::string fork = world.store->create_fork({}).value().id;
    append_counted(*world.store, "order:1", 1'000, 300);
    append_counted(*world.store, "order:1", 2'000, 10, fork);
    ASSERT_EQ(world.close_and_open(), "");
    // The parent's longest state has what the fork does not see, so it is folded; then the fork's own is saved.
    EXPECT_EQ(described(state_of(*world.store, "order:1", {.branch = fork})),
              described(state_of(*world.store, "order:1", {.branch = fork}, true)));
    append_counted(*world.store, "order:1", 3'000, 100, fork);
    ASSERT_EQ(world.close_and_open(), "");
    const State state = state_of(*world.store, "order:1", {.branch = fork});
    EXPECT_EQ(state.event_count, 410U);
    EXPECT_EQ(state.folded_events, 0U);
    EXPECT_EQ(described(state), described(state_of(*world.store, "order:1", {.branch = fork}, true)));
    EXPECT_EQ(state_of(*world.store, "order:1").event_count, 600U);
}

/// Somebody puts back an old copy of the log, and leaves the snapshots of what came after it.
TEST(SavedState, OfAnotherHistoryIsNotBelieved) {
    World world(1);
    ASSERT_EQ(world.open(), "");
    append_counted(*world.store, "order:1", 0, 100);
    ASSERT_TRUE(world.store->close().ok());
    world.store.reset();
    const std::unique_ptr<io::SimFileSystem> copy = world.sim.files.clone();
    ASSERT_EQ(world.open(), "");
    append_counted(*world.store, "order:1", 5'000, 100);
    ASSERT_TRUE(world.store->close().ok());
    world.store.reset();

    auto opened = store::Database::open({*copy, world.sim.clock, world.sim.random}, testing::kStoreDirectory, false,
                                        testing::small_options(16 << 10, 64 << 10));
    ASSERT_TRUE(opened.ok());
    for (const std::string& name : world.snapshot_files()) {
        (void)copy->remove_file(name);
        ASSERT_TRUE(copy->open(name, io::OpenMode::kCreate)
                        .value()
                        ->write_at(0, world.sim.files.file_contents(name).value())
                        .ok());
    }
    auto impl = std::make_unique<Store::Impl>();
    impl->engine = std::make_shared<Engine>(std::move(opened).value());
    Store other(std::move(impl));
    append_counted(other, "order:1", 7'000, 100);
    const State state = state_of(other, "order:1");
    EXPECT_EQ(state.event_count, 200U);
    EXPECT_EQ(described(state), described(state_of(other, "order:1", {}, true)));
}

TEST(SavedState, TakesAFractionOfTheLogHoweverLargeStatesAre) {
    World world(1);
    ASSERT_EQ(world.open(), "");
    for (std::uint64_t i = 0; i < 100; ++i) {  // Each event adds a field, so the state grows for ever.
        BatchBuilder batch;
        for (std::uint64_t n = 0; n < 50; ++n) {
            const std::string payload = json{{"field-" + std::to_string(i * 50 + n), std::string(30, 'x')}}.dump();
            batch.add({.entity_id = "order:1", .event_type = "order.counted", .payload = payload});
        }
        ASSERT_TRUE(world.store->append(std::move(batch)).ok());
        ASSERT_EQ(world.maintain(), "");
        ASSERT_TRUE(world.store->view()->state("order:1").ok());
    }
    ASSERT_EQ(world.close_and_open(), "");
    std::uint64_t snapshot_bytes = 0;
    for (const std::string& name : world.snapshot_files())
        snapshot_bytes += world.sim.files.file_contents(name)->size();
    const std::uint64_t log_bytes = world.store->view()->stats()->log_bytes;
    EXPECT_GT(snapshot_bytes, 0U);
    EXPECT_LT(snapshot_bytes, log_bytes);
    EXPECT_LT(state_of(*world.store, "order:1").folded_events, 4'000U);
}

TEST(SavedState, FilesAreMergedSoThatThereAreFew) {
    World world(1);
    ASSERT_EQ(world.open(), "");
    for (std::uint64_t i = 0; i < 30; ++i) {
        append_counted(*world.store, "order:1", i * 100, 100);
        ASSERT_EQ(world.close_and_open(), "");
    }
    EXPECT_LE(world.snapshot_files().size(), 11U);  // 24 turns in three files, and six
    for (std::uint64_t i = 1; i <= 30; ++i) {
        const State state = state_of(*world.store, "order:1", {.at = Position{i * 100 - 1}});
        EXPECT_EQ(state.event_count, i * 100);
        EXPECT_EQ(state.folded_events, 0U) << i;
    }
}

/// The power goes at every operation of a life in which states are saved and files merged.
TEST(SavedState, AreWholeOrNotThereWhereverThePowerGoes) {
    const auto live_until = [](World& world) -> std::string {
        if (std::string wrong = world.open(); !wrong.empty()) return wrong;
        for (std::uint64_t i = 0; i < 9; ++i) {
            BatchBuilder batch;
            for (std::uint64_t n = 0; n < 70; ++n)
                batch.add({.entity_id = "order:1", .event_type = "order.counted", .payload = R"({"n":1})"});
            if (!world.store->append(std::move(batch)).ok()) return "no power";
            if (!world.store->close().ok()) return "no power";
            world.store.reset();
            if (std::string wrong = world.open(); !wrong.empty()) return wrong;
        }
        return "";
    };
    World whole(1);
    ASSERT_EQ(live_until(whole), "");
    const std::uint64_t op_count = whole.sim.files.op_count();
    std::uint64_t served = 0;
    for (std::uint64_t at = 0; at < op_count; at += 7) {
        World world(1);
        world.sim.files.crash_at_op(at, {.torn = at % 2 == 0});
        (void)live_until(world);
        world.store.reset();
        world.sim.files.crash(testing::kCrashModes[at % std::size(testing::kCrashModes)]);
        ASSERT_EQ(world.open(), "") << "operation " << at;
        const State state = state_of(*world.store, "order:1");
        ASSERT_EQ(described(state), described(state_of(*world.store, "order:1", {}, true))) << "operation " << at;
        if (state.folded_events < state.event_count) ++served;
    }
    EXPECT_GT(served, op_count / 7 / 4);
}

}  // namespace
}  // namespace chronos
