#include "chronos/types.h"

#include <gtest/gtest.h>

#include <limits>

namespace chronos {
namespace {

TEST(Timestamp, ReadsOffsetsFractionsAndBareDates) {
    EXPECT_EQ(Timestamp::parse("1970-01-01")->ns, 0);
    EXPECT_EQ(Timestamp::parse("1970-01-01T01:00:00+01:00")->ns, 0);
    EXPECT_EQ(Timestamp::parse("1969-12-31T23:59:59.5Z")->ns, -500'000'000);
    EXPECT_EQ(Timestamp::parse("2024-02-29t12:30:45.123456789z")->to_string(), "2024-02-29T12:30:45.123456789Z");
    EXPECT_EQ(Timestamp::parse("2000-03-01 00:00:00-00:30")->to_string(), "2000-03-01T00:30:00Z");
}

TEST(Timestamp, WritesAsManyDecimalsAsNeeded) {
    EXPECT_EQ(Timestamp{0}.to_string(), "1970-01-01T00:00:00Z");
    EXPECT_EQ(Timestamp{1'000'000}.to_string(), "1970-01-01T00:00:00.001Z");
    EXPECT_EQ(Timestamp{1'000}.to_string(), "1970-01-01T00:00:00.000001Z");
    EXPECT_EQ(Timestamp{-1}.to_string(), "1969-12-31T23:59:59.999999999Z");
    EXPECT_EQ(Timestamp{-1'000'000'000LL * 86'400}.to_string(), "1969-12-31T00:00:00Z");
    EXPECT_EQ(Timestamp{std::numeric_limits<std::int64_t>::min()}.to_string(), "1677-09-21T00:12:43.145224192Z");
    EXPECT_EQ(Timestamp{std::numeric_limits<std::int64_t>::max()}.to_string(), "2262-04-11T23:47:16.854775807Z");
}

TEST(Timestamp, RefusesWhatIsNotATime) {
    for (const char* text : {"",
                             "now",
                             "2024",
                             "2024-13-01",
                             "2024-00-01",
                             "2023-02-29",
                             "2024-01-32",
                             "2024-01-01T00:00:00",
                             "1677-01-01",
                             "2262-01-01",
                             "2024-01-01T24:00:00Z",
                             "2024-01-01T00:60:00Z",
                             "2024-01-01T00:00:60Z",
                             "2024-01-01T00:00:00.Z",
                             "2024-01-01T00:00:00.1234567890Z",
                             "2024-01-01T00:00:00+24:00",
                             "2024-01-01T00:00:00+1:00",
                             "2024-01-01T00:00:00Zx",
                             "2024-01-01T00:00Z",
                             "2024-1-01",
                             "2024/01/01",
                             "2024-01-01X00:00:00Z"})
        EXPECT_EQ(Timestamp::parse(text).error().code, ErrorCode::kInvalidArgument) << text;
}

TEST(Uuid, ReadsEitherCaseAndWritesLowerCase) {
    const auto uuid = Uuid::parse("0190B8A0-0000-7000-8000-00000000ABCD");
    ASSERT_TRUE(uuid.ok());
    EXPECT_EQ(uuid->to_string(), "0190b8a0-0000-7000-8000-00000000abcd");
    EXPECT_FALSE(uuid->is_nil());
    EXPECT_TRUE(Uuid().is_nil());
}

TEST(Uuid, RefusesOtherForms) {
    for (const char* text : {"", "0190b8a000007000800000000000abcd", "0190b8a0-0000-7000-8000-00000000abc",
                             "0190b8a0-0000-7000-8000-00000000abcg", "0190b8a0-0000-7000x8000-00000000abcd",
                             "{190b8a0-0000-7000-8000-00000000abcd"})
        EXPECT_EQ(Uuid::parse(text).error().code, ErrorCode::kInvalidArgument) << text;
}

TEST(Names, AreStable) {
    EXPECT_EQ(durability_name(Durability::kDurable), "durable");
    EXPECT_EQ(durability_name(Durability::kOs), "os");
    EXPECT_EQ(durability_name(Durability::kMemory), "memory");
    const char* expected[] = {
        "invalid_argument",  "not_found",       "already_exists", "version_conflict", "id_conflict",
        "partial_duplicate", "indeterminate",   "would_block",    "closed",           "read_only",
        "clock_suspect",     "cursor_mismatch", "locked",         "no_space",         "io",
        "corrupt",           "unsupported",     "limit_exceeded"};
    for (std::uint8_t code = 0; code < std::size(expected); ++code)
        EXPECT_EQ(error_code_name(static_cast<ErrorCode>(code)), expected[code]);
    EXPECT_EQ(error_code_name(static_cast<ErrorCode>(200)), "unknown");
    EXPECT_EQ(durability_name(static_cast<Durability>(200)), "unknown");
}

TEST(StrongNumber, CountsAndOrders) {
    EXPECT_EQ((Position{3} + 4).value, 7U);
    EXPECT_EQ(Position{7} - Position{3}, 4U);
    EXPECT_LT(Version{1}, Version{2});
}

}  // namespace
}  // namespace chronos
