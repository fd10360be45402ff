#include "wire/relative_time.h"

#include <gtest/gtest.h>

namespace chronos::wire {
namespace {

constexpr Timestamp kNow{1'704'110'400'000'000'001};  // 2024-01-01T12:00:00.000000001Z

TEST(RelativeTime, IsToldFromTimesThatStay) {
    for (const char* query : {"since=1+hour+ago", "as_of=now", "limit=1&until=2%20h%20ago", "from_known_at=yesterday"})
        EXPECT_TRUE(has_relative_time(Parameters::from_query(query).value())) << query;
    for (const char* query : {"since=2024-01-01", "since=2024-01-01T12:00:00Z", "entity_id=1+hour+ago", "since=never"})
        EXPECT_FALSE(has_relative_time(Parameters::from_query(query).value())) << query;
    EXPECT_TRUE(has_relative_time(Parameters::from_json(R"({"occurred_until":"1 day ago"})").value()));
}

TEST(RelativeTime, BecomesTheTimeThatItIs) {
    EXPECT_EQ(with_absolute_times("a=%41&since=1+hour+ago&entity_id=now&until=2024-01-01", kNow),
              "a=%41&since=2024-01-01T11:00:00.000000001Z&entity_id=now&until=2024-01-01");
    EXPECT_EQ(with_absolute_times("as_of=today&", kNow), "as_of=2024-01-01T00:00:00Z&");
    EXPECT_EQ(with_absolute_times("since", kNow), "since");
    EXPECT_EQ(with_absolute_times("", kNow), "");
}

TEST(RelativeTime, GoesWithTheCursor) {
    std::string cursor = dated_cursor("abc", kNow);
    EXPECT_EQ(take_moment(cursor, {}), kNow);
    EXPECT_EQ(cursor, "abc");
    EXPECT_EQ(take_moment(cursor, Timestamp{7}), Timestamp{7});
    for (const std::string bad : {"abc.", "abc.x", "abc.1.2", "abc.99999999999999999999"}) {
        cursor = bad;
        EXPECT_EQ(take_moment(cursor, Timestamp{7}), Timestamp{7});
        EXPECT_EQ(cursor, bad);
    }
}

}  // namespace
}  // namespace chronos::wire
