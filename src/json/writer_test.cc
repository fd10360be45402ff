#include "json/writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

#include "json/validate.h"

namespace chronos::json {
namespace {

std::string written(std::string_view text) {
    std::string out;
    append_string(out, text);
    return out;
}

TEST(Writer, EscapesWhatMustBeEscaped) {
    EXPECT_EQ(written("plain"), R"("plain")");
    EXPECT_EQ(written(std::string_view("a\"\\/\b\f\n\r\t\x01\x1f\0", 12)), R"("a\"\\/\b\f\n\r\t\u0001\u001f\u0000")");
    EXPECT_EQ(written("Grüße 😀"), "\"Grüße 😀\"");
}

TEST(Writer, ReplacesBytesThatAreNotUtf8) {
    EXPECT_EQ(written("a\xFF\xC3"), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
    EXPECT_EQ(written("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(Writer, WritesValidJsonForAnyBytes) {
    std::mt19937 random(3);
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes(random() % 40, ' ');
        for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? random() : 0x18 + random() % 0x50);
        ASSERT_TRUE(validate_json(written(bytes)).ok());
    }
}

// Short texts are looked at eight bytes at a time, longer ones sixteen.
TEST(Writer, EscapesTheSameInShortAndInLongTexts) {
    const std::string plain(16, 'p');
    for (std::size_t size = 1; size < 18; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (int byte = 0; byte < 256; ++byte) {
                std::string text(size, 'x');
                text[at] = static_cast<char>(byte);
                const std::string alone = written(text);
                ASSERT_EQ(alone.substr(0, alone.size() - 1) + plain + '"', written(text + plain)) << byte;
            }
        }
    }
}

TEST(Writer, WritesObjectsFieldByField) {
    std::string out = "> ";
    const std::string text = "x\"y";
    ObjectWriter(out)
        .field("a", "literal")
        .field("b", text)
        .field("c", -3)
        .field("d", std::numeric_limits<std::uint64_t>::max())
        .field("e", true)
        .field("f", 0.1)
        .field("g", 1e300)
        .field("h", std::numeric_limits<double>::infinity())
        .raw_field("i", "[1.0]")
        .end();
    EXPECT_EQ(out, R"(> {"a":"literal","b":"x\"y","c":-3,"d":18446744073709551615,"e":true,"f":0.1,)"
                   R"("g":1e+300,"h":null,"i":[1.0]})");
    std::string empty;
    ObjectWriter(empty).end();
    EXPECT_EQ(empty, "{}");
}

}  // namespace
}  // namespace chronos::json
