// Both times at once, and what changed between two views, against expectations written by hand.
#include <gtest/gtest.h>

#include "chronos/store.h"

namespace chronos {
namespace {

Store memory_store() { return Store::open({.directory = "", .in_memory = true}).value(); }

Timestamp day(const std::string& date) { return *Timestamp::parse(date); }

/// Appends one event of `entity` and answers when it was recorded.
Timestamp append(Store& store, const std::string& entity, const std::string& type, const std::string& payload,
                 const std::string& date, const std::string& metadata = "") {
    NewEvent event;
    event.entity_id = entity;
    event.event_type = type;
    event.payload = payload;
    event.metadata = metadata;
    event.occurred_at = day(date);
    const auto appended = store.append(event);
    EXPECT_TRUE(appended.ok()) << appended.error().message;
    return appended.ok() ? appended->recorded_at : Timestamp();
}

/// A price that changes twice, of which the middle one is told late and the first one is corrected at last:
///
///     occurred    10th         15th         20th
///     recorded    1st: 100                  2nd: 120
///                              3rd: 110
///                 4th: 105
class Bitemporal : public testing::Test {
protected:
    void SetUp() override {
        recorded_[0] = append(store_, "price:1", "price.set", R"({"price":100,"by":"list"})", "2026-01-10");
        recorded_[1] = append(store_, "price:1", "price.set", R"({"price":120})", "2026-01-20");
        recorded_[2] = append(store_, "price:1", "price.set", R"({"price":110})", "2026-01-15");
        recorded_[3] = append(store_, "price:1", "price.corrected", R"({"price":105,"by":null})", "2026-01-10",
                              R"({"actor":"ada","reason":"typing error"})");
    }

    struct Question {
        int known_events = 4;
        std::string as_of;
        FoldOrder order = FoldOrder::kStream;
    };
    [[nodiscard]] View view(const Question& question) const {
        ViewOptions options;
        options.known_at = recorded_[question.known_events - 1];
        if (!question.as_of.empty()) options.as_of = day(question.as_of);
        return *store_.view(options);
    }
    [[nodiscard]] std::string state(const Question& question) const {
        StateOptions options;
        options.order = question.order;
        return view(question).state("price:1", options)->json;
    }

