// The power goes while a large fork is merged: the store opens with all of the merge or with nothing of it.
#include <gtest/gtest.h>

#include "simulation/replay.h"
#include "simulation/session.h"
#include "store/view.h"

namespace chronos {
namespace {

constexpr std::uint64_t kEventCount = 5'000;
constexpr std::uint64_t kBatchSize = 10;
constexpr std::uint64_t kEntityCount = 7;
constexpr std::uint64_t kInheritedCount = 20;
constexpr std::uint64_t kOpsOfWriting = 60;

std::unique_ptr<store::Database> open(io::SimEnvironment& world, io::SimFileSystem& files) {
    auto opened = store::Database::open({files, world.clock, world.random}, testing::kStoreDirectory, true,
                                        testing::small_options(16 << 10, 32 << 10));
    return opened.ok() ? std::move(opened).value() : nullptr;
}

std::string payload_of(std::uint64_t number) {
    return "{\"n\":" + std::to_string(number) + ",\"text\":\"" + std::string(40, 'm') + "\"}";
}

/// Events `first` to `first` + `count`, over all entities in turn.
bool append(store::Database& database, const std::string& branch, std::uint64_t first, std::uint64_t count) {
    BatchBuilder builder;
    for (std::uint64_t i = first; i < first + count; ++i) {
        const std::string entity = "entity:" + std::to_string(i % kEntityCount);
        const std::string payload = payload_of(i);
        builder.add({.entity_id = entity, .event_type = "t", .payload = payload});
    }
    return database.append(std::move(builder.content()), {.branch = branch}).ok() && database.maintain().ok();
}

/// A store whose fork "merging", of main or of a fork, has 5,000 events of its own.
void make_store(io::SimEnvironment& world, const std::string& parent) {
    const auto database = open(world, world.files);
    ASSERT_NE(database, nullptr);
    ASSERT_TRUE(append(*database, "main", 0, kInheritedCount));
    if (parent != "main") {
        ASSERT_TRUE(database->create_fork({.name = parent}).ok());
    }
    ASSERT_TRUE(database->create_fork({.parent = parent, .name = "merging"}).ok());
    for (std::uint64_t i = 0; i < kEventCount; i += kBatchSize)
        ASSERT_TRUE(append(*database, "merging", kInheritedCount + i, kBatchSize));
    ASSERT_TRUE(database->close().ok());
}

/// Whether `branch` has exactly `count` events, those of make_store in order.
std::string compare(const store::Database& database, const std::string& branch, std::uint64_t count) {
    const auto view = store::pin_view(database, {.branch = branch});
    if (!view.ok()) return view.error().message;
    store::Reader reader(database.indexes());
    std::uint64_t number = 0;
    std::string wrong;
    store::for_each_range(
        database.indexes(), view->layers, {.begin = 0, .end = view->end_seq}, [&](const store::SeqRange& range) {
            for (std::uint64_t seq = range.begin; seq < range.end && wrong.empty(); ++seq, ++number) {
                const store::Reader::Found found = reader.find(seq);
                if (found.at == nullptr) return false;
                const EventView event = store::make_event_view(found);
                if (event.position.value != number || event.version.value != number / kEntityCount + 1 ||
                    event.payload != payload_of(number))
                    wrong = branch + " has another event at " + std::to_string(number);
            }
            return wrong.empty();
        });
    if (!reader.ok()) return reader.status().error().message;
    if (wrong.empty() && number != count)
        wrong = branch + " has " + std::to_string(number) + " events instead of " + std::to_string(count);
    return wrong;
}

/// Opens what a power cut left and goes on: `is_answered` tells whether the merge was acknowledged.
std::string recover(io::SimEnvironment& world, io::SimFileSystem& files, const std::string& parent, bool is_answered) {
    const std::uint64_t whole = kInheritedCount + kEventCount;
    for (int life = 0; life < 2; ++life) {
        const auto database = open(world, files);
        if (database == nullptr) return "does not open";
        const auto fork = database->branches().find("merging", database->published_seq());
        if (!fork.ok()) return fork.error().message;
        const bool is_merged = fork->status == ForkStatus::kMerged;
        if (is_answered && !is_merged) return "a merge was acknowledged and is not there";
        if (std::string wrong = compare(*database, parent, is_merged ? whole : kInheritedCount); !wrong.empty())
            return wrong + (is_merged ? ", merged" : ", not merged");
        if (std::string wrong = compare(*database, "merging", whole); !wrong.empty()) return wrong;
        if (parent != "main")
            if (std::string wrong = compare(*database, "main", kInheritedCount); !wrong.empty()) return wrong;
        const auto merged = database->merge_fork("merging", {});
        if (!merged.ok()) return merged.error().message;
        if (merged->duplicate != is_merged || merged->event_count != kEventCount) return "answered wrong";
        is_answered = true;
        if (!database->maintain().ok()) return "is not maintained";
    }
    return "";
}

std::string cut_at(io::SimEnvironment& world, const std::string& parent, std::uint64_t op) {
    const auto files = world.files.clone();
    files->reseed(op);
    auto database = open(world, *files);
    if (database == nullptr) return "does not open";
    files->crash_at_op(files->op_count() + op, {.torn = op % 2 == 0});
    const auto merged = database->merge_fork("merging", {});
    // What follows behind the answer: spares, seals, index files.
    if (merged.ok()) (void)database->maintain();
    if (!files->is_powered_off()) files->crash_at_op(files->op_count());
    database.reset();
    files->crash(testing::kCrashModes[op % std::size(testing::kCrashModes)]);
    return recover(world, *files, parent, merged.ok());
}

/// Cuts the power at every `step`-th operation of a merge and of what follows it, and more often while the records are
/// written, which is what the last operations before the answer do.
void cut_at_every(const std::string& parent, std::uint64_t step, std::uint64_t step_of_writing) {
    io::SimEnvironment world(1);
    make_store(world, parent);
    ASSERT_FALSE(::testing::Test::HasFatalFailure());
    const auto whole = world.files.clone();
    const auto database = open(world, *whole);
    const std::uint64_t begin = whole->op_count();
    ASSERT_TRUE(database->merge_fork("merging", {})->merged);
    const std::uint64_t answered = whole->op_count() - begin;
    (void)database->maintain();
    const std::uint64_t end = whole->op_count() - begin;
    ASSERT_GT(answered, 5U);
    std::vector<std::uint64_t> ops;
    for (std::uint64_t op = 0; op < end; ++op) {
        const bool is_writing = op < answered && op + kOpsOfWriting >= answered;
        if (op % (is_writing ? step_of_writing : step) == 0) ops.push_back(op);
    }
    testing::for_each_seed(ops.size(), [&](std::uint64_t seed) {
        const std::uint64_t op = ops.at(seed - 1);
        const std::string wrong = cut_at(world, parent, op);
        return wrong.empty() ? "" : "operation " + std::to_string(op) + ": " + wrong;
    });
}

TEST(MergeCrash, IntoAForkIsThereWholeOrNotAtAll) { cut_at_every("between", 200, 6); }

TEST(MergeCrash, IntoMainIsThereWholeOrNotAtAll) { cut_at_every("main", 40, 3); }

TEST(MergeCrash, SlowIntoAForkIsThereWholeOrNotAtAll) { cut_at_every("between", 5, 1); }

TEST(MergeCrash, SlowIntoMainIsThereWholeOrNotAtAll) { cut_at_every("main", 1, 1); }

}  // namespace
}  // namespace chronos
