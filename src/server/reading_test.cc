// What is answered on the thread that read the request: little, and out of memory.
#include "server/reading.h"

#include <gtest/gtest.h>

namespace chronos::server {
namespace {

class AtHandTest : public testing::Test {
protected:
    void append(const std::string& entity_id, int count, std::size_t bytes) {
        for (int i = 0; i < count; ++i) {
            const NewEvent event{.entity_id = entity_id,
                                 .event_type = "t",
                                 .payload = R"({"text":")" + std::string(bytes, 'x') + R"("})"};
            ASSERT_TRUE(store_.append(event).ok());
        }
    }

    Store store_ = Store::open({.in_memory = true}).value();
};

TEST_F(AtHandTest, SmallEventsAreFewOrAreNot) {
    append("few", 20, 10);
    append("many", 300, 10);
    EXPECT_TRUE(is_at_hand(store_, "few", {}));
    EXPECT_TRUE(is_at_hand(store_, "few", {.last_count = 11}));
    EXPECT_TRUE(is_at_hand(store_, "many", {}));
    EXPECT_TRUE(is_at_hand(store_, "many", {.last_count = 101}));
    EXPECT_FALSE(is_at_hand(store_, "many", {.last_count = 101, .events_max = 100}));
    EXPECT_FALSE(is_at_hand(store_, "nobody", {}));
}

TEST_F(AtHandTest, EventsAreLargeTogether) {
    append("large", 3, 100'000);
    EXPECT_FALSE(is_at_hand(store_, "large", {}));
    EXPECT_FALSE(is_at_hand(store_, "large", {.last_count = 3}));
    EXPECT_TRUE(is_at_hand(store_, "large", {.last_count = 2}));
    append("larger", 1, 300'000);
    EXPECT_FALSE(is_at_hand(store_, "larger", {.last_count = 2}));
    append("grown", 200, 2'000);
    EXPECT_FALSE(is_at_hand(store_, "grown", {}));
    EXPECT_TRUE(is_at_hand(store_, "grown", {.last_count = 101}));
}

}  // namespace
}  // namespace chronos::server
