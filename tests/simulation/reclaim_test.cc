// Giving back the space of forks that are gone: nothing else goes, whatever happens meanwhile.
#include <gtest/gtest.h>

#include <map>

#include "base/result.h"
#include "embedded/engine.h"
#include "simulation/replay.h"
#include "simulation/session.h"
#include "store/offline.h"

namespace chronos {
namespace {

constexpr std::int64_t kHourNs = 3'600LL * 1'000'000'000;

/// A store on a simulated disk, with forks in all conditions, and what must be read on each of its branches.
class World {
public:
    explicit World(std::uint64_t seed) : sim_(seed) {}

    io::SimEnvironment& sim() { return sim_; }

    Result<Store> open() { return open(sim_.files); }
    Result<Store> open(io::SimFileSystem& files) {
        auto database =
            store::Database::open({files, sim_.clock, sim_.random}, testing::kStoreDirectory, true, options_);
        if (!database.ok()) return std::move(database).error();
        auto impl = std::make_unique<Store::Impl>();
        impl->engine = std::make_shared<Engine>(std::move(database).value());
        return Store(std::move(impl));
    }
    static Status maintain(Store& store) { return store.impl_->engine->database->maintain(); }
    static store::Database& database(Store& store) { return *store.impl_->engine->database; }

    void append(Store& store, const std::string& branch, int count, std::size_t size = 300) {
        for (int i = 0; i < count; ++i) {
            BatchBuilder batch;
            std::vector<std::string> payloads;
            for (int k = 0; k < 1 + number_ % 3; ++k) {
                const std::string payload = "{\"of\":\"" + branch + "\",\"n\":" + std::to_string(number_) +
                                            ",\"k\":" + std::to_string(k) + ",\"text\":\"" + std::string(size, 'x') +
                                            "\"}";
                const std::string entity = "entity:" + std::to_string(number_ % 5);
                const std::string_view tag = k == 0 ? "first" : "later";
                batch.add({.entity_id = entity,
                           .event_type = "t" + std::to_string(number_ % 2),
                           .payload = payload,
                           .tags = {&tag, 1}});
                payloads.push_back(payload);
            }
            ++number_;
            const auto answer = store.append(std::move(batch), {.branch = branch});
            ASSERT_TRUE(answer.ok()) << answer.error().message;
            expected_[branch].insert(expected_[branch].end(), payloads.begin(), payloads.end());
            sim_.clock.advance(1'000'000);
            if (number_ % 4 == 0) {
                ASSERT_TRUE(maintain(store).ok());
            }
        }
    }
    void fork(Store& store, const std::string& name, const std::string& parent, std::int64_t ttl_ns = kHourNs) {
        const auto made = store.create_fork({.parent = parent, .name = name, .ttl_ns = ttl_ns});
        ASSERT_TRUE(made.ok()) << made.error().message;
        ids_[name] = made->id;
        expected_[name] = expected_[parent];
    }

    /// Forks that are gone: discarded, expired, and merged; that live: one of main, and one of a fork that is gone.
    void live(Store& store) {
        append(store, "main", 6);
        fork(store, "lives", "main", 48 * kHourNs);
        fork(store, "discarded", "main");
        fork(store, "merged", "main");
        fork(store, "expires", "main");
        for (int i = 0; i < 12; ++i) {
            append(store, "discarded", 3);
            append(store, "main", 1);
            append(store, "merged", 2);
            append(store, "lives", 1);
            append(store, "expires", 3);
        }
        fork(store, "parent", "main", 2 * kHourNs);
        append(store, "parent", 12);
        fork(store, "child", "parent", 48 * kHourNs);
        for (int i = 0; i < 10; ++i) {
            append(store, "parent", 3);
            append(store, "child", 1);
        }
        ASSERT_TRUE(store.discard_fork("discarded").ok());
        gone_ = {"discarded"};
        // What main has behind the fork position is of the same entities.
        const auto merged = store.merge_fork("merged", {.others = MergeResolution::kForce});
        ASSERT_TRUE(merged.ok() && merged->merged);
        for (std::size_t i = 0; i < merged->event_count; ++i)
            expected_["main"].push_back(expected_["merged"][expected_["merged"].size() - merged->event_count + i]);
        append(store, "main", 20);
        ASSERT_TRUE(maintain(store).ok());
    }
    /// The time of those that have to end comes.
    void end(Store& store) {
        sim_.clock.advance(3 * kHourNs);
        ASSERT_TRUE(World::database(store).expire_forks().ok());
        gone_ = {"discarded", "merged", "expires", "parent"};
    }

