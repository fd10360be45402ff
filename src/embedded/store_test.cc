#include "chronos/store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

namespace chronos {
namespace {

Store memory_store() {
    auto store = Store::open({.directory = "", .in_memory = true});
    EXPECT_TRUE(store.ok());
    return std::move(store).value();
}

NewEvent event(std::string entity, std::string type, std::string payload = "{}") {
    NewEvent event;
    event.entity_id = std::move(entity);
    event.event_type = std::move(type);
    event.payload = std::move(payload);
    return event;
}

AppendResult must_append(Store& store, const NewEvent& event, const ExpectedVersion& expected = {}) {
    auto result = store.append(event, expected);
    EXPECT_TRUE(result.ok()) << result.error().message;
    return result.ok() ? *result : AppendResult{};
}

std::vector<std::string> types_of(const Page& page) {
    std::vector<std::string> types;
    for (const EventView& view : page.events()) types.emplace_back(view.event_type);
    return types;
}

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "chronos-test-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    [[nodiscard]] std::string path() const { return path_ + "/store"; }

private:
    std::string path_;
};

TEST(Store, APageMayOutliveItsStore) {
    Page page;
    {
        auto store = Store::open({.in_memory = true});
        ASSERT_TRUE(store.ok());
        ASSERT_TRUE(store->append({.entity_id = "e", .event_type = "t", .payload = R"({"kept":true})"}).ok());
        ASSERT_TRUE(store->view()->read_entity("e", {}, page).ok());
    }
    ASSERT_EQ(page.events().size(), 1U);
    EXPECT_EQ(page.events()[0].payload, R"({"kept":true})");
    auto other = Store::open({.in_memory = true});
    ASSERT_TRUE(other->view()->read_entity("e", {}, page).ok());
    EXPECT_TRUE(page.events().empty());
}

TEST(Store, AnswersPositionsAndVersions) {
    Store store = memory_store();
    const AppendResult first = must_append(store, event("order:1", "order.placed"));
    const AppendResult second = must_append(store, event("order:1", "order.paid"));
    EXPECT_EQ(first.events[0].position.value, 0U);
    EXPECT_EQ(second.events[0].position.value, 1U);
    EXPECT_EQ(second.events[0].version.value, 2U);
    EXPECT_EQ(second.durability, Durability::kMemory);
}

TEST(Store, RefusesAnAppendWhoseVersionMoved) {
    Store store = memory_store();
    must_append(store, event("order:1", "order.placed"));
    const auto refused = store.append(event("order:1", "order.paid"), ExpectedVersion::none());
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kVersionConflict);
    ASSERT_EQ(refused.error().append_failure->conditions.size(), 1U);
    EXPECT_EQ(refused.error().append_failure->conditions[0].current_version.value, 1U);
    EXPECT_EQ(store.view()->stats()->event_count, 1U);
}

TEST(Store, ChecksADynamicConsistencyBoundary) {
    Store store = memory_store();
    NewEvent subscribed = event("student:1", "student.subscribed");
    subscribed.tags = {"course:c1", "student:s1"};
    must_append(store, subscribed);
    Query query;
    query.items.push_back({.types = {"student.subscribed"}, .tags = {"course:c1"}});
    const Condition none = NoEventMatches{query, std::nullopt};
    const Condition none_after = NoEventMatches{query, Position{0}};
    const NewEvent next = event("student:2", "student.subscribed");
    const auto refused = store.append({&next, 1}, {&none, 1});
    ASSERT_FALSE(refused.ok());
    ASSERT_TRUE(refused.error().append_failure->conditions[0].first_match.has_value());
    EXPECT_EQ(refused.error().append_failure->conditions[0].first_match->position.value, 0U);
    EXPECT_TRUE(store.append({&next, 1}, {&none_after, 1}).ok());
}

TEST(Store, GivesTheFirstAnswerToARetry) {
    Store store = memory_store();
    AppendOptions options;
    options.idempotency_key = "key";
    const NewEvent placed = event("order:1", "order.placed", R"({"a":1,"b":2})");
    const auto first = store.append(placed, ExpectedVersion::none(), options);
    must_append(store, event("order:1", "order.paid"));
    NewEvent same = placed;
    same.payload = R"({"b":2.0,"a":1})";
    const auto again = store.append(same, ExpectedVersion::none(), options);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_TRUE(again->duplicate);
    EXPECT_EQ(again->events[0].id, first->events[0].id);
    EXPECT_EQ(again->events[0].version.value, 1U);
    same.payload = R"({"b":3})";
    EXPECT_EQ(store.append(same, {}, options).error().code, ErrorCode::kIdConflict);
}

