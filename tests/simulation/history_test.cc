// Many threads at once: what each was told and saw must fit one order of events that time agrees with.
//
//     writer   call ──append──▶ answer        every call, answer and reading takes a tick of one counter,
//     reader   tick ─ view, read ─ tick       so "before" is a comparison of ticks
//     follower next, next, next …
//
// The order of threads is the machine's, so a failure repeats only by luck; the seed repeats what was asked for.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "chronos/store.h"
#include "io/sim/prng.h"
#include "simulation/replay.h"

namespace chronos {
namespace {

constexpr int kWriters = 4;
constexpr int kReaders = 2;
constexpr std::uint64_t kEntities = 8;
constexpr std::uint32_t kPageSize = 1'000;
constexpr std::uint64_t kNever = ~std::uint64_t{0};

/// One append: what was asked, and what was told.
struct Operation {
    std::string entity;
    std::size_t count = 1;
    std::optional<std::uint64_t> expected_version;
    std::uint64_t called = 0;
    std::uint64_t returned = 0;
    std::vector<AppendedEvent> events;             // appended
    bool is_visible = true;                        // when answered; at level `os` it may become so later
    std::optional<std::uint64_t> current_version;  // refused: the version that was there instead
};

/// Views with so many events: one was made after tick `before`, one was there by tick `after`.
struct Sighting {
    std::uint64_t before = 0;
    std::uint64_t count = 0;
    std::uint64_t after = 0;
};

struct Observer {
    std::vector<Uuid> ids;  // by position
    std::vector<Sighting> sightings;
    std::string wrong;

    /// Views of one size are kept as one: the latest that holds no more, the earliest that holds no less.
    void saw(const Sighting& sighting) {
        if (sightings.empty() || sightings.back().count != sighting.count) {
            sightings.push_back(sighting);
        } else {
            sightings.back().before = sighting.before;
        }
    }

    /// Events that follow those seen so far.
    void see(const Page& page) {
        for (const EventView& event : page.events()) {
            if (event.position.value != ids.size() && wrong.empty())
                wrong = "saw position " + std::to_string(event.position.value) + " after " +
                        std::to_string(ids.size()) + " events";
            ids.push_back(event.id);
        }
    }
};

class History {
public:
    History(Store& store, std::uint64_t seed, std::uint64_t operation_count)
        : store_(store), seed_(seed), per_writer_(operation_count / kWriters) {}

    /// Runs it all; what was wrong, or nothing.
    std::string run() {
        std::vector<std::thread> writers;
        std::vector<std::thread> others;
        for (int i = 0; i < kReaders; ++i) others.emplace_back([this, i] { read(readers_[i]); });
        others.emplace_back([this] { follow(); });
        for (int i = 0; i < kWriters; ++i) writers.emplace_back([this, i] { write(i); });
        for (std::thread& thread : writers) thread.join();
        end_.store(acknowledged_count());  // At level `os` the last of them become visible a little later.
        for (std::thread& thread : others) thread.join();
        for (const auto& wrong : wrong_writers_)
            if (!wrong.empty()) return wrong;
        if (std::string wrong = check_order(); !wrong.empty()) return wrong;
        if (std::string wrong = check_versions(); !wrong.empty()) return wrong;
        for (const Observer& reader : readers_)
            if (std::string wrong = check_observer(reader); !wrong.empty()) return "a reader: " + wrong;
        if (std::string wrong = check_observer(follower_); !wrong.empty()) return "the follower: " + wrong;
        return "";
    }

    /// The events of `store`, read at rest, are those of the history.
    std::string same_events(const Store& store) const {
        Observer all;
        Page page;
        ReadOptions options{.limit = kPageSize};
        const auto view = store.view();
        do {
            if (!view.ok() || !view->read(options, page).ok()) return "cannot be read";
            all.see(page);
            options.cursor = page.next_cursor();
        } while (page.has_more());
        if (!all.wrong.empty()) return all.wrong;
        return all.ids == ids_ ? "" : "another order of events at rest";
    }

