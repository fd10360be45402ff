#include "json/validate.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace chronos::json {
namespace {

bool is_valid(std::string_view text) { return validate_json(text).ok(); }

std::string repeated(std::string_view text, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += text;
    return out;
}

std::string message_of(std::string_view text, const Limits& limits = {}) {
    const Status status = validate_json(text, limits);
    return status.ok() ? "valid" : status.error().message;
}

TEST(Validate, AcceptsEveryKindOfValue) {
    for (const char* text : {"null", "true", "false", "0", "-0", "12", "-1.5e+3", "1E5", R"("")", "[]", "{}",
                             " \t\r\n1 \n", R"({"a":[1,{"b":null}],"":""})", R"(["\u00e9\ud83d\ude00\/"])"}) {
        EXPECT_TRUE(is_valid(text)) << text << ": " << message_of(text);
    }
}

TEST(Validate, RefusesWhatIsNotJson) {
    for (const char* text : {"",
                             " ",
                             "NaN",
                             "Infinity",
                             "-",
                             "01",
                             "1.",
                             ".5",
                             "1e",
                             "1e+",
                             "+1",
                             "nul",
                             "truE",
                             "'a'",
                             "[1,]",
                             "[,1]",
                             "[1 2]",
                             "[",
                             "]",
                             "{",
                             "}",
                             R"({"a"})",
                             R"({"a":})",
                             R"({"a":1,})",
                             R"({a:1})",
                             R"({"a":1 "b":2})",
                             R"({"a":1}})",
                             "1 2",
                             "{} x",
                             R"("a)",
                             R"("\x")",
                             R"("\u12g4")",
                             R"("\)",
                             "\"a\nb\"",
                             "[1}",
                             R"({"a":1])",
                             "/* c */ 1",
                             "\xEF\xBB\xBF{}",
                             "-a",
                             "0x10"}) {
        EXPECT_FALSE(is_valid(text)) << text;
    }
    EXPECT_FALSE(is_valid(std::string_view("1\0", 2)));
    EXPECT_FALSE(is_valid(std::string_view("\"\0\"", 3)));
}

TEST(Validate, RefusesLoneSurrogates) {
    for (const char* text : {R"("\ud800")", R"("\udc00")", R"("\ud800x")", R"("\ud800\n")", R"("\ud800\ud800")",
                             R"("\udc00\ud800")", R"({"\ud83d":1})", R"("\ud83d\u0041")"}) {
        EXPECT_FALSE(is_valid(text)) << text;
    }
    EXPECT_TRUE(is_valid(R"("\uD83D\uDE00")"));
}

TEST(Validate, RefusesTextThatIsNotUtf8) {
    for (const char* body : {"\x80", "\xC3", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF0\x80\x80\xAF",
                             "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xFF", "\xE2\x82", "ok\xC3("}) {
        EXPECT_FALSE(is_valid("\"" + std::string(body) + "\""));
        EXPECT_FALSE(is_valid("\"" + std::string(body) + std::string(20, 'a') + "\""));
    }
    EXPECT_TRUE(is_valid("\"Grüße, мир, 世界, 😀\""));
}

TEST(Validate, RefusesTheSameKeyTwice) {
    EXPECT_EQ(message_of(R"({"a":1,"b":2,"a":3})"), R"(not valid JSON at byte 13: the key "a" is there twice)");
    EXPECT_FALSE(is_valid(R"({"x":{"":1,"":2}})"));
    EXPECT_FALSE(is_valid(R"([{"key_longer_than_eight":1,"key_longer_than_eight":2}])"));
    EXPECT_TRUE(is_valid(R"({"a":{"a":{"a":1}},"b":{"a":1}})"));
    EXPECT_TRUE(is_valid(R"({"customer-1-settings":1,"customer-2-settings":2})"));
}

TEST(Validate, ComparesKeysAfterUnescaping) {
    EXPECT_FALSE(is_valid(R"({"a":1,"\u0061":2})"));
    EXPECT_FALSE(is_valid(R"({"\u0061b":1,"a\u0062":2})"));
    EXPECT_FALSE(is_valid(R"({"/":1,"\/":2})"));
    EXPECT_FALSE(is_valid("{\"\\ud83d\\ude00\":1,\"😀\":2}"));
    EXPECT_TRUE(is_valid(R"({"a":1,"\\u0061":2})"));
    EXPECT_TRUE(is_valid(R"({"":1,"\u0000":2})"));
}

TEST(Validate, FindsADuplicateAmongAnyNumberOfKeys) {
    for (const std::size_t count : {2U, 16U, 31U, 32U, 33U, 34U, 100U, 1000U}) {
        for (const std::size_t again : {std::size_t{0}, count / 2, count - 1}) {
            std::string text = "{";
            for (std::size_t i = 0; i < count; ++i) text += "\"key" + std::to_string(i) + "\":{\"x\":1},";
            EXPECT_TRUE(is_valid(text + "\"last\":1}"));
            EXPECT_FALSE(is_valid(text + "\"key" + std::to_string(again) + "\":1}")) << count;
            EXPECT_FALSE(is_valid(text + "\"k\\u0065y" + std::to_string(again) + "\":1}")) << count;
        }
    }
}

