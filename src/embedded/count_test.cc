// Counting what matches: by lists where they tell, else by looking; and bounds of how much is looked at.
#include <gtest/gtest.h>

#include <random>

#include "chronos/store.h"

namespace chronos {
namespace {

class Count : public testing::Test {
protected:
    Count() {
        append(2'000, "main");
        EXPECT_TRUE(store_.create_fork({.name = "f"}).ok());
        append(1'000, "main");
        append(500, "f");
    }

    void append(int count, const std::string& branch) {
        for (int i = 0; i < count; ++i) {
            const NewEvent event{.entity_id = "e:" + std::to_string(random_() % 20),
                                 .event_type = (random_() % 2 == 0 ? "a.t" : "b.t") + std::to_string(random_() % 3),
                                 .payload = R"({"n":)" + std::to_string(random_() % 10) + "}"};
            ASSERT_TRUE(store_.append(event, {}, AppendOptions{.branch = branch}).ok());
        }
    }
    /// By reading all of them, a page at a time.
    static std::uint64_t read_all(const View& view, const Filter& filter, std::uint64_t examined_max, Order order) {
        ReadOptions read{.filter = filter, .order = order, .limit = 300, .examined_max = examined_max};
        Page page;
        std::uint64_t count = 0;
        do {
            EXPECT_TRUE(view.read(read, page).ok());
            EXPECT_TRUE(examined_max == 0 || page.examined() <= examined_max);
            count += page.events().size();
            read.cursor = page.next_cursor();
        } while (page.has_more());
        return count;
    }

    std::mt19937 random_{7};
    Store store_ = Store::open({.in_memory = true}).value();
};

TEST_F(Count, ByListsIsWhatReadingFinds) {
    std::vector<Filter> filters(7);
    filters[1].event_types = {"a.t0", "b.t2", "nothing"};
    filters[2].event_type_prefix = "a.";
    filters[3].entity_ids = {"e:1", "e:7", "e:7", "nobody"};
    filters[4].event_types = {"a.t0"};
    filters[4].entity_ids = {"e:1"};
    filters[5].fields = {{.pointer = "/n", .operation = ">", .operand = "6"}};
    Page page;
    ASSERT_TRUE(store_.view()->read({.limit = 1'000}, page).ok());
    filters[6].since = page.events()[200].recorded_at;
    filters[6].until = page.events()[900].recorded_at;
    for (std::size_t i = 0; i < filters.size(); ++i) {
        for (const std::string branch : {"main", "f"}) {
            for (const std::uint64_t at : {2'499U, 2'000U, 1'999U, 700U, 3U}) {
                const View view = store_.view({.branch = branch, .at = Position{at}}).value();
                EXPECT_EQ(view.count(filters[i]).value(), read_all(view, filters[i], 0, Order::kForward))
                    << i << " " << branch << " " << at;
            }
        }
        for (Filter timed : {filters[i]}) {
            timed.since = page.events()[300].recorded_at;
            const View view = store_.view({.branch = "f"}).value();
            EXPECT_EQ(view.count(timed).value(), read_all(view, timed, 0, Order::kForward)) << i;
        }
        const View past = store_.view({.as_of = page.events()[500].occurred_at}).value();
        EXPECT_EQ(past.count(filters[i]).value(), read_all(past, filters[i], 0, Order::kForward)) << i;
    }
}

TEST_F(Count, PagesEndWhereEnoughWasLookedAtAndNothingIsMissed) {
    Filter rare;
    rare.fields = {{.pointer = "/n", .operation = "=", .operand = "3"}};
    rare.event_types = {"a.t1"};
    for (const Order order : {Order::kForward, Order::kBackward}) {
        for (const std::string branch : {"main", "f"}) {
            const View view = store_.view({.branch = branch}).value();
            const std::uint64_t all = read_all(view, rare, 0, order);
            EXPECT_GT(all, 20U);
            for (const std::uint64_t examined : {1U, 7U, 1'000U}) EXPECT_EQ(read_all(view, rare, examined, order), all);
        }
    }
}

TEST_F(Count, PagesEndBeforeTheyAreTooLargeAndNothingIsMissed) {
    const auto size_of = [](const EventView& event) { return event.payload.size() + event.metadata.size(); };
    for (int i = 0; i < 200; ++i) {
        const NewEvent event{.entity_id = "e:1",
                             .event_type = "a.t1",
                             .payload = R"({"text":")" + std::string(random_() % 400, 'x') + R"("})"};
        ASSERT_TRUE(store_.append(event, {}, AppendOptions{.branch = i % 2 == 0 ? "f" : "main"}).ok());
    }
    std::vector<Filter> filters(3);
    filters[1].event_types = {"a.t1"};
    filters[2].entity_ids = {"e:1"};
    for (const Filter& filter : filters) {
        for (const Order order : {Order::kForward, Order::kBackward}) {
            for (const std::string branch : {"main", "f"}) {
                const View view = store_.view({.branch = branch}).value();
                Page whole;
                ASSERT_TRUE(view.read({.filter = filter, .order = order, .limit = 10'000}, whole).ok());
                ReadOptions read{.filter = filter, .order = order, .limit = 300, .bytes_max = 250};
                Page page;
                std::size_t seen = 0;
                do {
                    ASSERT_TRUE(view.read(read, page).ok());
                    ASSERT_FALSE(page.events().empty());
                    std::size_t bytes = 0;
                    for (const EventView& event : page.events()) {
                        bytes += size_of(event);
                        ASSERT_EQ(event.id, whole.events().at(seen++).id);
                    }
                    EXPECT_TRUE(bytes <= read.bytes_max || page.events().size() == 1) << bytes;
                    ASSERT_EQ(page.has_more(), seen < whole.events().size());
                    ASSERT_EQ(page.next_cursor().empty(), !page.has_more());
                    // It ends no sooner than it must.
                    if (page.has_more()) {
                        EXPECT_GT(bytes + size_of(whole.events()[seen]), read.bytes_max);
                    }
                    read.cursor = page.next_cursor();
                } while (page.has_more());
                EXPECT_EQ(seen, whole.events().size());
            }
        }
    }
}

TEST_F(Count, SaysWhenItDidNotLookAtAll) {
    Filter rare;
    rare.fields = {{.pointer = "/n", .operation = "=", .operand = "3"}};
    const View view = store_.view().value();
    const std::uint64_t all = view.count(rare).value();
    const MatchCount some = view.count_within(rare, 100).value();
    EXPECT_FALSE(some.is_complete);
    EXPECT_LT(some.count, all);
    const MatchCount enough = view.count_within(rare, 3'000).value();
    EXPECT_TRUE(enough.is_complete);
    EXPECT_EQ(enough.count, all);
    EXPECT_TRUE(view.count_within({}, 1).value().is_complete) << "nothing has to be looked at";
}

}  // namespace
}  // namespace chronos