    [[nodiscard]] std::uint64_t conflict_count() const { return conflicts_; }

private:
    std::uint64_t tick() { return ticks_.fetch_add(1); }

    std::uint64_t acknowledged_count() const {
        std::uint64_t count = 0;
        for (const auto& mine : operations_)
            for (const Operation& operation : mine) count += operation.events.size();
        return count;
    }

    std::uint64_t version_of(const std::string& entity) {
        Page page;
        const auto view = store_.view();
        if (!view.ok() || !view->read_last_resident(entity, 1, page).ok() || page.events().empty()) return 0;
        return page.events()[0].version.value;
    }

    void write(int writer) {
        io::Prng prng(seed_ * kWriters + static_cast<std::uint64_t>(writer));
        std::vector<Operation>& mine = operations_[writer];
        mine.reserve(per_writer_);
        while (mine.size() < per_writer_) {
            if (prng.chance(0.2)) {
                write_together(writer, std::min<std::uint64_t>(1 + prng.below(8), per_writer_ - mine.size()), prng);
                continue;
            }
            Operation operation = choose(prng);
            BatchBuilder batch = build(operation);
            operation.called = tick();
            const auto answer = store_.append(std::move(batch), {.durability = durability(prng)});
            finish(writer, std::move(operation), answer);
        }
    }

    /// Several appends under way at once from one thread.
    void write_together(int writer, std::uint64_t count, io::Prng& prng) {
        std::vector<std::pair<Operation, PendingAppend>> waiting;
        for (std::uint64_t i = 0; i < count; ++i) {
            Operation operation = choose(prng);
            BatchBuilder batch = build(operation);
            operation.called = tick();
            auto pending = store_.append_async(std::move(batch), {.durability = durability(prng)});
            if (pending.ok()) {
                waiting.emplace_back(std::move(operation), std::move(pending).value());
            } else {
                finish(writer, std::move(operation), pending.error());
            }
        }
        for (auto& [operation, pending] : waiting) {
            const auto answer = pending.get();
            finish(writer, std::move(operation), answer);
        }
    }

    Durability durability(io::Prng& prng) { return prng.chance(0.2) ? Durability::kOs : Durability::kDurable; }

    Operation choose(io::Prng& prng) {
        Operation operation{.entity = "order:" + std::to_string(prng.below(kEntities)), .count = 1 + prng.below(3)};
        if (prng.chance(0.6)) operation.expected_version = version_of(operation.entity);
        return operation;
    }

    static BatchBuilder build(const Operation& operation) {
        BatchBuilder batch;
        for (std::size_t i = 0; i < operation.count; ++i)
            batch.add({.entity_id = operation.entity, .event_type = "order.changed", .payload = R"({"total":42})"});
        if (operation.expected_version)
            batch.add_condition(
                EntityCondition{operation.entity, ExpectedVersion::exactly(*operation.expected_version)});
        return batch;
    }

    void finish(int writer, Operation operation, const Result<AppendResult>& answer) {
        operation.returned = tick();
        if (answer.ok()) {
            operation.events = answer->events;
            operation.is_visible = answer->durability != Durability::kOs;
        } else if (answer.error().code == ErrorCode::kVersionConflict && operation.expected_version &&
                   answer.error().append_failure && answer.error().append_failure->conditions.size() == 1) {
            operation.current_version = answer.error().append_failure->conditions[0].current_version.value;
        } else if (wrong_writers_[writer].empty()) {
            wrong_writers_[writer] = "an append was answered: " + answer.error().message;
        }
        operations_[writer].push_back(std::move(operation));
    }