TEST(Store, NamesKnownAndUnknownIdsOfAPartialDuplicate) {
    Store store = memory_store();
    NewEvent one = event("a", "t");
    one.id = *Uuid::parse("00000000-0000-4000-8000-000000000001");
    must_append(store, one);
    NewEvent two = event("a", "t");
    two.id = *Uuid::parse("00000000-0000-4000-8000-000000000002");
    const std::vector<NewEvent> both = {one, two};
    const auto refused = store.append(both);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kPartialDuplicate);
    EXPECT_EQ(refused.error().append_failure->known_ids, std::vector<Uuid>{*one.id});
    EXPECT_EQ(refused.error().append_failure->unknown_ids, std::vector<Uuid>{*two.id});
}

TEST(Store, RefusesWhatTheRulesForbid) {
    Store store = memory_store();
    const auto code_of = [&](const NewEvent& event) { return store.append(event).error().code; };
    EXPECT_EQ(code_of(event("", "t")), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(event("a", "$t")), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(event("a", "t t")), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(event(" a", "t")), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(event("a", "t", "{")), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(event("a\n", "t")), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(event(std::string(513, 'x'), "t")), ErrorCode::kLimitExceeded);
    EXPECT_EQ(code_of(event("a", "t", "\"" + std::string(std::size_t{1} << 20, 'x') + "\"")),
              ErrorCode::kLimitExceeded);
    EXPECT_EQ(store.view()->stats()->event_count, 0U);
}

TEST(Store, ReadsWhatItWroteAfterReopening) {
    const TemporaryDirectory directory;
    {
        auto store = Store::open({.directory = directory.path()});
        ASSERT_TRUE(store.ok()) << store.error().message;
        for (int i = 0; i < 100; ++i) {
            NewEvent next =
                event("e:" + std::to_string(i % 7), "t." + std::to_string(i % 3), R"({"i":)" + std::to_string(i) + "}");
            next.tags = {"tag:" + std::to_string(i % 5)};
            const AppendResult result = must_append(*store, next);
            EXPECT_EQ(result.durability, Durability::kDurable);
        }
    }
    auto store = Store::open({.directory = directory.path()});
    ASSERT_TRUE(store.ok()) << store.error().message;
    Page page;
    ReadOptions options;
    options.filter.tags = {"tag:2"};
    options.filter.event_types = {"t.1"};
    const View view = *store->view();
    ASSERT_TRUE(view.read(options, page).ok());
    std::vector<std::string> payloads;
    for (const EventView& found : page.events()) payloads.emplace_back(found.payload);
    EXPECT_EQ(payloads, (std::vector<std::string>{R"({"i":7})", R"({"i":22})", R"({"i":37})", R"({"i":52})",
                                                  R"({"i":67})", R"({"i":82})", R"({"i":97})"}));
    EXPECT_EQ(store->view()->stats()->event_count, 100U);
    EXPECT_TRUE(store->close().ok());
    const auto report = verify(directory.path());
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_TRUE(report->intact);
    EXPECT_EQ(report->event_count, 100U);
}

TEST(Store, PagesThroughWithCursorsThatKeepTheirView) {
    Store store = memory_store();
    for (int i = 0; i < 10; ++i) must_append(store, event("a", "t." + std::to_string(i)));
    ReadOptions options;
    options.limit = 4;
    Page page;
    ASSERT_TRUE(store.view()->read(options, page).ok());
    std::vector<std::string> seen = types_of(page);
    must_append(store, event("a", "later"));
    while (!page.next_cursor().empty()) {
        options.cursor = page.next_cursor();
        ASSERT_TRUE(store.view()->read(options, page).ok());
        for (const std::string& type : types_of(page)) seen.push_back(type);
    }
    EXPECT_EQ(seen.size(), 10U);
    EXPECT_EQ(seen.back(), "t.9");
    options.filter.event_types = {"x"};
    options.cursor = "AAAA";
    EXPECT_EQ(store.view()->read(options, page).error().code, ErrorCode::kCursorMismatch);
}

