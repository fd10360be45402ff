#include "index/posting_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>

#include "index/branch_runs.h"
#include "index/id_table.h"
#include "index/stream_heads.h"

namespace chronos::index {
namespace {

std::vector<std::uint64_t> collect(const PostingList& list, std::uint64_t begin, std::uint64_t end, bool forward) {
    std::vector<std::uint64_t> seqs;
    const PostingCursor::Range range{.begin_seq = begin, .end_seq = end, .forward = forward};
    for (PostingCursor cursor(list.newest(), range); !cursor.done(); cursor.next()) seqs.push_back(cursor.get().seq);
    return seqs;
}

TEST(PostingList, WalksAnyRangeBothWays) {
    PostingMap map(1);
    PostingList& list = map.find_or_add(map.hash(0, "k"), 0, "k");
    EXPECT_TRUE(collect(list, 0, 100, true).empty());
    EXPECT_TRUE(collect(list, 0, 100, false).empty());
    for (std::uint64_t i = 0; i < 5000; ++i) map.append(list, i * 3);
    for (const auto& [begin, end] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0, 15'000},
                                                                                         {0, 0},
                                                                                         {1, 3},
                                                                                         {3, 4},
                                                                                         {12, 13},
                                                                                         {100, 9'001},
                                                                                         {14'997, 20'000},
                                                                                         {14'998, 20'000},
                                                                                         {50, 40}}) {
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
    EXPECT_FALSE(last_below(list.newest(), 0, 10, posting));
    for (std::uint64_t i = 0; i < 3000; ++i) map.append(list, i * 2 + 10);
    EXPECT_EQ(list.count(), 3000U);
    EXPECT_EQ(list.count_below(10), 0U);
    EXPECT_EQ(list.count_below(11), 1U);
    EXPECT_EQ(list.count_below(1'000'000), 3000U);
    EXPECT_TRUE(at_place(list.newest(), 0, 2999, posting));
    EXPECT_EQ(posting.seq, 6008U);
    EXPECT_FALSE(at_place(list.newest(), 0, 3000, posting));
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
    EXPECT_EQ(map.entries().size(), 100'000U);
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
        ASSERT_TRUE(last_below(list->newest(), 0, end, posting));
        ASSERT_EQ(posting.seq, i);
    }
    writer.join();
}

TEST(KeyMap, GivesTheMemoryOfTablesBackThatItOutgrows) {
    constexpr std::uint64_t kKeys = 400'000;
    PostingMap map(7);
    for (std::uint64_t i = 0; i < kKeys; ++i) {
        const std::string key = std::to_string(i);
        map.find_or_add(map.hash(0, key), 0, key);
    }
    // At most 16 / 0.375 bytes of table for each key; the arena and the list of entries beside it.
    constexpr std::uint64_t kSmallTables = 16 * (std::uint64_t{128} << 10);
    EXPECT_LT(map.bytes(), kKeys * (43 + sizeof(PostingList) + 16 + 8) + kSmallTables + (std::uint64_t{8} << 20));
    for (std::uint64_t i = 0; i < kKeys; i += 101) ASSERT_NE(map.find(0, std::to_string(i)), nullptr);
}

TEST(KeyMap, KeepsEveryKeyFoundWhileTablesAreOutgrownConcurrent) {
    constexpr std::uint64_t kKeys = 300'000;
    PostingMap map(7);
    std::atomic<std::uint64_t> added = 0;
    std::thread writer([&] {
        for (std::uint64_t i = 0; i < kKeys; ++i) {
            const std::string key = std::to_string(i);
            map.find_or_add(map.hash(0, key), 0, key);
            added.store(i + 1, std::memory_order_release);
        }
    });
    std::uint64_t missing = 0;
    for (std::uint64_t probe = 0, end = 0; end < kKeys; ++probe) {
        end = added.load(std::memory_order_acquire);
        if (end > 0 && map.find(0, std::to_string(probe * 7919 % end)) == nullptr) ++missing;
    }
    writer.join();
    EXPECT_EQ(missing, 0U);
}

TEST(StreamHeads, AFloorHidesWhatMayHaveLeftMemory) {
    StreamHeads heads(1);
    StreamHead& head = heads.find_or_add(heads.hash(0, "e"), 0, "e");
    EXPECT_EQ(head.newest(0), nullptr);
    Arena first;
    Arena second;
    for (std::uint64_t seq = 0; seq < 20; ++seq) {
        const auto appended = head.append(seq, 0, first);
        EXPECT_EQ(appended.place, seq);
        EXPECT_EQ(appended.is_first_in_part, seq == 0);
    }
    EXPECT_TRUE(head.append(25, 20, second).is_first_in_part);
    EXPECT_FALSE(head.append(26, 20, second).is_first_in_part);
    EXPECT_EQ(head.count(), 22U);
    EXPECT_EQ(head.end_seq(), 27U);
    const auto walk = [&](std::uint64_t floor, bool forward) {
        std::vector<std::uint64_t> seqs;
        const PostingCursor::Range range{.floor = floor, .end_seq = 100, .forward = forward};
        for (PostingCursor cursor(head.newest(floor), range); !cursor.done(); cursor.next())
            seqs.push_back(cursor.get().seq);
        return seqs;
    };
    EXPECT_EQ(walk(20, true), (std::vector<std::uint64_t>{25, 26}));
    EXPECT_EQ(walk(20, false), (std::vector<std::uint64_t>{26, 25}));
    EXPECT_EQ(walk(0, true).size(), 22U);
    EXPECT_EQ(head.newest(27), nullptr);
    Posting posting;
    EXPECT_TRUE(at_place(head.newest(20), 20, 20, posting));
    EXPECT_EQ(posting.seq, 25U);
    EXPECT_FALSE(at_place(head.newest(20), 20, 19, posting));
    EXPECT_FALSE(last_below(head.newest(20), 20, 25, posting));
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

TEST(IdTable, KeepsEveryIdFoundWhileTablesAreOutgrownConcurrent) {
    constexpr std::uint64_t kIds = 300'000;
    const auto hash_of = [](std::uint64_t i) { return (i + 1) * 0x9E3779B97F4A7C15U; };
    IdTable table(3);
    std::atomic<std::uint64_t> added = 0;
    std::thread writer([&] {
        for (std::uint64_t i = 0; i < kIds; ++i) {
            table.add(hash_of(i), i);
            added.store(i + 1, std::memory_order_release);
        }
    });
    std::uint64_t missing = 0;
    for (std::uint64_t probe = 0, end = 0; end < kIds; ++probe) {
        end = added.load(std::memory_order_acquire);
        const std::uint64_t i = end == 0 ? 0 : probe * 7919 % end;
        if (end > 0 && !table.for_each(hash_of(i), [&](std::uint64_t seq) { return seq == i; })) ++missing;
    }
    writer.join();
    EXPECT_EQ(missing, 0U);
    EXPECT_EQ(table.size(), kIds);
    EXPECT_LT(table.bytes(), kIds * 43 + 16 * (std::uint64_t{128} << 10));
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
