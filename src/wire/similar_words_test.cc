#include "wire/similar_words.h"

#include <gtest/gtest.h>

namespace chronos::wire {
namespace {

using Words = std::vector<std::string>;

TEST(SimilarWords, CountsWhatHasToChange) {
    EXPECT_EQ(edit_distance("", ""), 0U);
    EXPECT_EQ(edit_distance("order", ""), 5U);
    EXPECT_EQ(edit_distance("order", "order"), 0U);
    EXPECT_EQ(edit_distance("order", "odrer"), 2U);
    EXPECT_EQ(edit_distance("order", "borders"), 2U);
}

TEST(SimilarWords, AreNearOrGoOn) {
    const Words known{"order:1", "order:12", "order:2", "user:1", "order"};
    EXPECT_EQ(similar_words("order:3", known, 5), (Words{"order:1", "order:2", "order", "order:12"}));
    EXPECT_EQ(similar_words("order:3", known, 1), Words{"order:1"});
    EXPECT_EQ(similar_words("us", known, 5), Words{"user:1"});
    EXPECT_EQ(similar_words("invoice:7", known, 5), Words());
    EXPECT_EQ(similar_words("a", {"a", "a", "b"}, 5), (Words{"a", "b"}));
}

}  // namespace
}  // namespace chronos::wire
