#include "json/scan.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace chronos::json {
namespace {

TEST(Scan, CutsFieldsOutVerbatim) {
    std::vector<std::string> seen;
    for (ObjectScanner fields(R"( { "a" : 1.0 , "b\"}" : { "x" : "]}" } ,"c":[ 1, [2] ],"d":"e\\"} )");
         fields.next();) {
        seen.push_back(std::string(fields.raw_key()) + "=" + std::string(fields.value()));
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"a=1.0", R"(b\"}={ "x" : "]}" })", "c=[ 1, [2] ]", R"(d="e\\")"}));
    EXPECT_FALSE(ObjectScanner("{ }").next());
}

TEST(Scan, CutsElementsOutVerbatim) {
    std::vector<std::string> seen;
    for (ArrayScanner elements(R"([1, "a,]" ,[ ],{"b":[2]} ,null])"); elements.next();) {
        seen.emplace_back(elements.value());
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"1", R"("a,]")", "[ ]", R"({"b":[2]})", "null"}));
    EXPECT_FALSE(ArrayScanner("[ ]").next());
}

TEST(Scan, UnescapesInPlace) {
    std::string text = R"(a\n\u00e9\ud83d\ude00\\\/\"\u0041b)";
    text.resize(static_cast<std::size_t>(unescape_to(text, text.data()) - text.data()));
    EXPECT_EQ(text, "a\né😀\\/\"Ab");
}

TEST(Scan, MeasuresNesting) {
    EXPECT_FALSE(is_nested_deeper_than(R"([{"a":["[[[["]},[[]]])", 3));
    EXPECT_TRUE(is_nested_deeper_than(R"([{"a":["[[[["]},[[]]])", 2));
}

// Run with -fsanitize=address: damaged text gives wrong answers but no access outside of it.
TEST(Scan, StaysInsideDamagedText) {
    constexpr std::string_view kBytes = "{}[]\",:\\u0dD8 1tn";
    std::mt19937 random(5);
    std::size_t total = 0;
    for (int round = 0; round < 100'000; ++round) {
        std::vector<char> text(random() % 40);  // no terminator behind it
        for (char& c : text) c = kBytes[random() % kBytes.size()];
        const std::string_view view(text.data(), text.size());
        std::string scratch;
        for (ObjectScanner fields(view); fields.next();) total += unescaped(fields.raw_key(), scratch).size();
        for (ArrayScanner elements(view); elements.next();) total += elements.value().size();
        total += unescaped(view, scratch).size();
        total += trimmed(view).size();
        total += is_nested_deeper_than(view, 3) ? 1 : 0;
    }
    EXPECT_GT(total, 0U);
}

}  // namespace
}  // namespace chronos::json