    Store store_ = memory_store();
    Timestamp recorded_[4];
};

TEST_F(Bitemporal, WhatWasKnownThenAboutTheTime) {
    EXPECT_EQ(state({.known_events = 2, .as_of = "2026-01-16"}), R"({"price":100,"by":"list"})");
    EXPECT_EQ(state({.known_events = 2, .as_of = "2026-01-21"}), R"({"price":120,"by":"list"})");
    EXPECT_EQ(state({.known_events = 3, .as_of = "2026-01-16"}), R"({"price":110,"by":"list"})");
    EXPECT_EQ(state({.known_events = 3, .as_of = "2026-01-12"}), R"({"price":100,"by":"list"})");
    EXPECT_EQ(state({.known_events = 4, .as_of = "2026-01-12"}), R"({"price":105})");
    EXPECT_EQ(state({.known_events = 4, .as_of = "2026-01-09"}), "{}");
}

TEST_F(Bitemporal, TheOrdersDifferWhereEventsCameLate) {
    const auto both = [this](Question question) {
        question.order = FoldOrder::kStream;
        std::string answer = state(question) + " ";
        question.order = FoldOrder::kOccurred;
        return answer + state(question);
    };
    EXPECT_EQ(both({.known_events = 2}), R"({"price":120,"by":"list"} {"price":120,"by":"list"})");
    EXPECT_EQ(both({.known_events = 3}), R"({"price":110,"by":"list"} {"price":120,"by":"list"})");
    EXPECT_EQ(both({.known_events = 4}), R"({"price":105} {"price":120})");
    EXPECT_EQ(both({.known_events = 4, .as_of = "2026-01-16"}), R"({"price":105} {"price":110})");
    EXPECT_EQ(both({.known_events = 4, .as_of = "2026-01-10"}), R"({"price":105} {"price":105})");
    EXPECT_EQ(view({.known_events = 4}).state("price:1")->late_events, 2U);
    EXPECT_EQ(view({.known_events = 4, .as_of = "2026-01-10"}).state("price:1")->late_events, 0U);
}

TEST_F(Bitemporal, HistorySaysWhoAndWhyAndHowLongAfter) {
    StateOptions options;
    options.order = FoldOrder::kOccurred;
    const auto entries = *view({}).history("price:1", options);
    ASSERT_EQ(entries.size(), 4U);
    constexpr std::int64_t kDayNs = 86'400'000'000'000;
    EXPECT_EQ(entries[0].duration_ns, std::nullopt);
    EXPECT_EQ(entries[1].event.version.value, 4U);
    EXPECT_EQ(entries[1].actor, "ada");
    EXPECT_EQ(entries[1].reason, "typing error");
    EXPECT_EQ(entries[1].duration_ns, 0);
    EXPECT_EQ(entries[2].duration_ns, 5 * kDayNs);
    EXPECT_EQ((*view({}).history("price:1"))[2].duration_ns, -5 * kDayNs);
}

TEST_F(Bitemporal, AHistoryComesInPartsInEitherOrder) {
    for (const FoldOrder order : {FoldOrder::kStream, FoldOrder::kOccurred}) {
        StateOptions options;
        options.order = order;
        const auto whole = *view({}).history("price:1", options);
        HistoryPart part{.limit = 1};
        for (std::size_t i = 0; i < whole.size(); ++i) {
            const HistoryPage page = *view({}).history_page("price:1", options, part);
            EXPECT_EQ(page.event_count, whole.size());
            EXPECT_EQ(page.has_more, i + 1 < whole.size());
            ASSERT_EQ(page.entries.size(), 1U);
            EXPECT_EQ(page.entries[0].event.id, whole[i].event.id);
            EXPECT_EQ(page.entries[0].duration_ns, whole[i].duration_ns);
            EXPECT_EQ(page.entries[0].changes.size(), whole[i].changes.size());
            part.after = page.entries[0].event.version;
        }
        EXPECT_TRUE(view({}).history_page("price:1", options, part)->entries.empty());
    }
    // One entry in any case.
    EXPECT_EQ(view({}).history_page("price:1", {}, {.bytes_max = 1})->entries.size(), 1U);
    EXPECT_TRUE(view({}).history_page("price:1", {}, {.bytes_max = 1})->has_more);
    EXPECT_EQ(view({}).history_page("nobody", {}, {})->event_count, 0U);
}

TEST_F(Bitemporal, APageOfAnEntityEndsBeforeItIsTooLarge) {
    Page page;
    const auto read = [&](std::size_t bytes_max) {
        const EntityReadOptions options{.order = Order::kBackward, .limit = 10, .bytes_max = bytes_max};
        EXPECT_TRUE(view({}).read_entity("price:1", options, page).ok());
        return page.events().size();
    };
    EXPECT_EQ(read(0), 4U);
    EXPECT_FALSE(page.has_more());
    EXPECT_EQ(read(1), 1U);
    EXPECT_TRUE(page.has_more());
    const std::size_t last = page.events()[0].payload.size() + page.events()[0].metadata.size();
    EXPECT_EQ(read(last), 1U);
    EXPECT_EQ(read(1'000), 4U);
}

TEST_F(Bitemporal, AFieldHasItsValueSinceTheEntryThatLastChangedIt) {
    const auto entries = *view({.known_events = 3}).history("price:1");
    const auto fields = field_histories(entries);
    ASSERT_EQ(fields.size(), 2U);
    EXPECT_EQ(fields[0].pointer, "/price");
    EXPECT_EQ(fields[0].value, "110");
    EXPECT_EQ(fields[0].entry_index, 2U);
    EXPECT_EQ(fields[0].change_count, 3U);
    EXPECT_EQ(fields[1].entry_index, 0U);
    EXPECT_EQ(field_histories(*view({}).history("price:1")).size(), 1U);
}

TEST_F(Bitemporal, ChangesNameTheEventThatSetOrTookAwayAField) {
    ChangesOptions options;
    options.order = FoldOrder::kOccurred;
    const Changes changes =
        *view({.as_of = "2026-01-12"}).changes(view({.known_events = 3, .as_of = "2026-01-12"}), options);
    EXPECT_EQ(changes.entity_count, 1U);
    ASSERT_EQ(changes.entities.size(), 1U);
    const EntityChange& price = changes.entities[0];
    EXPECT_EQ(price.entity_id, "price:1");
    EXPECT_TRUE(price.existed && price.exists);
    EXPECT_EQ(price.version_before.value, 1U);
    EXPECT_EQ(price.version_after.value, 4U);
    ASSERT_EQ(price.added.size(), 1U);
    EXPECT_EQ(price.added[0].event_type, "price.corrected");
    EXPECT_EQ(price.added[0].version.value, 4U);
    EXPECT_EQ(price.added[0].actor, "ada");
    EXPECT_TRUE(price.removed.empty());
    ASSERT_EQ(price.fields.size(), 2U);
    EXPECT_EQ(price.fields[0].pointer, "/price");
    EXPECT_EQ(price.fields[0].before, "100");
    EXPECT_EQ(price.fields[0].after, "105");
    EXPECT_EQ(price.fields[0].event_id, price.added[0].id);
    EXPECT_EQ(price.fields[1].pointer, "/by");
    EXPECT_EQ(price.fields[1].after, std::nullopt);
    EXPECT_EQ(price.fields[1].event_id, price.added[0].id);
}

TEST_F(Bitemporal, ChangesBackInTimeTakeEventsAway) {
    const Changes changes = *view({.as_of = "2026-01-09"}).changes(view({.as_of = "2026-01-16"}));
    EXPECT_EQ(changes.added_count, 0U);
    EXPECT_EQ(changes.removed_count, 3U);
    ASSERT_EQ(changes.entities.size(), 1U);
    const EntityChange& price = changes.entities[0];
    EXPECT_TRUE(price.existed && !price.exists);
    ASSERT_EQ(price.removed.size(), 3U);
    EXPECT_EQ(price.removed[1].version.value, 3U);
    ASSERT_EQ(price.fields.size(), 1U);
    EXPECT_EQ(price.fields[0].before, "105");
    EXPECT_EQ(price.fields[0].event_id, std::nullopt);
}

TEST(Changes, NothingDiffersBetweenAViewAndItself) {
    Store store = memory_store();
    append(store, "a", "t", R"({"x":1})", "2026-01-01");
    const View view = *store.view();
    const Changes changes = *view.changes(view);
    EXPECT_TRUE(changes.entities.empty());
    EXPECT_EQ(changes.examined, 0U);
    EXPECT_FALSE(changes.has_more);
}

TEST(Changes, ListEntitiesWhoseStateIsTheSame) {
    Store store = memory_store();
    append(store, "a", "t", R"({"x":1})", "2026-01-01");
    const View before = *store.view();
    append(store, "a", "t", R"({"x":1})", "2026-01-01");
    const Changes changes = *store.view()->changes(before);
    ASSERT_EQ(changes.entities.size(), 1U);
    EXPECT_TRUE(changes.entities[0].fields.empty());
    EXPECT_EQ(changes.entities[0].added_count, 1U);
}

TEST(Changes, ComeInPagesByEntity) {
    Store store = memory_store();
    const View before = *store.view();
    for (const char* entity : {"c", "a", "b", "a", "d"}) append(store, entity, "t", "{}", "2026-01-01");
    ChangesOptions options;
    options.limit = 2;
    options.events_max = 1;
    Changes page = *store.view()->changes(before, options);
    ASSERT_EQ(page.entities.size(), 2U);
    EXPECT_EQ(page.entities[0].entity_id, "a");
    EXPECT_EQ(page.entities[0].added_count, 2U);
    EXPECT_EQ(page.entities[0].added.size(), 1U);
    EXPECT_EQ(page.entities[1].entity_id, "b");
    EXPECT_TRUE(page.has_more);
    EXPECT_EQ(page.entity_count, 4U);
    EXPECT_EQ(page.added_count, 5U);
    options.after = page.next_after;
    page = *store.view()->changes(before, options);
    ASSERT_EQ(page.entities.size(), 2U);
    EXPECT_EQ(page.entities[0].entity_id, "c");
    EXPECT_EQ(page.entities[1].entity_id, "d");
    EXPECT_FALSE(page.has_more);
    EXPECT_EQ(page.entity_count, 4U);
    EXPECT_EQ(page.next_after, "");
}

TEST(Changes, OfNamedEntitiesAndPrefixes) {
    Store store = memory_store();
    const View before = *store.view();
    for (const char* entity : {"order:1", "order:2", "user:1"}) append(store, entity, "t", "{}", "2026-01-01");
    ChangesOptions options;
    options.entity_ids = {"user:1", "order:2", "none"};
    EXPECT_EQ(store.view()->changes(before, options)->added_count, 2U);
    options.entity_id_prefix = "order:";
    const Changes both = *store.view()->changes(before, options);
    ASSERT_EQ(both.entities.size(), 1U);
    EXPECT_EQ(both.entities[0].entity_id, "order:2");
    options.entity_ids.clear();
    EXPECT_EQ(store.view()->changes(before, options)->entity_count, 2U);
}

TEST(Changes, BetweenForksShowTheEventsOfEither) {
    Store store = memory_store();
    append(store, "a", "t", R"({"x":1,"y":1})", "2026-01-01");
    const ForkInfo fork = *store.create_fork({});
    append(store, "a", "t", R"({"x":2})", "2026-01-02");
    NewEvent tried;
    tried.entity_id = "a";
    tried.event_type = "tried";
    tried.payload = R"({"y":null})";
    ASSERT_TRUE(store.append(tried, {}, {.branch = fork.id}).ok());
    const ForkInfo child = *store.create_fork({.parent = fork.id});
    tried.payload = R"({"z":1})";
    ASSERT_TRUE(store.append(tried, {}, {.branch = child.id}).ok());

    const View main = *store.view();
    const Changes changes = *store.view({.branch = child.id})->changes(main);
    EXPECT_EQ(changes.entity_count, 1U);
    EXPECT_EQ(changes.examined, 3U);
    ASSERT_EQ(changes.entities.size(), 1U);
    const EntityChange& change = changes.entities[0];
    EXPECT_EQ(change.version_before.value, 2U);
    EXPECT_EQ(change.version_after.value, 3U);
    ASSERT_EQ(change.added.size(), 2U);
    EXPECT_EQ(change.added[0].version.value, 2U);
    EXPECT_EQ(change.added[1].version.value, 3U);
    ASSERT_EQ(change.removed.size(), 1U);
    ASSERT_EQ(change.fields.size(), 3U);
    EXPECT_EQ(change.fields[0].pointer, "/x");
    EXPECT_EQ(change.fields[0].before, "2");
    EXPECT_EQ(change.fields[0].after, "1");
    EXPECT_EQ(change.fields[1].pointer, "/y");
    EXPECT_EQ(change.fields[1].event_id, change.added[0].id);
    EXPECT_EQ(change.fields[2].event_id, change.added[1].id);
    EXPECT_EQ(main.changes(*store.view({.branch = fork.id}))->removed_count, 1U);
}

TEST(Changes, RefuseViewsOfAnotherStoreAndLimits) {
    Store store = memory_store();
    const Store other = memory_store();
    const View view = *store.view();
    EXPECT_EQ(view.changes(*other.view()).error().code, ErrorCode::kInvalidArgument);
    const std::vector<std::pair<std::uint32_t, std::uint32_t>> refused{{0, 1}, {10'001, 1}, {1, 10'001}, {10'000, 101}};
    for (const auto& [limit, events_max] : refused) {
        ChangesOptions options;
        options.limit = limit;
        options.events_max = events_max;
        EXPECT_EQ(view.changes(view, options).error().code, ErrorCode::kLimitExceeded) << limit << " " << events_max;
    }
}

/// A fork of a store with three entities, and what it differs in from its parent.
class MergedFork : public testing::Test {
protected:
    void SetUp() override {
        for (const char* entity : {"a", "b", "c"}) change(entity, R"({"n":0})");
        before_ = store_.view()->info().at;
        fork_ = store_.create_fork({.name = "f"})->id;
    }
    AppendResult change(const std::string& entity, const std::string& payload, const std::string& branch = "main",
                        std::optional<Uuid> id = {}) {
        NewEvent event{.entity_id = entity, .event_type = "changed", .payload = payload};
        event.id = id;
        return store_.append(event, {}, {.branch = branch}).value();
    }
    Changes difference(const std::string& branch, const ViewOptions& from = {}) {
        return *store_.view({.branch = branch})->changes(*store_.view(from));
    }
    /// "entity +added -removed", and the fields that differ.
    static std::string text(const Changes& changes) {
        std::string text;
        for (const EntityChange& entity : changes.entities) {
            text += entity.entity_id + " +" + std::to_string(entity.added_count) + " -" +
                    std::to_string(entity.removed_count);
            for (const FieldDifference& field : entity.fields)
                text += " " + field.pointer + " " + field.before.value_or("?") + ">" + field.after.value_or("?");
            text += "\n";
        }
        return text + "+" + std::to_string(changes.added_count) + " -" + std::to_string(changes.removed_count) +
               " of " + std::to_string(changes.entity_count);
    }
    static Uuid id(int number) {
        Uuid id;
        id.bytes[0] = static_cast<std::byte>(number);
        return id;
    }

    Store store_ = memory_store();
    std::optional<Position> before_;
    std::string fork_;
};

TEST_F(MergedFork, HasNothingThatItsParentHasNot) {
    change("a", R"({"n":1})", "f");
    change("new", R"({"n":2})", "f");
    EXPECT_EQ(text(difference("f")), "a +1 -0 /n 0>1\nnew +1 -0 /n ?>2\n+2 -0 of 2");
    ASSERT_TRUE(store_.merge_fork("f")->merged);
    EXPECT_EQ(text(difference("f")), "+0 -0 of 0");
    EXPECT_EQ(text(difference("main", {.branch = fork_})), "+0 -0 of 0");
    // The parent as it was still has not.
    EXPECT_EQ(text(difference("f", {.at = before_})), "a +1 -0 /n 0>1\nnew +1 -0 /n ?>2\n+2 -0 of 2");
}

TEST_F(MergedFork, DiffersInWhatCameBeforeAndAfterTheMergeAndInWhatWasSkipped) {
    change("a", R"({"n":1})", "f");
    change("b", R"({"n":2})", "f");
    change("c", R"({"n":3})");
    change("b", R"({"n":4})");
    ASSERT_TRUE(store_.merge_fork("f", {.entities = {{"b", MergeResolution::kSkip}}})->merged);
    change("a", R"({"m":5})");
    EXPECT_EQ(text(difference("f")), "a +0 -1 /m 5>?\nb +1 -1 /n 4>2\nc +0 -1 /n 3>0\n+1 -3 of 3");
}

TEST_F(MergedFork, ComparesOneEntityToo) {
    change("a", R"({"n":1})", "f");
    change("c", R"({"n":3})");
    ASSERT_TRUE(store_.merge_fork("f")->merged);
    for (int i = 0; i < 50; ++i) change("d", "{}");  // So that looking at the entity alone is less.
    const ChangesOptions one{.entity_ids = {"a"}};
    EXPECT_EQ(text(*store_.view({.branch = "f"})->changes(*store_.view(), one)), "+0 -0 of 0");
}

TEST_F(MergedFork, SharesEventsThatTheParentHadAlready) {
    change("a", R"({"n":1})", "f", id(1));
    change("a", R"({"n":1})", "main", id(1));
    ASSERT_EQ(store_.merge_fork("f")->already_present_count, 1U);
    EXPECT_EQ(text(difference("f")), "+0 -0 of 0");
}

TEST_F(MergedFork, DiffersWhereTheSameEventsCameInAnotherOrder) {
    change("a", R"({"n":1})", "f", id(1));
    change("a", R"({"n":2})", "f", id(2));
    change("a", R"({"n":2})", "main", id(2));
    ASSERT_TRUE(store_.merge_fork("f", {.others = MergeResolution::kForce})->merged);
    EXPECT_EQ(text(difference("f")), "a +1 -1 /n 1>2\n+1 -1 of 1");
}

TEST_F(MergedFork, OfAForkIsComparedThroughBoth) {
    store_.create_fork({.parent = "f", .name = "g"}).value();
    change("a", R"({"n":1})", "g");
    ASSERT_TRUE(store_.merge_fork("g")->merged);
    EXPECT_EQ(text(difference("g", {.branch = "f"})), "+0 -0 of 0");
    EXPECT_EQ(text(difference("g")), "a +1 -0 /n 0>1\n+1 -0 of 1");
    ASSERT_TRUE(store_.merge_fork("f")->merged);
    EXPECT_EQ(text(difference("g")), "+0 -0 of 0");
    EXPECT_EQ(text(difference("main", {.branch = "g"})), "+0 -0 of 0");
}

TEST_F(MergedFork, SaysWhichEventTookAFieldAway) {
    change("a", R"({"n":null})", "f");
    ASSERT_TRUE(store_.merge_fork("f")->merged);
    change("a", R"({"n":null,"m":1})");
    const Changes changes = difference("main", {.branch = fork_});
    EXPECT_EQ(text(changes), "a +1 -0 /m ?>1\n+1 -0 of 1");
}

}  // namespace
}  // namespace chronos