TEST(Store, TravelsByPositionAndByBothTimes) {
    Store store = memory_store();
    NewEvent late = event("a", "second", R"({"v":2})");
    late.occurred_at = *Timestamp::parse("2020-02-01");
    NewEvent early = event("a", "first", R"({"v":1})");
    early.occurred_at = *Timestamp::parse("2020-01-01");
    const AppendResult recorded = must_append(store, late);
    must_append(store, early);

    ViewOptions at;
    at.at = Position{0};
    EXPECT_EQ(store.view(at)->state("a")->json, R"({"v":2})");
    EXPECT_TRUE(store.view(at)->info().settled);
    ViewOptions known;
    known.known_at = recorded.recorded_at;
    EXPECT_EQ(store.view(known)->state("a")->event_count, 1U);
    ViewOptions as_of;
    as_of.as_of = *Timestamp::parse("2020-01-15");
    EXPECT_EQ(store.view(as_of)->state("a")->json, R"({"v":1})");
    EXPECT_FALSE(store.view(as_of)->info().settled);

    const State in_stream_order = *store.view()->state("a");
    EXPECT_EQ(in_stream_order.json, R"({"v":1})");
    EXPECT_EQ(in_stream_order.late_events, 1U);
    StateOptions by_occurrence;
    by_occurrence.order = FoldOrder::kOccurred;
    EXPECT_EQ(store.view()->state("a", by_occurrence)->json, R"({"v":2})");
    ViewOptions beyond;
    beyond.at = Position{2};
    EXPECT_EQ(store.view(beyond).error().code, ErrorCode::kInvalidArgument);
}

TEST(Store, AnswersTheSameWithAndWithoutSnapshots) {
    Store store = memory_store();
    for (int i = 0; i < 500; ++i)
        must_append(store, event("a", "t", R"({"k)" + std::to_string(i % 17) + R"(":)" + std::to_string(i) + "}"));
    const View view = *store.view();
    const State first = *view.state("a");
    const State second = *view.state("a");
    StateOptions plain;
    plain.ignore_snapshots = true;
    const State folded = *view.state("a", plain);
    EXPECT_EQ(second.folded_events, 0U);
    EXPECT_EQ(folded.folded_events, 500U);
    EXPECT_EQ(first.json, second.json);
    EXPECT_EQ(first.json, folded.json);
    EXPECT_EQ(second.version.value, 500U);
}

TEST(Store, SaysWhichEventSetAField) {
    Store store = memory_store();
    must_append(store, event("a", "made", R"({"x":1,"y":1})"));
    must_append(store, event("a", "changed", R"({"y":2})"));
    StateOptions options;
    options.with_origins = true;
    const State state = *store.view()->state("a", options);
    ASSERT_EQ(state.origins.size(), 2U);
    EXPECT_EQ(state.origins[1].pointer, "/y");
    EXPECT_EQ(state.origins[1].event_type, "changed");
    const auto history = *store.view()->history("a");
    ASSERT_EQ(history.size(), 2U);
    ASSERT_EQ(history[1].changes.size(), 1U);
    EXPECT_EQ(history[1].changes[0].before, "1");
    EXPECT_EQ(history[1].changes[0].after, "2");
}

TEST(Store, FiltersByFieldsAndMetadata) {
    Store store = memory_store();
    for (int i = 0; i < 200; ++i) {
        NewEvent next = event("a", "t", R"({"total":)" + std::to_string(i) + "}");
        next.metadata = R"({"correlation_id":"c\u002d)" + std::to_string(i % 4) + R"("})";
        must_append(store, next);
    }
    Filter filter;
    filter.fields = {{.pointer = "/total", .operation = ">=", .operand = "190"}};
    EXPECT_EQ(*store.view()->count(filter), 10U);
    filter.correlation_id = "c-3";
    EXPECT_EQ(*store.view()->count(filter), 3U);
    filter.fields[0].operation = "~";
    EXPECT_EQ(store.view()->count(filter).error().code, ErrorCode::kInvalidArgument);
}