    /// What is wrong with what a store says.
    std::string compare(Store& store) {
        for (const auto& [branch, payloads] : expected_) {
            const std::string name = branch == "main" ? branch : ids_.at(branch);
            const auto view = store.view({.branch = name});
            if (gone_.contains(branch)) {
                if (view.ok() || view.error().code != ErrorCode::kGone) return branch + " can be read";
                continue;
            }
            if (!view.ok()) return branch + ": " + view.error().message;
            if (std::string wrong = compare(*view, payloads); !wrong.empty()) return branch + ": " + wrong;
        }
        const auto again = store.merge_fork(ids_.at("merged"));
        if (!again.ok()) return "merging again: " + again.error().message;
        if (!again->merged || !again->duplicate || again->event_count == 0) return "merging again: another answer";
        return "";
    }
    static std::string compare(const View& view, const std::vector<std::string>& payloads) {
        std::vector<std::string> found;
        std::map<std::string, std::uint64_t> versions;
        Page page;
        ReadOptions options{.limit = 7};
        do {
            if (const Status read = view.read(options, page); !read.ok()) return read.error().message;
            for (const EventView& event : page.events()) {
                if (event.position.value != found.size()) return "another position";
                if (event.version.value != ++versions[std::string(event.entity_id)]) return "another version";
                found.emplace_back(event.payload);
            }
            options.cursor = page.next_cursor();
        } while (page.has_more());
        if (found != payloads) return "other events: " + std::to_string(found.size());
        for (const auto& [entity, version] : versions) {
            const auto state = view.state(entity);
            if (!state.ok() || state->version.value != version) return "another state of " + entity;
        }
        for (const char* tag : {"first", "later"}) {
            const auto count = view.count({.tags = {tag}});
            if (!count.ok()) return count.error().message;
            const auto wanted = static_cast<std::uint64_t>(
                std::count_if(payloads.begin(), payloads.end(), [&](const std::string& payload) {
                    return (payload.find("\"k\":0") != std::string::npos) == (std::string_view(tag) == "first");
                }));
            if (*count != wanted) return "another count of " + std::string(tag);
        }
        return "";
    }

    static std::uint64_t log_size(io::SimFileSystem& files) {
        std::uint64_t size = 0;
        for (const std::string& path : files.all_files()) {
            if (!path.ends_with(".log")) continue;
            size += files.open(path, io::OpenMode::kRead).value()->size_on_disk().value();
        }
        return size;
    }
    /// Whether anything of a branch is left in the files of the log.
    static bool is_on_disk(io::SimFileSystem& files, const std::string& branch) {
        const std::string text = "{\"of\":\"" + branch + "\"";
        for (const std::string& path : files.all_files()) {
            if (!path.ends_with(".log")) continue;
            const auto bytes = files.file_contents(path).value();
            if (std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).find(text) !=
                std::string_view::npos)
                return true;
        }
        return false;
    }
    static void delete_indexes(io::SimFileSystem& files) {
        for (const std::string& path : files.all_files())
            if (path.ends_with(".idx")) (void)files.remove_file(path);
    }
    std::string verify(io::SimFileSystem& files) {
        const auto report = store::verify({files, sim_.clock, sim_.random}, testing::kStoreDirectory, {});
        if (!report.ok()) return report.error().message;
        if (report->damages.empty()) return "";
        return report->damages.front().file + ": " + report->damages.front().what;
    }

    store::DatabaseOptions& options() { return options_; }
    std::map<std::string, std::vector<std::string>>& expected() { return expected_; }
    std::map<std::string, std::string>& ids() { return ids_; }

private:
    io::SimEnvironment sim_;
    store::DatabaseOptions options_ = [] {
        auto options = testing::small_options(16 << 10, 32 << 10);
        options.reclaim_limits = {.gain_min_bytes = std::uint64_t{1} << 40, .gain_min_percent = 100};
        return options;
    }();
    std::map<std::string, std::vector<std::string>> expected_;
    std::map<std::string, std::string> ids_;
    std::set<std::string> gone_;
    int number_ = 0;
};

/// `reclaim` looks at everything, however little there is to gain.
Result<store::Reclaimed> reclaim(Store& store) { return World::database(store).reclaim({}); }

class ReclaimTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto opened = world_.open();
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        store_.emplace(std::move(opened).value());
        world_.live(*store_);
        ASSERT_FALSE(HasFatalFailure());
        ASSERT_EQ(world_.compare(*store_), "");
    }
    void reopen() {
        ASSERT_TRUE(store_->close().ok());
        store_.reset();
        ASSERT_EQ(world_.verify(world_.sim().files), "");
        auto opened = world_.open();
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        store_.emplace(std::move(opened).value());
    }

    World world_{1};
    std::optional<Store> store_;
};

