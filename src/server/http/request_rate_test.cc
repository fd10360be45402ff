#include "server/http/request_rate.h"

#include <gtest/gtest.h>

namespace chronos::server {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

TEST(RequestRate, LetsABurstOfTwoSecondsInAndThenAsManyAsASecondHas) {
    RequestRate rate(10);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(rate.admit("a", 0)) << i;
    EXPECT_FALSE(rate.admit("a", 0));
    EXPECT_FALSE(rate.admit("a", kSecondNs / 20));
    EXPECT_TRUE(rate.admit("a", kSecondNs / 10));
    EXPECT_FALSE(rate.admit("a", kSecondNs / 10));
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(rate.admit("a", 11 * kSecondNs / 10)) << i;
    EXPECT_FALSE(rate.admit("a", 11 * kSecondNs / 10));
}

TEST(RequestRate, HoldsNoMoreThanABurstHoweverLongNobodyAsked) {
    RequestRate rate(5);
    EXPECT_TRUE(rate.admit("a", 0));
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(rate.admit("a", 1'000 * kSecondNs));
    EXPECT_FALSE(rate.admit("a", 1'000 * kSecondNs));
}

TEST(RequestRate, CountsEachCallerForItself) {
    RequestRate rate(1);
    EXPECT_TRUE(rate.admit("a", 0));
    EXPECT_TRUE(rate.admit("a", 0));
    EXPECT_FALSE(rate.admit("a", 0));
    EXPECT_TRUE(rate.admit("b", 0));
}

TEST(RequestRate, ZeroIsNoLimitAndAClockThatGoesBackGivesNothing) {
    RequestRate unlimited(0);
    for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(unlimited.admit("a", 0));
    RequestRate rate(1);
    EXPECT_TRUE(rate.admit("a", kSecondNs));
    EXPECT_TRUE(rate.admit("a", kSecondNs));
    EXPECT_FALSE(rate.admit("a", 0));
    EXPECT_FALSE(rate.admit("a", kSecondNs));
}

}  // namespace
}  // namespace chronos::server