TEST(Validate, RefusesNumbersBeyondADoubleButNotLongOnes) {
    for (const char* text : {"1e999", "-1e309", "1.8e308", "0.1e310", "123456789e301", "1e99999999999999999999"}) {
        EXPECT_FALSE(is_valid(text)) << text;
    }
    EXPECT_FALSE(is_valid("1" + std::string(309, '0')));
    EXPECT_FALSE(is_valid("2" + std::string(308, '0')));
    for (const char* text : {"1.7976931348623157e308", "1e308", "0e999", "0.0e99999999999999999999", "1e-999",
                             "0.00001e313", "123456789012345678901234567890", "-18446744073709551616"}) {
        EXPECT_TRUE(is_valid(text)) << text << message_of(text);
    }
    EXPECT_TRUE(is_valid("1" + std::string(308, '0')));
}

TEST(Validate, StopsAtEveryLimit) {
    EXPECT_TRUE(is_valid(repeated("[", 64) + repeated("]", 64)));
    EXPECT_EQ(message_of(repeated("[", 65) + repeated("]", 65)), "JSON at byte 64 has more than 64 levels of nesting");
    EXPECT_FALSE(is_valid(repeated("[", 1'000'000)));
    EXPECT_FALSE(is_valid(repeated(R"({"a":)", 1'000'000)));
    EXPECT_FALSE(validate_json(repeated("[", 1'000'000), {.depth_max = 100'000'000}).ok());
    EXPECT_EQ(message_of(R"({"a":1,"b":2})", {.keys_per_object_max = 1}),
              "JSON at byte 7 has more than 1 keys in one object");
    EXPECT_EQ(message_of("[1,2,3]", {.tokens_max = 3}), "JSON at byte 5 has more than 3 tokens");
    EXPECT_EQ(validate_json("[[]]", {.depth_max = 1}).error().code, ErrorCode::kLimitExceeded);
    EXPECT_EQ(validate_json("[").error().code, ErrorCode::kInvalidArgument);
}

TEST(Validate, NamesTheByte) {
    EXPECT_EQ(message_of(R"({"a" 1})"), "not valid JSON at byte 5: expected ':' after the key");
    EXPECT_EQ(message_of("{} x"), "not valid JSON at byte 3: nothing may follow the value");
    EXPECT_EQ(message_of(""), "not valid JSON at byte 0: the text ends where a value should be");
}

TEST(Validate, ReadsOneValueAmongOthers) {
    Validator validator;
    EXPECT_EQ(*validator.validate_value("[1, {} ,3]", 3), 6U);
    EXPECT_FALSE(validator.validate_value("[1]", 3).ok());
}

TEST(Validate, KnowsObjects) {
    EXPECT_TRUE(is_object(" {}"));
    EXPECT_FALSE(is_object("[]"));
    EXPECT_FALSE(is_object(""));
}

std::string mutated(std::string text, std::mt19937& random) {
    constexpr std::string_view kBytes = "{}[]\",:\\u0019eE+-.tfn aD8\n\xC3\xA9\xED\xA0\x80";
    const std::size_t count = 1 + random() % 3;
    for (std::size_t i = 0; i < count && !text.empty(); ++i) {
        const std::size_t at = random() % text.size();
        switch (random() % 4) {
            case 0: text.erase(at, 1 + random() % 3); break;
            case 1: text.insert(at, 1, kBytes[random() % kBytes.size()]); break;
            case 2: text[at] = kBytes[random() % kBytes.size()]; break;
            default: text.insert(at, text.substr(random() % text.size(), random() % 8)); break;
        }
    }
    return text;
}

bool has_long_integer(std::string_view text) {
    std::size_t digits = 0;
    for (const char c : text) {
        digits = c >= '0' && c <= '9' ? digits + 1 : 0;
        if (digits >= 19) return true;
    }
    return false;
}

// Two independent parsers are the oracle. Both take duplicate keys; simdjson takes no integers
// beyond 64 bits.
TEST(Validate, AgreesWithTwoOtherParsersOnDamagedText) {
    const std::vector<std::string> seeds = {
        R"({"id":"ord-1","n":[1,-2.5e3,0.1,1e308],"o":{"a":null,"b":true,"c":{}},"s":"x\n\u00e9\ud83d\ude00y"})",
        R"([{"k1":1,"k2":2,"k3":[[],[{}]]},"plain text longer than sixteen bytes","Grüße 世界 😀",false])",
        R"( { "a" : [ 1 , 2 ] , "b" : "q\"uote" , "c" : 12345678901234567 } )", "-0.5e-7", R"("\\\/\b\f\n\r\t")"};
    std::mt19937 random(7);
    simdjson::dom::parser parser;
    for (int round = 0; round < 200'000; ++round) {
        const std::string text = mutated(seeds[random() % seeds.size()], random);
        const Status status = validate_json(text);
        if (status.ok()) {
            ASSERT_TRUE(nlohmann::json::accept(text)) << text;
            simdjson::dom::element element;
            if (has_long_integer(text)) continue;
            ASSERT_EQ(parser.parse(text).get(element), simdjson::SUCCESS) << text;
        } else if (status.error().message.find("there twice") == std::string::npos) {
            ASSERT_FALSE(nlohmann::json::accept(text)) << text << ": " << status.error().message;
        }
    }
}

}  // namespace
}  // namespace chronos::json
