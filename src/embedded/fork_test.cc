// Forks as a program sees them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "chronos/store.h"

namespace chronos {
namespace {

Store in_memory() { return Store::open({.in_memory = true}).value(); }

AppendResult append(Store& store, const std::string& entity, const std::string& payload,
                    const std::string& branch = "main", const ExpectedVersion& expected = {}) {
    auto appended = store.append({.entity_id = entity, .event_type = "changed", .payload = payload}, expected,
                                 AppendOptions{.branch = branch});
    EXPECT_TRUE(appended.ok()) << (appended.ok() ? "" : appended.error().message);
    return appended.ok() ? std::move(appended).value() : AppendResult();
}

std::string state(const Store& store, const std::string& entity, const std::string& branch = "main") {
    return store.view({.branch = branch})->state(entity)->json;
}

std::vector<std::string> payloads(const Store& store, const std::string& branch, Order order = Order::kForward) {
    Page page;
    EXPECT_TRUE(store.view({.branch = branch})->read({.order = order}, page).ok());
    std::vector<std::string> found;
    for (const EventView& event : page.events()) found.emplace_back(event.payload);
    return found;
}

TEST(Fork, SeesItsParentUpToWhereItBeginsAndThenItsOwnEvents) {
    Store store = in_memory();
    append(store, "a", R"({"n":1})");
    append(store, "b", R"({"n":2})");
    const ForkInfo fork = store.create_fork({.name = "try"}).value();
    EXPECT_EQ(fork.fork_position, Position{1});
    append(store, "a", R"({"n":3})");
    const AppendResult on_fork = append(store, "a", R"({"n":4})", "try");

    EXPECT_EQ(on_fork.events[0].position, Position{2});
    EXPECT_EQ(on_fork.events[0].version, Version{2});
    EXPECT_EQ(state(store, "a"), R"({"n":3})");
    EXPECT_EQ(state(store, "a", fork.id), R"({"n":4})");
    EXPECT_EQ(state(store, "b", fork.id), R"({"n":2})");
    EXPECT_EQ(payloads(store, "try"), (std::vector<std::string>{R"({"n":1})", R"({"n":2})", R"({"n":4})"}));
    EXPECT_EQ(payloads(store, "try", Order::kBackward),
              (std::vector<std::string>{R"({"n":4})", R"({"n":2})", R"({"n":1})"}));
    EXPECT_EQ(payloads(store, "main"), (std::vector<std::string>{R"({"n":1})", R"({"n":2})", R"({"n":3})"}));
    EXPECT_EQ(store.view({.branch = "try"})->count({}).value(), 3U);
    EXPECT_EQ(store.view({.branch = "try"})->stats()->entity_count, 2U);
    EXPECT_EQ(store.fork("try")->own_event_count, 1U);
}

TEST(Fork, CountsVersionsFromWhatItInherits) {
    Store store = in_memory();
    for (int i = 0; i < 3; ++i) append(store, "a", "{}");
    ASSERT_TRUE(store.create_fork({.name = "f"}).ok());
    append(store, "a", "{}");  // The parent goes on: the fork does not see it.
    append(store, "a", "{}", "f", ExpectedVersion::exactly(3));
    const auto wrong =
        store.append({.entity_id = "a", .event_type = "t"}, ExpectedVersion::exactly(3), {.branch = "f"});
    ASSERT_EQ(wrong.error().code, ErrorCode::kVersionConflict);
    EXPECT_EQ(wrong.error().append_failure->conditions[0].current_version, Version{4});
    EXPECT_EQ(store.append({.entity_id = "b", .event_type = "t"}, ExpectedVersion::none(), {.branch = "f"})
                  ->events[0]
                  .version,
              Version{1});
    Page page;
    ASSERT_TRUE(store.view({.branch = "f"})->read_entity("a", {.order = Order::kBackward, .limit = 2}, page).ok());
    ASSERT_EQ(page.events().size(), 2U);
    EXPECT_EQ(page.events()[0].version, Version{4});
    EXPECT_EQ(page.events()[1].version, Version{3});
    EXPECT_TRUE(page.has_more());
}

TEST(Fork, BeginsAtAPositionAndOfAFork) {
    Store store = in_memory();
    for (int i = 0; i < 5; ++i) append(store, "a", R"({"n":)" + std::to_string(i) + "}");
    ASSERT_TRUE(store.create_fork({.name = "one", .at = Position{2}}).ok());
    append(store, "a", R"({"n":10})", "one");
    ASSERT_TRUE(store.create_fork({.parent = "one", .name = "two"}).ok());
    append(store, "a", R"({"n":11})", "one");
    append(store, "a", R"({"n":20})", "two");
    EXPECT_EQ(payloads(store, "two"),
              (std::vector<std::string>{R"({"n":0})", R"({"n":1})", R"({"n":2})", R"({"n":10})", R"({"n":20})"}));
    // Of a fork, at a position that its parent had: what lies between is not inherited.
    ASSERT_TRUE(store.create_fork({.parent = "two", .name = "three", .at = Position{1}}).ok());
    append(store, "a", R"({"n":30})", "three");
    EXPECT_EQ(payloads(store, "three"), (std::vector<std::string>{R"({"n":0})", R"({"n":1})", R"({"n":30})"}));
    EXPECT_EQ(store.view({.branch = "three"})->state("a")->version, Version{3});
    const View at = store.view({.branch = "two", .at = Position{3}}).value();
    EXPECT_EQ(at.state("a")->json, R"({"n":10})");
    EXPECT_EQ(at.info().at, Position{3});
}

TEST(Fork, RefusesWhatCannotBe) {
    Store store = in_memory();
    append(store, "a", "{}");
    EXPECT_EQ(store.create_fork({.name = "main"}).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(store.create_fork({.name = "fork-x"}).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(store.create_fork({.ttl_ns = 1}).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(store.create_fork({.parent = "nobody"}).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(store.create_fork({.at = Position{1}}).error().code, ErrorCode::kInvalidArgument);
    const ForkInfo fork = store.create_fork({.name = "once"}).value();
    EXPECT_EQ(store.create_fork({.name = "once"}).error().code, ErrorCode::kAlreadyExists);
    ASSERT_TRUE(store.discard_fork("once").ok());
    EXPECT_EQ(store.view({.branch = fork.id}).error().code, ErrorCode::kGone);
    EXPECT_EQ(store.append({.entity_id = "a", .event_type = "t"}, {}, {.branch = fork.id}).error().code,
              ErrorCode::kGone);
    EXPECT_TRUE(store.create_fork({.name = "once"}).ok());
}

TEST(Fork, MergesWhatNothingStandsInTheWayOf) {
    Store store = in_memory();
    append(store, "a", R"({"n":1})");
    const ForkInfo fork = store.create_fork({.name = "f"}).value();
    append(store, "other", R"({"n":9})");
    const AppendResult tried = append(store, "a", R"({"n":2})", "f", ExpectedVersion::exactly(1));
    append(store, "c", R"({"n":3})", "f");
    MergeResult dry = store.merge_fork("f", {.dry_run = true}).value();
    EXPECT_FALSE(dry.merged);
    EXPECT_EQ(dry.event_count, 2U);
    const MergeResult merged = store.merge_fork("f").value();
    EXPECT_TRUE(merged.merged);
    EXPECT_EQ(merged.first_position, Position{2});
    EXPECT_EQ(merged.last_position, Position{3});
    EXPECT_EQ(state(store, "a"), R"({"n":2})");
    Page page;
    ASSERT_TRUE(store.view()->read_event(tried.events[0].id, page).ok());
    EXPECT_EQ(page.events()[0].version, Version{2});
    EXPECT_EQ(page.events()[0].metadata, R"({"origin":{"fork":")" + fork.id + R"(","position":1}})");
    const MergeResult again = store.merge_fork("f").value();
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.event_count, 2U);
    EXPECT_EQ(again.last_position, Position{3});
    EXPECT_EQ(store.append({.entity_id = "a", .event_type = "t"}, {}, {.branch = "f"}).error().code, ErrorCode::kGone);
    EXPECT_EQ(state(store, "c", "f"), R"({"n":3})");
}

TEST(Fork, RefusesToMergeAnEntityThatMovedAndResolvesIt) {
    Store store = in_memory();
    append(store, "a", "{}");
    ASSERT_TRUE(store.create_fork({.name = "f"}).ok());
    append(store, "a", R"({"by":"main"})");
    append(store, "a", R"({"by":"fork"})", "f");
    append(store, "b", R"({"by":"fork"})", "f");
    const MergeResult refused = store.merge_fork("f").value();
    EXPECT_FALSE(refused.merged);
    ASSERT_EQ(refused.conflicts.size(), 1U);
    EXPECT_EQ(refused.conflicts[0].kind, MergeConflict::Kind::kEntityMoved);
    EXPECT_EQ(refused.conflicts[0].entity_id, "a");
    EXPECT_EQ(refused.conflicts[0].fork_events.size(), 1U);
    EXPECT_EQ(refused.conflicts[0].parent_events.size(), 1U);
    EXPECT_EQ(refused.conflicts[0].base_version, Version{1});
    EXPECT_EQ(state(store, "b"), "{}");

    EXPECT_EQ(store.merge_fork("f", {.dry_run = true, .append_if_moved = true})->conflict_count, 0U);
    const MergeOptions::Entity skip{"a", MergeResolution::kSkip};
    const MergeResult merged = store.merge_fork("f", {.entities = {skip}}).value();
    EXPECT_TRUE(merged.merged);
    EXPECT_EQ(merged.skipped_count, 1U);
    EXPECT_EQ(merged.event_count, 1U);
    EXPECT_EQ(state(store, "a"), R"({"by":"main"})");
    EXPECT_EQ(state(store, "b"), R"({"by":"fork"})");
}

TEST(Fork, ChecksTheConditionsOfItsAppendsAgain) {
    Store store = in_memory();
    ASSERT_TRUE(store.create_fork({.name = "f"}).ok());
    const Condition unique = NoEventMatches{.query = {.items = {{.tags = {"name:ada"}}}}};
    const NewEvent event{.entity_id = "user:2", .event_type = "registered", .tags = {"name:ada"}};
    ASSERT_TRUE(store.append({&event, 1}, {&unique, 1}, {.branch = "f"}).ok());
    const NewEvent first{.entity_id = "user:1", .event_type = "registered", .tags = {"name:ada"}};
    ASSERT_TRUE(store.append({&first, 1}, {&unique, 1}).ok());
    const MergeResult refused = store.merge_fork("f", {.append_if_moved = true}).value();
    ASSERT_EQ(refused.conflicts.size(), 1U);
    EXPECT_EQ(refused.conflicts[0].kind, MergeConflict::Kind::kConditionFails);
    EXPECT_TRUE(store.merge_fork("f", {.others = MergeResolution::kForce})->merged);
}

TEST(Fork, FindsMergedEventsByTheKeyTheyWereSentWith) {
    Store store = in_memory();
    ASSERT_TRUE(store.create_fork({.name = "f"}).ok());
    const NewEvent event{.entity_id = "a", .event_type = "t"};
    const auto sent = store.append({&event, 1}, {}, {.branch = "f", .idempotency_key = "k"}).value();
    ASSERT_TRUE(store.merge_fork("f")->merged);
    const auto again = store.append({&event, 1}, {}, {.idempotency_key = "k"}).value();
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.events[0].id, sent.events[0].id);
    EXPECT_EQ(store.view()->count({}).value(), 1U);
}

TEST(Fork, MayHoldTheSameIdAsItsSibling) {
    Store store = in_memory();
    ASSERT_TRUE(store.create_fork({.name = "one"}).ok());
    ASSERT_TRUE(store.create_fork({.name = "two"}).ok());
    NewEvent event{.entity_id = "a",
                   .event_type = "t",
                   .payload = "1",
                   .id = Uuid::parse("00000000-0000-0000-0000-000000000001").value()};
    ASSERT_TRUE(store.append(event, {}, {.branch = "one"}).ok());
    event.payload = "2";
    ASSERT_TRUE(store.append(event, {}, {.branch = "two"}).ok());
    EXPECT_EQ(store.append(event, {}, {.branch = "one"}).error().code, ErrorCode::kIdConflict);
    ASSERT_TRUE(store.merge_fork("one")->merged);
    const MergeResult refused = store.merge_fork("two").value();
    EXPECT_FALSE(refused.merged);
    EXPECT_EQ(refused.conflicts[0].kind, MergeConflict::Kind::kIdDiffers);
}

TEST(Fork, SkipsAnEntityWhoseIdsDiffer) {
    Store store = in_memory();
    ASSERT_TRUE(store.create_fork({.name = "f"}).ok());
    NewEvent event{.entity_id = "a", .event_type = "t", .payload = "1"};
    event.id = Uuid::parse("00000000-0000-0000-0000-000000000001").value();
    ASSERT_TRUE(store.append(event, {}, {.branch = "f"}).ok());
    append(store, "b", "{}", "f");
    event.payload = "2";
    ASSERT_TRUE(store.append(event).ok());
    EXPECT_EQ(store.merge_fork("f", {.others = MergeResolution::kForce})->conflicts[0].kind,
              MergeConflict::Kind::kIdDiffers);
    const MergeResult merged = store.merge_fork("f", {.others = MergeResolution::kSkip}).value();
    EXPECT_TRUE(merged.merged);
    EXPECT_EQ(merged.skipped_count, 1U);
    EXPECT_EQ(merged.event_count, 1U);
}

TEST(Fork, SkipsAllEventsOfAnEntityOrNone) {
    Store store = in_memory();
    ASSERT_TRUE(store.create_fork({.name = "f"}).ok());
    append(store, "order:1", R"({"step":"placed"})", "f");
    const Condition free_seat = NoEventMatches{.query = {.items = {{.tags = {"seat:5"}}}}};
    const NewEvent reserved{.entity_id = "order:1", .event_type = "reserved", .tags = {"seat:5"}};
    ASSERT_TRUE(store.append({&reserved, 1}, {&free_seat, 1}, {.branch = "f"}).ok());
    append(store, "order:1", R"({"step":"confirmed"})", "f");
    const NewEvent taken{.entity_id = "order:2", .event_type = "reserved", .tags = {"seat:5"}};
    ASSERT_TRUE(store.append(taken).ok());
    const MergeResult merged = store.merge_fork("f", {.others = MergeResolution::kSkip}).value();
    EXPECT_TRUE(merged.merged);
    EXPECT_EQ(merged.skipped_count, 3U);
    EXPECT_EQ(merged.event_count, 0U);
    EXPECT_FALSE(store.view()->state("order:1")->exists);
}

TEST(Fork, RefusesToSplitABatchBySkipping) {
    Store store = in_memory();
    append(store, "a", "{}");
    ASSERT_TRUE(store.create_fork({.name = "f"}).ok());
    const NewEvent both[] = {{.entity_id = "a", .event_type = "t"}, {.entity_id = "b", .event_type = "t"}};
    ASSERT_TRUE(store.append(both, {}, {.branch = "f"}).ok());
    append(store, "a", "{}");
    const MergeOptions::Entity skip{"a", MergeResolution::kSkip};
    const MergeResult refused = store.merge_fork("f", {.entities = {skip}}).value();
    EXPECT_FALSE(refused.merged);
    ASSERT_EQ(refused.conflicts.size(), 1U);
    EXPECT_EQ(refused.conflicts[0].kind, MergeConflict::Kind::kBatchSplit);
}

TEST(Fork, KnowsTheRestOfABatchThatItsBeginningDivides) {
    Store store = in_memory();
    const NewEvent both[] = {{.entity_id = "a", .event_type = "t"}, {.entity_id = "b", .event_type = "t"}};
    const auto sent = store.append(both, {}, {.idempotency_key = "k"}).value();
    ASSERT_TRUE(store.create_fork({.name = "f", .at = sent.events[0].position}).ok());
    NewEvent rest = both[1];
    rest.id = sent.events[1].id;
    ASSERT_TRUE(store.append(rest, {}, {.branch = "f"}).ok());
    const MergeResult merged = store.merge_fork("f").value();
    EXPECT_TRUE(merged.merged);
    EXPECT_EQ(merged.already_present_count, 1U);
    EXPECT_EQ(store.view()->count({}).value(), 2U);
}

TEST(Fork, CarriesConditionsThroughItsParent) {
    Store store = in_memory();
    ASSERT_TRUE(store.create_fork({.name = "outer"}).ok());
    ASSERT_TRUE(store.create_fork({.parent = "outer", .name = "inner"}).ok());
    const Condition unique = NoEventMatches{.query = {.items = {{.tags = {"name:ada"}}}}};
    const NewEvent ada{.entity_id = "user:2", .event_type = "registered", .tags = {"name:ada"}};
    ASSERT_TRUE(store.append({&ada, 1}, {&unique, 1}, {.branch = "inner"}).ok());
    for (int i = 0; i < 1'100; ++i)
        append(store, "e", "{}", "inner", ExpectedVersion::exactly(static_cast<std::uint64_t>(i)));
    ASSERT_TRUE(store.merge_fork("inner")->merged);
    const NewEvent first{.entity_id = "user:1", .event_type = "registered", .tags = {"name:ada"}};
    ASSERT_TRUE(store.append(first).ok());
    const MergeResult refused = store.merge_fork("outer").value();
    ASSERT_EQ(refused.conflict_count, 1U);
    EXPECT_EQ(refused.conflicts[0].kind, MergeConflict::Kind::kConditionFails);
    const MergeResult merged = store.merge_fork("outer", {.entities = {{"user:2", MergeResolution::kSkip}}}).value();
    EXPECT_TRUE(merged.merged);
    EXPECT_EQ(merged.event_count, 1'100U);
    Page page;
    ASSERT_TRUE(store.view()->read_entity("e", {.order = Order::kBackward, .limit = 1}, page).ok());
    EXPECT_NE(page.events()[0].metadata.find(R"("origin":{"fork":")"), std::string::npos);
}

TEST(Fork, MergesTheBatchesOfAForkOfAForkAsBatches) {
    Store store = in_memory();
    ASSERT_TRUE(store.create_fork({.name = "f"}).ok());
    ASSERT_TRUE(store.create_fork({.parent = "f", .name = "g"}).ok());
    append(store, "a", "1", "g", ExpectedVersion::none());
    append(store, "b", "2", "g");
    ASSERT_TRUE(store.merge_fork("g")->merged);
    append(store, "a", "3");
    append(store, "b", "4");
    // Of b nothing was expected, so it may follow what main has; a is left out by itself.
    const MergeResult merged =
        store.merge_fork("f", {.append_if_moved = true, .entities = {{"a", MergeResolution::kSkip}}}).value();
    EXPECT_TRUE(merged.merged) << merged.conflicts.at(0).message;
    EXPECT_EQ(payloads(store, "main"), (std::vector<std::string>{"3", "4", "2"}));
}

TEST(Fork, MergesBatchesAsLargeAsTheyCanBe) {
    Store store = in_memory();
    ASSERT_TRUE(store.create_fork({.name = "f"}).ok());
    append(store, "a", "1", "f");
    const std::string payload = '"' + std::string(900'000, 'x') + '"';
    const std::vector<NewEvent> large(26, NewEvent{.entity_id = "b", .event_type = "t", .payload = payload});
    ASSERT_TRUE(store.append(large, {}, {.branch = "f"}).ok());
    ASSERT_TRUE(store.append(std::span(large).first(4), {}, {.branch = "f"}).ok());
    ASSERT_TRUE(store.append(large, {}, {.branch = "f"}).ok());
    const auto merged = store.merge_fork("f");
    ASSERT_TRUE(merged.ok()) << merged.error().message;
    EXPECT_EQ(merged->event_count, 57U);
}

/// A store with a fork of a fork, which has one batch of 12 MB that goes over in three records or more.
class DividedBatch : public ::testing::Test {
protected:
    void SetUp() override {
        std::filesystem::remove_all(directory_);
        open();
        ASSERT_TRUE(store_->create_fork({.name = "f"}).ok());
        ASSERT_TRUE(store_->create_fork({.parent = "f", .name = "g"}).ok());
        const std::string payload = '"' + std::string(900'000, 'x') + '"';
        std::vector<NewEvent> events(14, NewEvent{.entity_id = "middle", .event_type = "t", .payload = payload});
        events.front().entity_id = "first";
        events.back().entity_id = "last";
        const Condition condition = EntityCondition{"watched", ExpectedVersion::none()};
        ASSERT_TRUE(store_->append(events, {&condition, 1}, {.branch = "g"}).ok());
        ASSERT_TRUE(store_->merge_fork("g")->merged);
        ASSERT_TRUE(store_->close().ok());
        open();
    }
    void TearDown() override {
        store_.reset();
        std::filesystem::remove_all(directory_);
    }
    void open() {
        store_.reset();
        store_.emplace(Store::open({.directory = directory_.string()}).value());
    }
    MergeResult merge(const std::vector<std::string>& skipped) {
        MergeOptions options;
        for (const std::string& entity : skipped) options.entities.push_back({entity, MergeResolution::kSkip});
        return store_->merge_fork("f", options).value();
    }

    const std::filesystem::path directory_ =
        std::filesystem::temp_directory_path() / ("chronos-divided-" + std::to_string(::getpid()));
    std::optional<Store> store_;
};

TEST_F(DividedBatch, IsNotSplitBySkippingAPart) {
    append(*store_, "last", "1");
    for (const char* entity : {"first", "middle", "last"}) {
        const MergeResult refused = merge({entity});
        EXPECT_FALSE(refused.merged);
        ASSERT_EQ(refused.conflict_count, 1U) << entity;
        EXPECT_EQ(refused.conflicts[0].kind, MergeConflict::Kind::kBatchSplit);
        EXPECT_EQ(refused.conflicts[0].fork_event_count, 14U);
    }
    const MergeResult merged = merge({"first", "middle", "last"});
    EXPECT_TRUE(merged.merged);
    EXPECT_EQ(merged.skipped_count, 14U);
}

TEST_F(DividedBatch, StandsOrFallsWithItsConditionsAsAWhole) {
    append(*store_, "watched", "1");
    const MergeResult refused = merge({});
    ASSERT_EQ(refused.conflict_count, 1U);
    EXPECT_EQ(refused.conflicts[0].kind, MergeConflict::Kind::kConditionFails);
    EXPECT_EQ(refused.conflicts[0].fork_event_count, 14U);
}

TEST_F(DividedBatch, GoesOverWhole) {
    append(*store_, "other", "1");
    const MergeResult merged = merge({});
    EXPECT_TRUE(merged.merged);
    EXPECT_EQ(merged.event_count, 14U);
    EXPECT_EQ(store_->view()->count({.entity_ids = {"middle"}}).value(), 12U);
}

TEST(Fork, MergesMoreBatchesIntoAForkThanAGroupHasRecords) {
    Store store = in_memory();
    ASSERT_TRUE(store.create_fork({.name = "f"}).ok());
    ASSERT_TRUE(store.create_fork({.parent = "f", .name = "g"}).ok());
    constexpr std::uint64_t kCount = 66'000;
    for (std::uint64_t i = 0; i < kCount; ++i) append(store, "a", "1", "g");
    const auto merged = store.merge_fork("g");
    ASSERT_TRUE(merged.ok()) << merged.error().message;
    EXPECT_EQ(store.view({.branch = "f"})->count({}).value(), kCount);
}

TEST(Fork, KeepsAsManyConditionsAsThereAreWhenItMergesIntoAFork) {
    Store store = in_memory();
    ASSERT_TRUE(store.create_fork({.name = "f"}).ok());
    ASSERT_TRUE(store.create_fork({.parent = "f", .name = "g"}).ok());
    BatchBuilder batch;
    for (std::uint64_t i = 0; i < 1'500; ++i)
        batch.add({.entity_id = "a", .event_type = "t", .expected_version = ExpectedVersion::exactly(i)});
    ASSERT_TRUE(store.append(std::move(batch), {.branch = "g"}).ok());
    const auto merged = store.merge_fork("g");
    ASSERT_TRUE(merged.ok()) << merged.error().message;
    append(store, "a", "1");
    EXPECT_EQ(store.merge_fork("f", {.append_if_moved = true})->conflict_count, 1U);
}

TEST(Fork, IsFollowedThroughItsParentAndUntilItEnds) {
    Store store = in_memory();
    append(store, "a", "1");
    ASSERT_TRUE(store.create_fork({.name = "f"}).ok());
    append(store, "a", "2");
    Follower follower = store.follow({.branch = "f"}).value();
    Page page;
    ASSERT_TRUE(follower.next(10, 0, page).ok());
    ASSERT_EQ(page.events().size(), 1U);
    append(store, "a", "3", "f");
    ASSERT_TRUE(follower.next(10, 1'000, page).ok());
    ASSERT_EQ(page.events().size(), 1U);
    EXPECT_EQ(page.events()[0].payload, "3");
    EXPECT_EQ(follower.position(), Position{1});
    ASSERT_TRUE(store.discard_fork("f").ok());
    EXPECT_EQ(follower.next(10, 1'000, page).error().code, ErrorCode::kGone);
}

}  // namespace
}  // namespace chronos