TEST_F(ReclaimTest, WhatIsGoneGoesAndNothingElse) {
    world_.end(*store_);
    ASSERT_EQ(world_.compare(*store_), "");
    const std::uint64_t before = World::log_size(world_.sim().files);
    const auto reclaimed = reclaim(*store_);
    ASSERT_TRUE(reclaimed.ok()) << reclaimed.error().message;
    EXPECT_GT(reclaimed->events, 50U);
    EXPECT_GT(reclaimed->segments, 3U);
    EXPECT_EQ(reclaimed->waiting_segments, 0U);
    const std::uint64_t after = World::log_size(world_.sim().files);
    EXPECT_LT(after, before);
    const Stats stats = store_->view()->stats().value();
    EXPECT_EQ(stats.reclaimed_bytes, reclaimed->bytes);
    EXPECT_GE(reclaimed->bytes, before - after);
    EXPECT_EQ(stats.reclaim_error, "");
    EXPECT_EQ(world_.compare(*store_), "");
    const auto again = reclaim(*store_);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->segments, 0U) << "there is nothing left";
    for (int i = 0; i < 2; ++i) {
        reopen();
        ASSERT_EQ(world_.compare(*store_), "");
    }
    // The log alone says the same.
    ASSERT_TRUE(store_->close().ok());
    store_.reset();
    World::delete_indexes(world_.sim().files);
    auto opened = world_.open();
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    store_.emplace(std::move(opened).value());
    ASSERT_EQ(world_.compare(*store_), "");
    // And the store goes on.
    world_.append(*store_, "main", 30);
    world_.append(*store_, "child", 5);
    ASSERT_EQ(world_.compare(*store_), "");
    reopen();
    EXPECT_EQ(world_.compare(*store_), "");
}

