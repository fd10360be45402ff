#include "index/posting_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>

#include "index/branch_runs.h"
#include "index/id_table.h"

namespace chronos::index {
namespace {

std::vector<std::uint64_t> collect(const PostingList& list, std::uint64_t begin, std::uint64_t end, bool forward) {
    std::vector<std::uint64_t> seqs;
    for (PostingCursor cursor(list, begin, end, forward); !cursor.done(); cursor.next()) seqs.push_back(cursor.get().seq);
    return seqs;
}

TEST(PostingList, WalksAnyRangeBothWays) {
    PostingMap map(1);
    PostingList& list = map.find_or_add(map.hash(0, "k"), 0, "k");
    EXPECT_TRUE(collect(list, 0, 100, true).empty());
    EXPECT_TRUE(collect(list, 0, 100, false).empty());
    for (std::uint64_t i = 0; i < 5000; ++i) EXPECT_EQ(map.append(list, i * 3), i);
    for (const auto& [begin, end] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
             {0, 15'000}, {0, 0}, {1, 3}, {3, 4}, {12, 13}, {100, 9'001}, {14'997, 20'000}, {14'998, 20'000}, {50, 40}}) {
        std::vector<std::uint64_t> expected;
        for (std::uint64_t seq = 0; seq < 15'000; seq += 3)
            if (seq >= begin && seq < end) expected.push_back(seq);
        EXPECT_EQ(collect(list, begin, end, true), expected) << begin << " " << end;
        std::reverse(expected.begin(), expected.end());
        EXPECT_EQ(collect(list, begin, end, false), expected) << begin << " " << end;
    }
}

TEST(PostingList, FindsByPlaceAndBySeq) {
    PostingMap map(1);
    PostingList& list = map.find_or_add(map.hash(0, "k"), 0, "k");
    Posting posting;
    EXPECT_FALSE(list.last_below(10, posting));
    for (std::uint64_t i = 0; i < 3000; ++i) map.append(list, i * 2 + 10);
    EXPECT_EQ(list.count(), 3000U);
    EXPECT_EQ(list.count_below(10), 0U);
    EXPECT_EQ(list.count_below(11), 1U);
    EXPECT_EQ(list.count_below(1'000'000), 3000U);
    std::uint64_t place = 0;
    EXPECT_TRUE(list.place_of(12, place));
    EXPECT_EQ(place, 1U);
    EXPECT_FALSE(list.place_of(13, place));
    EXPECT_TRUE(list.at_place(2999, posting));
    EXPECT_EQ(posting.seq, 6008U);
    EXPECT_FALSE(list.at_place(3000, posting));
}

TEST(PostingList, StartsAChunkWhenTheDeltaDoesNotFit) {
    PostingMap map(1);
    PostingList& list = map.find_or_add(map.hash(0, "k"), 0, "k");
    map.append(list, 1);
    map.append(list, std::uint64_t{1} << 40);
    EXPECT_EQ(collect(list, 0, ~std::uint64_t{0}, true), (std::vector<std::uint64_t>{1, std::uint64_t{1} << 40}));
}

TEST(PostingMap, KeepsBranchesApartAndSurvivesGrowth) {
    PostingMap map(7);
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        const std::string key = "entity:" + std::to_string(i);
        map.append(map.find_or_add(map.hash(0, key), 0, key), i);
    }
    for (std::uint64_t i = 0; i < 100'000; i += 997) {
        const std::string key = "entity:" + std::to_string(i);
        const PostingList* list = map.find(0, key);
        ASSERT_NE(list, nullptr);
        EXPECT_EQ(collect(*list, 0, 200'000, true), std::vector<std::uint64_t>{i});
        EXPECT_EQ(map.find(1, key), nullptr);
    }
    EXPECT_EQ(map.find(0, "entity:100000"), nullptr);
    EXPECT_EQ(map.lists().size(), 100'000U);
    EXPECT_GT(map.bytes(), 100'000U * 48);
}

TEST(PostingMap, CanBeReadWhileItGrowsConcurrent) {
    PostingMap map(7);
    std::atomic<std::uint64_t> published = 0;
    std::thread writer([&] {
        for (std::uint64_t i = 0; i < 50'000; ++i) {
            const std::string key = std::to_string(i % 1000 + i / 10);
            map.append(map.find_or_add(map.hash(0, key), 0, key), i);
            published.store(i + 1, std::memory_order_release);
        }
    });
    std::uint64_t end = 0;
    while (end < 50'000) {
        end = published.load(std::memory_order_acquire);
        if (end == 0) continue;
        const std::uint64_t i = end - 1;
        const PostingList* list = map.find(0, std::to_string(i % 1000 + i / 10));
        ASSERT_NE(list, nullptr);
        Posting posting;
        ASSERT_TRUE(list->last_below(end, posting));
        ASSERT_EQ(posting.seq, i);
    }
    writer.join();
}

TEST(IdTable, GivesEveryEntryOfAHash) {
    IdTable table(3);
    for (std::uint64_t i = 0; i < 10'000; ++i) table.add(i * 0x9E3779B97F4A7C15U, i);
    table.add(0x9E3779B97F4A7C15U, 77'777);
    std::vector<std::uint64_t> seqs;
    table.for_each(0x9E3779B97F4A7C15U, [&](std::uint64_t seq) {
        seqs.push_back(seq);
        return false;
    });
    std::sort(seqs.begin(), seqs.end());
    EXPECT_EQ(seqs, (std::vector<std::uint64_t>{1, 77'777}));
    EXPECT_FALSE(table.for_each(12345, [](std::uint64_t) { return true; }));
}

TEST(BranchRuns, MapsBetweenPositionsAndSeqs) {
    BranchRuns runs;
    EXPECT_EQ(runs.positions_below(100), 0U);
    EXPECT_EQ(runs.extend(1, 5), 0U);
    EXPECT_EQ(runs.extend(6, 1), 5U);
    EXPECT_EQ(runs.extend(10, 2), 6U);
    EXPECT_EQ(runs.positions_below(1), 0U);
    EXPECT_EQ(runs.positions_below(3), 2U);
    EXPECT_EQ(runs.positions_below(7), 6U);
    EXPECT_EQ(runs.positions_below(10), 6U);
    EXPECT_EQ(runs.positions_below(11), 7U);
    EXPECT_EQ(runs.positions_below(1000), 8U);
    EXPECT_EQ(runs.seq_of(0), 1U);
    EXPECT_EQ(runs.seq_of(5), 6U);
    EXPECT_EQ(runs.seq_of(6), 10U);
    EXPECT_EQ(runs.next_position(), 8U);
}

}  // namespace
}  // namespace chronos::index
