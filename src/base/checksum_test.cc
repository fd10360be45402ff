#include "base/checksum.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace chronos::base {
namespace {

TEST(Crc32c, MatchesThePublishedCheckValue) { EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283U); }

TEST(Crc32c, ContinuesFromASeed) {
    EXPECT_EQ(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))), crc32c(as_bytes("123456789")));
}

TEST(Sha256, MatchesThePublishedVector) {
    Sha256 sha;
    sha.update(as_bytes("a"));
    sha.update(as_bytes("bc"));
    EXPECT_EQ(load<std::uint32_t>(sha.finish().data()), 0xBF1678BAU);
}

TEST(ByteReader, StaysFailedOnceSomethingDidNotFit) {
    ByteReader reader(as_bytes("abc"));
    EXPECT_EQ(reader.number<std::uint32_t>(), 0U);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.text(1), "");
}

TEST(AllZero, SeesTheLastByte) {
    std::byte bytes[5] = {};
    EXPECT_TRUE(all_zero(bytes));
    bytes[4] = std::byte{1};
    EXPECT_FALSE(all_zero(bytes));
}

}  // namespace
}  // namespace chronos::base