    void read(Observer& reader) {
        Page page;
        while (reader.wrong.empty() && reader.ids.size() < end_.load()) {
            Sighting sighting{.before = tick()};
            const auto view = store_.view();
            const std::optional<Position> at = view->info().at;
            sighting.after = tick();
            sighting.count = at ? at->value + 1 : 0;
            reader.saw(sighting);
            while (reader.ids.size() < sighting.count && reader.wrong.empty()) {
                ReadOptions options{.limit = kPageSize};
                if (!reader.ids.empty()) options.after = Position{reader.ids.size() - 1};
                const Status status = view->read(options, page);
                if (!status.ok()) reader.wrong = "a read was answered: " + status.error().message;
                if (page.events().empty() && reader.wrong.empty()) reader.wrong = "a view does not hold what it says";
                reader.see(page);
            }
            if (reader.ids.size() > sighting.count && reader.wrong.empty())
                reader.wrong = "a view is older than one before it";
        }
    }

    void follow() {
        auto follower = store_.follow(FollowOptions{});
        Page page;
        while (follower.ok() && follower_.wrong.empty() && follower_.ids.size() < end_.load()) {
            const Status status = follower->next(kPageSize, 20, page);
            if (!status.ok()) follower_.wrong = "was answered: " + status.error().message;
            follower_.see(page);
        }
        if (!follower.ok()) follower_.wrong = "did not start: " + follower.error().message;
    }

    /// Positions without gaps, ids without repeats, and nothing placed before what was acknowledged when it was called.
    std::string check_order() {
        for (const auto& mine : operations_)
            for (const Operation& operation : mine) {
                if (operation.current_version) ++conflicts_;
                if (!operation.events.empty()) by_position_[operation.events[0].position.value] = &operation;
            }
        std::set<Uuid> unique;
        std::uint64_t last_called = 0;
        for (const auto& [position, operation] : by_position_) {
            if (operation->events.size() != operation->count) return "an answer with the wrong number of events";
            for (const AppendedEvent& event : operation->events) {
                if (event.position.value != ids_.size())
                    return "no one was given position " + std::to_string(ids_.size());
                if (!unique.insert(event.id).second) return "two events have one id";
                ids_.push_back(event.id);
            }
            if (operation->returned < last_called)
                return "position " + std::to_string(position) +
                       " was acknowledged before an append with a smaller one was called";
            last_called = std::max(last_called, operation->called);
        }
        return "";
    }

    /// Each version once and in order; a conflict names a version that was there between call and answer.
    std::string check_versions() {
        std::map<std::string, std::map<std::uint64_t, const Operation*>>
            made;  // entity → last version of a batch → batch
        std::map<std::string, std::uint64_t> versions;
        for (const auto& [position, operation] : by_position_) {
            std::uint64_t& version = versions[operation->entity];
            const std::string at = "position " + std::to_string(position) + ": ";
            if (operation->expected_version && *operation->expected_version != version)
                return at + "entered though version " + std::to_string(*operation->expected_version) +
                       " was expected at " + std::to_string(version);
            for (const AppendedEvent& event : operation->events)
                if (event.version.value != ++version)
                    return at + "answered version " + std::to_string(event.version.value);
            made[operation->entity][version] = operation;
        }
        for (const auto& mine : operations_) {
            for (const Operation& operation : mine) {
                if (!operation.current_version) continue;
                const std::uint64_t version = *operation.current_version;
                if (version == *operation.expected_version) return "a conflict with the version that was expected";
                const auto& batches = made[operation.entity];
                const std::string named =
                    "a conflict names version " + std::to_string(version) + " of " + operation.entity;
                if (version > 0 && !batches.contains(version)) return named + ", which no batch left";
                if (version > 0 && batches.at(version)->called > operation.returned)
                    return named + ", which came later";
                const auto next = batches.upper_bound(version);
                if (next != batches.end() && next->second->returned < operation.called)
                    return named + ", which was past";
            }
        }
        return "";
    }

