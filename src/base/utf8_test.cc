#include "base/utf8.h"

#include <gtest/gtest.h>

namespace chronos::base {
namespace {

std::size_t size_at_start(std::string_view text) { return utf8_sequence_size(text.data(), text.data() + text.size()); }

TEST(Utf8, KnowsTheSizeOfASequenceAndWhatItStandsFor) {
    EXPECT_EQ(size_at_start("a"), 1U);
    EXPECT_EQ(size_at_start("\xC3\xA9"), 2U);
    EXPECT_EQ(utf8_code_point("\xC3\xA9"), U'\u00E9');
    EXPECT_EQ(utf8_code_point("\xE2\x80\xAE"), U'\u202E');
    EXPECT_EQ(utf8_code_point("\xF0\x9F\x98\x80"), U'\U0001F600');
}

TEST(Utf8, RefusesWhatIsNotWellFormed) {
    for (const std::string_view text : {"\x80", "\xC0\x80", "\xC3", "\xC3z", "\xE0\x80\x80", "\xED\xA0\x80", "\xE2\x80",
                                        "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"})
        EXPECT_EQ(size_at_start(text), 0U) << text;
}

TEST(Utf8, CutsBetweenCharacters) {
    EXPECT_EQ(utf8_prefix("caf\xC3\xA9", 5), "caf\xC3\xA9");
    EXPECT_EQ(utf8_prefix("caf\xC3\xA9", 4), "caf");
    EXPECT_EQ(shortened("caf\xC3\xA9", 4), "caf...");
    EXPECT_EQ(shortened("caf\xC3\xA9"), "caf\xC3\xA9");
}

TEST(Utf8, MakesTextHarmless) {
    EXPECT_EQ(harmless("a\n\x1b[31m\x7F"), "a ?[31m?");
    EXPECT_EQ(harmless("\xC2\x9B"
                       "31m"),
              "?31m");
    EXPECT_EQ(harmless("a\xE2\x80\xAE"
                       "b\xE2\x81\xA6"
                       "c"),
              "a?b?c");
    EXPECT_EQ(harmless("\xC3\xA9\xFF"), "\xC3\xA9?");
    EXPECT_EQ(harmless("caf\xC3\xA9 \xE2\x80\x94"), "caf\xC3\xA9 \xE2\x80\x94");
}

}  // namespace
}  // namespace chronos::base
