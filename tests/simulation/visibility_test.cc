// What readers see between an append and its publication: nothing of it, by any way in.
#include <gtest/gtest.h>

#include "simulation/session.h"
#include "store/filter.h"
#include "store/view.h"

namespace chronos {
namespace {

using testing::SentBatch;
using testing::Session;

SentBatch order(int number) {
    SentBatch batch;
    batch.events.push_back({.entity_id = "order:1", .event_type = "order.changed", .tags = {"web"}});
    batch.options.idempotency_key = "order-" + std::to_string(number);
    return batch;
}

/// How many events of order:1 readers find, if all ways to them agree.
std::string seen(const store::Database& database) {
    const store::IndexSet& indexes = database.indexes();
    const auto view = store::pin_view(database, {});
    if (!view.ok()) return view.error().message;
    Page page;
    if (!store::read_entity(indexes, *view, "order:1", {}, page).ok()) return "cannot be read";
    const std::size_t of_entity = page.events().size();
    if (!store::read_last_resident(indexes, *view, "order:1", 10, page).ok()) return "cannot be read";
    if (page.events().size() != of_entity) return "the last ones are others";
    for (const Filter& filter : {Filter{}, Filter{.tags = {"web"}}}) {
        const auto compiled = store::CompiledFilter::compile(filter);
        const auto found = store::scan(indexes, *view, *compiled, {.end_seq = ~std::uint64_t{0}, .limit = 100});
        if (!found.ok()) return found.error().message;
        if (found->seqs.size() != of_entity) return "a filtered read sees others";
    }
    const std::uint64_t head = view->info.at ? view->info.at->value + 1 : 0;
    if (head != of_entity) return "the view says that it ends at " + std::to_string(head);
    return std::to_string(of_entity);
}

TEST(Visibility, AnAppendIsSeenWhenItIsPublishedAndNotBefore) {
    Session session(1, testing::small_options());
    ASSERT_EQ(session.open(), "");
    ASSERT_EQ(session.append(order(1)), "");
    ASSERT_EQ(seen(*session.database), "1");
    ASSERT_EQ(session.submit(order(2)), "");
    ASSERT_EQ(session.submit(order(3)), "");
    EXPECT_EQ(seen(*session.database), "1") << "placed in the log's image, not yet written";
    ASSERT_EQ(session.settle(), "");
    EXPECT_EQ(seen(*session.database), "3");
}

/// How many events have the tag, by the index of tags.
std::size_t tagged(const store::Database& database) {
    const auto view = store::pin_view(database, {});
    const auto filter = store::CompiledFilter::compile({.tags = {"web"}});
    const auto found =
        store::scan(database.indexes(), *view, *filter, {.end_seq = ~std::uint64_t{0}, .limit = ~std::uint64_t{0}});
    return found.ok() ? found->seqs.size() : 0;
}

// The index behind appends catches up while further segments are filled already.
TEST(Visibility, NothingIsForgottenBetweenWhatIsPublishedAndTheNextSegment) {
    Session session(1, testing::small_options(16 << 10, 16 << 10));
    ASSERT_EQ(session.open(), "");
    int count = 0;
    for (int round = 0; round < 5; ++round) {
        ASSERT_EQ(session.append(order(++count)), "");
        for (int i = 0; i < 100; ++i) ASSERT_EQ(session.submit(order(++count)), "");
        session.database->indexes().catch_up(session.database->published_seq());
        ASSERT_EQ(session.settle(), "");
        EXPECT_EQ(tagged(*session.database), static_cast<std::size_t>(count));
        ASSERT_TRUE(session.database->maintain().ok());
        EXPECT_EQ(tagged(*session.database), static_cast<std::size_t>(count));
    }
    EXPECT_GT(session.database->log().segment_count(), 3U);
}

TEST(Visibility, WhatCouldNotBeWrittenIsNeverSeen) {
    Session session(1, testing::small_options());
    ASSERT_EQ(session.open(), "");
    ASSERT_EQ(session.append(order(1)), "");
    session.sim.files.fail_every(io::FaultKind::kEio, 1.0);
    ASSERT_EQ(session.append(order(2)), "");
    ASSERT_TRUE(session.last_refusal);
    EXPECT_EQ(session.last_refusal->code, ErrorCode::kIndeterminate);
    EXPECT_EQ(seen(*session.database), "1");
}

TEST(Visibility, AnAppendOfLevelOsIsAcknowledgedBeforeItIsSeen) {
    Session session(1, testing::small_options());
    ASSERT_EQ(session.open(), "");
    SentBatch batch = order(1);
    batch.options.durability = Durability::kOs;
    ASSERT_EQ(session.append(batch), "");
    EXPECT_EQ(seen(*session.database), "0") << "a power cut may still take it away";
    ASSERT_EQ(session.append(order(2)), "");
    EXPECT_EQ(seen(*session.database), "2");
}

}  // namespace
}  // namespace chronos