    std::string check_observer(const Observer& observer) const {
        if (!observer.wrong.empty()) return observer.wrong;
        if (observer.ids != ids_) return "saw other events than were acknowledged, or in another order";
        // Ticks of the calls and answers of what a view of so many events may and must hold.
        std::vector<std::uint64_t> last_called(ids_.size() + 1, 0);
        std::vector<std::uint64_t> first_returned(ids_.size() + 1, kNever);
        for (const auto& [position, operation] : by_position_)
            for (const AppendedEvent& event : operation->events) {
                last_called[event.position.value + 1] = operation->called;
                if (operation->is_visible) first_returned[event.position.value] = operation->returned;
            }
        for (std::size_t i = 1; i <= ids_.size(); ++i) last_called[i] = std::max(last_called[i], last_called[i - 1]);
        for (std::size_t i = ids_.size(); i > 0; --i)
            first_returned[i - 1] = std::min(first_returned[i - 1], first_returned[i]);
        std::uint64_t count = 0;
        for (const Sighting& sighting : observer.sightings) {
            if (sighting.count < count) return "a view shrank";
            count = sighting.count;
            if (count > 0 && count < ids_.size() && !by_position_.contains(count)) return "a view ends inside a batch";
            if (last_called[count] > sighting.after) return "saw an event before it was sent";
            if (first_returned[count] < sighting.before) return "did not see an event that was acknowledged";
        }
        return "";
    }

    Store& store_;
    const std::uint64_t seed_;
    const std::uint64_t per_writer_;
    std::atomic<std::uint64_t> ticks_ = 1;
    std::atomic<std::uint64_t> end_ = kNever;  // events in all, once the writers are done

    // Each used by one thread until the threads are joined:
    std::vector<Operation> operations_[kWriters];
    std::string wrong_writers_[kWriters];
    Observer readers_[kReaders];
    Observer follower_;

    std::map<std::uint64_t, const Operation*> by_position_;
    std::vector<Uuid> ids_;
    std::uint64_t conflicts_ = 0;
};

constexpr unsigned kHangSeconds = 600;

void check_in_memory(std::uint64_t operation_count) {
    const std::uint64_t seed = testing::number_from_environment("CHRONOS_SEED", 1);
    const testing::RepeatOnAbort guard(seed, kHangSeconds);
    auto store = Store::open({.directory = "", .in_memory = true});
    ASSERT_TRUE(store.ok());
    History history(*store, seed, operation_count);
    EXPECT_EQ(history.run(), "") << testing::repeat_command(seed);
    EXPECT_EQ(history.same_events(*store), "");
    EXPECT_GT(history.conflict_count(), 0U);
}

void check_on_disk(std::uint64_t operation_count) {
    const std::uint64_t seed = testing::number_from_environment("CHRONOS_SEED", 1);
    const testing::RepeatOnAbort guard(seed, kHangSeconds);
    std::string directory = (std::filesystem::temp_directory_path() / "chronos-history-XXXXXX").string();
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    const OpenOptions options{.directory = directory + "/store"};
    {
        auto store = Store::open(options);
        ASSERT_TRUE(store.ok()) << store.error().message;
        History history(*store, seed, operation_count);
        EXPECT_EQ(history.run(), "") << testing::repeat_command(seed);
        EXPECT_EQ(history.same_events(*store), "");
        EXPECT_GT(history.conflict_count(), 0U);
        ASSERT_TRUE(store->close().ok());
        store = Store::open(options);
        ASSERT_TRUE(store.ok()) << store.error().message;
        EXPECT_EQ(history.same_events(*store), "") << "opened again";
    }
    std::filesystem::remove_all(directory);
}

TEST(ConcurrentHistory, InMemoryFitsOneOrder) { check_in_memory(10'000); }
TEST(ConcurrentHistory, OnDiskFitsOneOrder) { check_on_disk(10'000); }
TEST(ConcurrentHistory, SlowInMemoryFitsOneOrder) { check_in_memory(100'000 / testing::share()); }
TEST(ConcurrentHistory, SlowOnDiskFitsOneOrder) { check_on_disk(100'000 / testing::share()); }

}  // namespace
}  // namespace chronos
