#include "json/equal.h"

#include <gtest/gtest.h>

#include <string>

#include "json/number.h"

namespace chronos::json {
namespace {

TEST(Equal, ComparesNumbersByValue) {
    for (const char* one : {"1", "1.0", "1e0", "10e-1", "0.1E1", "100e-2", "1.000e+00"}) {
        EXPECT_TRUE(equal_as_values("1", one)) << one;
        EXPECT_FALSE(equal_as_values("-1", one)) << one;
        EXPECT_FALSE(equal_as_values("2", one)) << one;
    }
    EXPECT_TRUE(equal_as_values("0", "-0.0e5"));
    EXPECT_TRUE(equal_as_values("0.1", "0.10"));
    EXPECT_FALSE(equal_as_values("1", "\"1\""));
    EXPECT_FALSE(equal_as_values("0.1", "0.10000000000000000555"));
}

TEST(Equal, ComparesLongIntegersExactly) {
    EXPECT_FALSE(equal_as_values("9007199254740993", "9007199254740992"));
    EXPECT_FALSE(equal_as_values("123456789012345678901234567890", "123456789012345678901234567891"));
    EXPECT_TRUE(equal_as_values("123456789012345678901234567890", "123456789012345678901234567890.0"));
    EXPECT_TRUE(equal_as_values("1" + std::string(30, '0'), "1e30"));
}

TEST(Equal, IgnoresTheOrderOfKeysButNotOfElements) {
    EXPECT_TRUE(equal_as_values(R"({"a":1,"b":{"c":2,"d":[]}})", R"( {"b":{"d":[ ],"c":2.0},"a":1})"));
    EXPECT_FALSE(equal_as_values(R"({"a":1,"b":2})", R"({"b":2,"a":2})"));
    EXPECT_FALSE(equal_as_values(R"({"a":1})", R"({"a":1,"b":2})"));
    EXPECT_FALSE(equal_as_values(R"({"a":1,"b":2})", R"({"a":1,"c":2})"));
    EXPECT_TRUE(equal_as_values("[1,2]", "[1.0, 2]"));
    EXPECT_FALSE(equal_as_values("[1,2]", "[2,1]"));
    EXPECT_FALSE(equal_as_values("[1]", "[1,1]"));
    EXPECT_FALSE(equal_as_values("[]", "{}"));
}

TEST(Equal, ComparesStringsAfterUnescaping) {
    EXPECT_TRUE(equal_as_values(R"("é/")", R"("\u00e9\/")"));
    EXPECT_TRUE(equal_as_values(R"({"\u0061":1})", R"({"a":1})"));
    EXPECT_TRUE(equal_as_values(R"("\ud83d\ude00")", "\"😀\""));
    EXPECT_FALSE(equal_as_values(R"("a\n")", R"("a\\n")"));
}

TEST(Equal, ComparesInvalidTextByBytes) {
    EXPECT_TRUE(equal_as_values("{x", "{x"));
    EXPECT_FALSE(equal_as_values("{x", "{x "));
    EXPECT_FALSE(equal_as_values("1", "01"));
    const std::string deep = std::string(1'000'000, '[');
    EXPECT_FALSE(equal_as_values(deep, deep + " "));
    EXPECT_FALSE(equal_valid_values(deep, deep + "]"));
}

TEST(Equal, TakesNoExponentialTimeForDeepObjectsInOtherOrder) {
    std::string a = "1";
    std::string b = "1.0";
    for (int i = 0; i < 60; ++i) {
        a = R"({"deep":)" + a + R"(,"x":1,"y":2})";
        b = R"({"deep":)" + b + R"(,"y":2,"x":1})";
    }
    EXPECT_TRUE(equal_as_values(a, b));
}

TEST(Number, OrdersByValue) {
    const char* ascending[] = {"-1e300",
                               "-10",
                               "-9.99",
                               "-1e-400",
                               "0",
                               "1e-400",
                               "0.001",
                               "0.01",
                               "9",
                               "10",
                               "10.5",
                               "1e2",
                               "9223372036854775807",
                               "9223372036854775808",
                               "1e99999999"};
    for (std::size_t i = 0; i < std::size(ascending); ++i) {
        for (std::size_t j = 0; j < std::size(ascending); ++j) {
            EXPECT_EQ(compare_numbers(ascending[i], ascending[j]), i <=> j) << ascending[i] << " and " << ascending[j];
        }
    }
}

}  // namespace
}  // namespace chronos::json