TEST_F(ReclaimTest, WholeSegmentsOfAForkTakeAlmostNothing) {
    world_.fork(*store_, "large", "main", 2 * kHourNs);
    world_.append(*store_, "large", 300, 1'000);
    world_.append(*store_, "main", 30);
    EXPECT_TRUE(World::is_on_disk(world_.sim().files, "large"));
    ASSERT_TRUE(store_->discard_fork("large").ok());
    const std::uint64_t before = World::log_size(world_.sim().files);
    ASSERT_TRUE(reclaim(*store_).ok());
    EXPECT_FALSE(World::is_on_disk(world_.sim().files, "large"));
    EXPECT_LT(World::log_size(world_.sim().files), before - 300'000);
}

TEST_F(ReclaimTest, AViewHoldsItsForkUntilItIsReleased) {
    auto view = store_->view({.branch = world_.ids().at("expires")});
    ASSERT_TRUE(view.ok());
    const std::vector<std::string> payloads = world_.expected().at("expires");
    world_.end(*store_);
    const auto reclaimed = reclaim(*store_);
    ASSERT_TRUE(reclaimed.ok());
    EXPECT_TRUE(reclaimed->has_held_forks);
    EXPECT_EQ(World::compare(*view, payloads), "");
    EXPECT_TRUE(World::is_on_disk(world_.sim().files, "expires"));
    view = base::fail(ErrorCode::kClosed, "released");
    const auto again = reclaim(*store_);
    ASSERT_TRUE(again.ok());
    EXPECT_FALSE(again->has_held_forks);
    EXPECT_GT(again->events, 30U);
    EXPECT_EQ(world_.compare(*store_), "");
}

TEST_F(ReclaimTest, APageKeepsItsBytesAndTheOldFile) {
    Page page;
    ASSERT_TRUE(store_->view()->read({.limit = 10'000}, page).ok());
    std::vector<std::string> payloads;
    for (const EventView& event : page.events()) payloads.emplace_back(event.payload);
    world_.end(*store_);
    const auto reclaimed = reclaim(*store_);
    ASSERT_TRUE(reclaimed.ok());
    EXPECT_GT(reclaimed->waiting_segments, 3U);
    for (std::size_t i = 0; i < payloads.size(); ++i) EXPECT_EQ(page.events()[i].payload, payloads[i]);
    EXPECT_EQ(world_.compare(*store_), "");
    page = Page();
    ASSERT_TRUE(World::maintain(*store_).ok());
    EXPECT_EQ(World::database(*store_).reclaimer()->waiting_files(), 0U);
    EXPECT_EQ(world_.compare(*store_), "");
}

/// A reader sees what it saw, and who comes later the new files.
TEST_F(ReclaimTest, AReaderFromBeforeSeesWhatItSaw) {
    world_.end(*store_);
    store::Database& database = World::database(*store_);
    const std::uint64_t end_seq = database.published_seq();
    store::Reader before(database.indexes());
    const auto all_of = [&](store::Reader& reader) {
        std::vector<std::string> payloads;
        for (std::uint64_t seq = 0; seq < end_seq; ++seq) {
            const std::byte* at = reader.event(seq);
            if (at == nullptr) break;
            payloads.emplace_back(event::EventBytes(at).payload());
        }
        return payloads;
    };
    const std::vector<std::string> payloads = all_of(before);
    ASSERT_EQ(payloads.size(), end_seq);
    const auto reclaimed = reclaim(*store_);
    ASSERT_TRUE(reclaimed.ok());
    EXPECT_GT(reclaimed->waiting_segments, 3U);
    EXPECT_EQ(all_of(before), payloads);
    EXPECT_TRUE(before.ok());
    store::Reader after(database.indexes());
    EXPECT_LT(all_of(after).size(), payloads.size());
    EXPECT_EQ(after.status().error().code, ErrorCode::kGone);
    EXPECT_EQ(world_.compare(*store_), "");
}

/// What is removed keeps its place in the order of times.
TEST_F(ReclaimTest, EveryTimeOfThePastIsFound) {
    struct Known {
        Timestamp at;
        std::optional<Position> head;
    };
    std::vector<Known> known;
    for (const char* branch : {"main", "expires", "parent", "child"}) {
        Page page;
        ASSERT_TRUE(store_->view({.branch = branch})->read({.limit = 10'000}, page).ok());
        for (const EventView& event : page.events()) known.push_back({event.recorded_at, {}});
    }
    const auto look = [&](const Known& at) { return store_->view({.known_at = at.at})->info().at; };
    for (Known& at : known) at.head = look(at);
    world_.end(*store_);
    ASSERT_TRUE(reclaim(*store_).ok());
    for (const Known& at : known) ASSERT_EQ(look(at), at.head) << at.at.to_string();
    ASSERT_TRUE(store_->close().ok());
    store_.reset();
    World::delete_indexes(world_.sim().files);
    auto opened = world_.open();
    ASSERT_TRUE(opened.ok());
    store_.emplace(std::move(opened).value());
    for (const Known& at : known) ASSERT_EQ(look(at), at.head) << at.at.to_string();
}

TEST_F(ReclaimTest, AMergedForkIsReadableUntilItExpires) {
    const std::string id = world_.ids().at("merged");
    const auto reclaimed = reclaim(*store_);  // The discarded one goes; the merged one does not.
    ASSERT_TRUE(reclaimed.ok());
    EXPECT_GT(reclaimed->events, 0U);
    ASSERT_TRUE(store_->fork(id)->is_readable);
    EXPECT_EQ(World::compare(*store_->view({.branch = id}), world_.expected().at("merged")), "");
    const auto first = store_->merge_fork(id);
    ASSERT_TRUE(first.ok());
    world_.end(*store_);
    ASSERT_TRUE(reclaim(*store_).ok());
    const ForkInfo info = store_->fork(id).value();
    EXPECT_EQ(info.status, ForkStatus::kMerged);
    EXPECT_FALSE(info.is_readable);
    const auto view = store_->view({.branch = id});
    ASSERT_FALSE(view.ok());
    EXPECT_EQ(view.error().code, ErrorCode::kGone);
    EXPECT_NE(view.error().message.find("was merged at"), std::string::npos) << view.error().message;
    reopen();
    const auto again = store_->merge_fork(id);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_TRUE(again->duplicate);
    EXPECT_EQ(again->event_count, first->event_count);
    EXPECT_EQ(again->first_position, first->first_position);
    EXPECT_EQ(again->recorded_at, first->recorded_at);
}

TEST_F(ReclaimTest, ABatchThatWasMergedIsNotAppendedAgain) {
    const auto batch = [] {
        BatchBuilder events;
        events.add({.entity_id = "keyed", .event_type = "order.changed", .payload = "{}"});
        events.add({.entity_id = "keyed", .event_type = "order.changed", .payload = "{}"});
        return events;
    };
    ASSERT_TRUE(store_->create_fork({.parent = "main", .name = "keyed", .ttl_ns = kHourNs}).ok());
    ASSERT_TRUE(store_->append(batch(), {.branch = "keyed", .idempotency_key = "again"}).ok());
    const auto merged = store_->merge_fork("keyed");
    ASSERT_TRUE(merged.ok() && merged->merged && merged->first_position);
    world_.end(*store_);
    ASSERT_GT(reclaim(*store_)->events, 0U);
    for (const bool is_rebuilt : {false, true}) {
        const auto retried = store_->append(batch(), {.idempotency_key = "again"});
        ASSERT_TRUE(retried.ok()) << retried.error().message;
        EXPECT_TRUE(retried->duplicate);
        EXPECT_EQ(retried->events.front().position, *merged->first_position);
        if (is_rebuilt) break;
        ASSERT_TRUE(store_->close().ok());
        store_.reset();
        World::delete_indexes(world_.sim().files);
        auto opened = world_.open();
        ASSERT_TRUE(opened.ok());
        store_.emplace(std::move(opened).value());
    }
}

TEST_F(ReclaimTest, ADamagedIndexFileOfARewrittenSegmentIsMadeAgain) {
    world_.end(*store_);
    ASSERT_GT(reclaim(*store_)->events, 0U);
    store::Database& database = World::database(*store_);
    std::uint64_t damaged = 0;
    for (const std::string& path : world_.sim().files.all_files())
        if (path.ends_with(".idx") && world_.sim().files.flip_bit(path, 300 * 8).ok()) ++damaged;
    ASSERT_GT(damaged, 1U);
    while (database.scrub() > 0) {
    }
    for (std::uint64_t i = 0; i < damaged; ++i) ASSERT_TRUE(World::maintain(*store_).ok());
    EXPECT_GE(database.keeper().repairs(), damaged);
    EXPECT_FALSE(database.keeper().has_damaged());
    EXPECT_EQ(world_.compare(*store_), "");
    reopen();
    EXPECT_EQ(world_.compare(*store_), "");
}

TEST_F(ReclaimTest, ASalvagedStoreHasWhatMainHad) {
    world_.end(*store_);
    ASSERT_TRUE(reclaim(*store_).ok());
    ASSERT_TRUE(store_->close().ok());
    store_.reset();
    io::SimFileSystem& files = world_.sim().files;
    const io::Environment env{files, world_.sim().clock, world_.sim().random};
    const auto salvage_into = [&](const std::string& target) {
        const auto report = store::salvage(env, testing::kStoreDirectory, target);
        ASSERT_TRUE(report.ok()) << report.error().message;
        EXPECT_EQ(report->event_count, world_.expected().at("main").size());
        EXPECT_EQ(report->lost_event_count, 0U);
        EXPECT_GT(report->removed_event_count, 0U);
        auto database = store::Database::open(env, target, false, world_.options());
        ASSERT_TRUE(database.ok()) << database.error().message;
        auto impl = std::make_unique<Store::Impl>();
        impl->engine = std::make_shared<Engine>(std::move(database).value());
        const Store salvaged(std::move(impl));
        EXPECT_EQ(World::compare(*salvaged.view(), world_.expected().at("main")), "");
    };
    salvage_into("/salvaged");
    // Without a manifest the segments' own headers say what there is.
    for (const std::string& path : files.all_files())
        if (path.starts_with(testing::kStoreDirectory) && path.ends_with("/MANIFEST")) {
            ASSERT_TRUE(files.remove_file(path).ok());
        }
    const auto report = store::salvage(env, testing::kStoreDirectory, "/again");
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_EQ(report->event_count, world_.expected().at("main").size());
}

/// An operation fails while segments are rewritten: nothing is lost, and the next time it works.
TEST_F(ReclaimTest, AFaultAtAnyOperationLosesNothing) {
    world_.end(*store_);
    ASSERT_TRUE(store_->close().ok());
    store_.reset();
    const auto base = world_.sim().files.clone();
    std::uint64_t ops = 0;
    {
        const auto files = base->clone();
        auto store = world_.open(*files);
        ASSERT_TRUE(store.ok());
        const std::uint64_t begin = files->op_count();
        ASSERT_TRUE(reclaim(*store).ok());
        ops = files->op_count() - begin;
    }
    int failed = 0;
    for (const io::FaultKind kind : {io::FaultKind::kEio, io::FaultKind::kNoSpace, io::FaultKind::kFailedSync,
                                     io::FaultKind::kShortWrite, io::FaultKind::kLostWrite}) {
        for (std::uint64_t op = static_cast<std::uint64_t>(kind) % 3; op < ops; op += 3) {
            SCOPED_TRACE("fault " + std::to_string(static_cast<int>(kind)) + " at operation " + std::to_string(op));
            const auto files = base->clone();
            files->reseed(op);
            {
                auto store = world_.open(*files);
                ASSERT_TRUE(store.ok());
                files->fail_op(files->op_count() + op, kind);
                const auto reclaimed = reclaim(*store);
                files->clear_faults();
                failed += reclaimed.ok() ? 0 : 1;
                if (World::database(*store).log().has_written()) {
                    const std::string wrong = world_.compare(*store);
                    ASSERT_EQ(wrong, "");
                }
                const auto again = reclaim(*store);
                if (again.ok()) {
                    ASSERT_EQ(world_.compare(*store), "");
                }
            }
            files->crash(io::CrashMode::kKeepAll);  // The process is gone, without a close.
            auto store = world_.open(*files);
            ASSERT_TRUE(store.ok()) << store.error().message;
            ASSERT_EQ(world_.compare(*store), "");
        }
    }
    EXPECT_GT(failed, 20);
}

std::string cut_at(World& world, const io::SimFileSystem& base, std::uint64_t op, io::CrashMode mode) {
    const auto files = base.clone();
    files->reseed(op);
    {
        auto store = world.open(*files);
        if (!store.ok()) return "does not open: " + store.error().message;
        files->crash_at_op(files->op_count() + op, {.torn = op % 2 == 0});
        (void)reclaim(*store);
        if (!files->is_powered_off()) files->crash_at_op(files->op_count());
    }
    files->crash(mode);
    for (int life = 0; life < 2; ++life) {
        auto store = world.open(*files);
        if (!store.ok()) return "does not open: " + store.error().message;
        if (std::string wrong = world.compare(*store); !wrong.empty()) return wrong;
        if (life == 1) {
            if (const auto reclaimed = reclaim(*store); !reclaimed.ok())
                return "is not reclaimed: " + reclaimed.error().message;
            if (std::string wrong = world.compare(*store); !wrong.empty()) return "reclaimed again: " + wrong;
        }
        if (const Status closed = store->close(); !closed.ok()) return closed.error().message;
    }
    return world.verify(*files);
}

/// The power goes at every `step`-th operation of giving back.
void cut_at_every(std::uint64_t step) {
    World world(3);
    {
        auto store = world.open();
        ASSERT_TRUE(store.ok());
        world.live(*store);
        world.end(*store);
        ASSERT_FALSE(::testing::Test::HasFatalFailure());
        ASSERT_TRUE(store->close().ok());
    }
    const auto base = world.sim().files.clone();
    std::uint64_t ops = 0;
    {
        const auto files = base->clone();
        auto store = world.open(*files);
        ASSERT_TRUE(store.ok());
        const std::uint64_t begin = files->op_count();
        ASSERT_TRUE(reclaim(*store).ok());
        ops = files->op_count() - begin;
        ASSERT_GT(ops, 100U);
    }
    constexpr std::size_t kModes = std::size(testing::kCrashModes);
    testing::for_each_seed((ops + step - 1) / step * kModes, [&](std::uint64_t seed) {
        const std::uint64_t op = (seed - 1) / kModes * step;
        const std::string wrong = cut_at(world, *base, op, testing::kCrashModes[(seed - 1) % kModes]);
        return wrong.empty() ? "" : "operation " + std::to_string(op) + ": " + wrong;
    });
}

TEST(ReclaimCrash, LeavesTheOldSegmentOrTheNewOne) { cut_at_every(7); }

TEST(ReclaimCrash, SlowLeavesTheOldSegmentOrTheNewOne) { cut_at_every(1); }

}  // namespace
}  // namespace chronos