TEST(Store, AppendsJsonWithConditions) {
    Store store = memory_store();
    const auto appended = store.append_json(
        R"({"events":[{"entity_id":"a","event_type":"t","payload":{"x":1},"expected_version":0}],
            "conditions":[{"entity_id":"b","expected_version":"none"},
                          {"fail_if_events_match":{"items":[{"types":["t"]}]}}]})");
    ASSERT_TRUE(appended.ok()) << appended.error().message;
    EXPECT_EQ(store.append_json(R"({"entity_id":"a","event_type":"t","expected_version":0,"payload":1})").error().code,
              ErrorCode::kVersionConflict);
    EXPECT_EQ(store.append_json(R"({"entity_id":"a","event_type":"t","payload":1,"conditions":[]})").error().code,
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(store.append_json(R"([{"entity_id":"a"}])").error().code, ErrorCode::kInvalidArgument);
}

TEST(Store, PublishesAnOsAppendSoonConcurrent) {
    const TemporaryDirectory directory;
    auto store = Store::open({.directory = directory.path()});
    ASSERT_TRUE(store.ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    AppendOptions options;
    options.durability = Durability::kOs;
    const auto appended = store->append(event("a", "t"), {}, options);
    ASSERT_TRUE(appended.ok());
    auto follower = store->follow(FollowOptions{});
    Page page;
    ASSERT_TRUE(follower->next(10, 10'000, page).ok());
    EXPECT_EQ(page.events().size(), 1U);
    // A check of what was only written waits for its sync and no longer.
    ASSERT_TRUE(store->append(event("a", "t"), {}, options).ok());
    EXPECT_EQ(store->append(event("a", "t"), ExpectedVersion::none()).error().code, ErrorCode::kVersionConflict);
}

TEST(Store, PublishesAnOsAppendInMemory) {
    Store store = memory_store();
    AppendOptions options;
    options.durability = Durability::kOs;
    ASSERT_TRUE(store.append(event("a", "t"), {}, options).ok());
    EXPECT_EQ(store.view()->stats()->event_count, 1U);
    EXPECT_FALSE(store.append(event("a", "t"), ExpectedVersion::none()).ok());
}

TEST(Store, FindsTheFirstMatchOfEachOfManyConditionsAmongEventsThatAreOnTheirWay) {
    const TemporaryDirectory directory;
    auto store = Store::open({.directory = directory.path()});
    ASSERT_TRUE(store.ok());
    std::uint64_t position = 0;
    for (int round = 0; round < 20; ++round) {
        const std::string name = std::to_string(round);
        BatchBuilder batch;
        const std::vector<std::vector<std::string>> tags = {
            {}, {"all" + name}, {"all" + name, "some" + name}, {"all" + name, "some" + name, "one" + name}};
        for (const auto& of_event : tags) {
            const std::vector<std::string_view> views(of_event.begin(), of_event.end());
            batch.add({.entity_id = "e", .event_type = "type" + name, .payload = "1", .tags = views});
        }
        auto pending = store->append_async(std::move(batch));
        ASSERT_TRUE(pending.ok());
        const auto no = [](std::vector<std::string> types, std::vector<std::string> of_item,
                           std::optional<Position> after = {}) {
            return NoEventMatches{Query{.items = {{.types = std::move(types), .tags = std::move(of_item)}}}, after};
        };
        const std::vector<Condition> conditions = {
            no({}, {"some" + name}),
            no({}, {"none"}),
            no({}, {"one" + name, "all" + name}),
            no({"type" + name}, {}),
            no({"type" + name}, {}, Position{position + 3}),
            no({"other"}, {"all" + name}),
            NoEventMatches{Query{.items = {}, .all = true}, Position{position}},
            EntityCondition{"e", ExpectedVersion::exists()},
        };
        const auto refused = store->append(std::vector{event("f", "t")}, conditions);
        ASSERT_FALSE(refused.ok());
        ASSERT_TRUE(refused.error().append_failure);
        std::vector<std::pair<std::uint32_t, std::uint64_t>> failed;
        for (const FailedCondition& condition : refused.error().append_failure->conditions)
            failed.emplace_back(condition.index, condition.first_match->position.value - position);
        const std::vector<std::pair<std::uint32_t, std::uint64_t>> expected = {{0, 2}, {2, 3}, {3, 0}, {6, 1}};
        EXPECT_EQ(failed, expected) << "round " << round;
        ASSERT_TRUE(pending->get().ok());
        position += tags.size();
    }
}

TEST(Store, IgnoresPositionsBeyondTheHeadInConditions) {
    Store store = memory_store();
    must_append(store, event("a", "t"));
    for (const std::uint64_t after : {std::uint64_t{0}, std::uint64_t{5}, ~std::uint64_t{0} - 1, ~std::uint64_t{0}}) {
        const Condition condition = NoEventMatches{Query{.items = {}, .all = true}, Position{after}};
        EXPECT_TRUE(store.append({}, {&condition, 1}).ok()) << after;
    }
}

TEST(Store, FollowerCatchesUpAndThenWaitsConcurrent) {
    Store store = memory_store();
    for (int i = 0; i < 10; ++i) must_append(store, event("a", "before"));
    auto opened = store.follow(FollowOptions{});
    ASSERT_TRUE(opened.ok());
    Follower follower = std::move(opened).value();
    std::thread writer([&] {
        for (int i = 0; i < 1000; ++i) must_append(store, event("b", "after"));
    });
    Page page;
    std::uint64_t next = 0;
    while (next < 1010) {
        ASSERT_TRUE(follower.next(64, 2000, page).ok());
        ASSERT_FALSE(page.events().empty());
        for (const EventView& view : page.events()) EXPECT_EQ(view.position.value, next++);
    }
    writer.join();
}

TEST(Store, AnswersManyWritersConcurrent) {
    const TemporaryDirectory directory;
    constexpr int kThreads = 6;
    constexpr int kAppends = 200;
    {
        auto store = Store::open({.directory = directory.path()});
        ASSERT_TRUE(store.ok());
        std::vector<std::thread> writers;
        std::atomic<int> failures = 0;
        for (int t = 0; t < kThreads; ++t) {
            writers.emplace_back([&, t] {
                for (int i = 0; i < kAppends; ++i) {
                    BatchBuilder batch;
                    const std::string entity = "e:" + std::to_string(t);
                    batch.add({.entity_id = entity, .event_type = "t"});
                    if (i % 3 == 0) {
                        auto pending = store->append_async(std::move(batch));
                        if (!pending.ok() || !pending->get().ok()) ++failures;
                    } else if (!store->append(std::move(batch)).ok()) {
                        ++failures;
                    }
                }
            });
        }
        for (std::thread& writer : writers) writer.join();
        EXPECT_EQ(failures, 0);
    }
    auto store = Store::open({.directory = directory.path()});
    ASSERT_TRUE(store.ok()) << store.error().message;
    EXPECT_EQ(store->view()->stats()->event_count, std::uint64_t{kThreads * kAppends});
}

TEST(State, OfThePastStartsFromTheNearestSavedOne) {
    Store store = Store::open({.in_memory = true}).value();
    constexpr std::uint64_t kEvents = 5'000;
    const auto second = [](std::uint64_t i) { return Timestamp{static_cast<std::int64_t>(i) * 1'000'000'000}; };
    BatchBuilder batch;
    for (std::uint64_t i = 1; i <= kEvents; ++i) {
        const std::string payload = R"({"n":)" + std::to_string(i) + R"(,"k)" + std::to_string(i % 7) + R"(":true})";
        batch.add({.entity_id = "a", .event_type = "t", .payload = payload, .occurred_at = second(i)});
    }
    ASSERT_TRUE(store.append(std::move(batch)).ok());
    EXPECT_EQ(store.view()->state("a")->folded_events, kEvents);
    EXPECT_EQ(store.view()->state("a")->folded_events, 0U);
    for (const std::uint64_t at : {1'023U, 1'024U, 1'025U, 3'000U, 4'999U}) {
        const View then = store.view({.as_of = second(at)}).value();
        const State saved = then.state("a").value();
        const State folded = then.state("a", {.ignore_snapshots = true}).value();
        EXPECT_EQ(saved.json, folded.json);
        EXPECT_EQ(saved.version, folded.version);
        EXPECT_EQ(folded.folded_events, at);
        EXPECT_LE(saved.folded_events, 1'024U) << at;
        EXPECT_EQ(store.view({.at = Position{at - 1}})->state("a")->json, folded.json);
    }
}

TEST(EventJson, IsOneLineWhateverThePayloadLooksLike) {
    Event event{.event_type = "t", .entity_id = "a", .payload = "{\n  \"x\": \"a\\nb\"\r\n}", .metadata = "{\n}"};
    const std::string json = to_json(event);
    EXPECT_EQ(json.find_first_of("\r\n"), std::string::npos);
    EXPECT_NE(json.find(R"("payload":{   "x": "a\nb"  })"), std::string::npos) << json;
}

}  // namespace
}  // namespace chronos
