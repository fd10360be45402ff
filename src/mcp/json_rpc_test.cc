#include "mcp/json_rpc.h"

#include <gtest/gtest.h>

namespace chronos::mcp {
namespace {

TEST(JsonRpc, ReadsARequest) {
    const Parsed parsed = parse_message(R"({"jsonrpc":"2.0","id":"a","method":"ping","params":{"x":1}})");
    ASSERT_FALSE(parsed.error);
    EXPECT_EQ(parsed.message.kind, Message::Kind::kRequest);
    EXPECT_EQ(parsed.message.id, "a");
    EXPECT_EQ(parsed.message.method, "ping");
    EXPECT_EQ(parsed.message.params["x"], 1);
}

TEST(JsonRpc, TellsNotificationsAndResponsesApart) {
    EXPECT_EQ(parse_message(R"({"jsonrpc":"2.0","method":"n"})").message.kind, Message::Kind::kNotification);
    const Parsed response = parse_message(R"({"jsonrpc":"2.0","id":1,"result":{}})");
    EXPECT_EQ(response.message.kind, Message::Kind::kResponse);
    const Parsed failed = parse_message(R"({"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}})");
    ASSERT_TRUE(failed.message.error);
    EXPECT_EQ(failed.message.error->message, "no");
}

TEST(JsonRpc, RefusesWhatIsNoMessage) {
    const auto code = [](std::string_view text) {
        const Parsed parsed = parse_message(text);
        return parsed.error ? parsed.error->code : 0;
    };
    EXPECT_EQ(code("{"), kParseError);
    EXPECT_EQ(code(R"({"jsonrpc":"2.0","method":"a","method":"b"})"), kParseError);
    EXPECT_EQ(code("7"), kInvalidRequest);
    EXPECT_EQ(code(R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])"), kInvalidRequest);
    EXPECT_EQ(code(R"({"id":1,"method":"ping"})"), kInvalidRequest);
    EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":null,"method":"ping"})"), kInvalidRequest);
    EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1.5,"method":"ping"})"), kInvalidRequest);
    EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":7})"), kInvalidRequest);
    EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[1]})"), kInvalidRequest);
    EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1})"), kInvalidRequest);
    EXPECT_EQ(code(std::string(kMessageDepthMax + 1, '[') + std::string(kMessageDepthMax + 1, ']')), kInvalidRequest);
}

TEST(JsonRpc, NoticesNumbersThatAreRounded) {
    for (const char* kept : {"0", "-0", "1.50", "0.1", "-1.5e300", "1E2", "9007199254740993", "18446744073709551615",
                             "-9223372036854775808", "0.30000000000000004", "\"12345678901234567890123\"", "true"})
        EXPECT_TRUE(keeps_numbers("{\"a\": [1, " + std::string(kept) + " ]}")) << kept;
    for (const char* rounded : {"12345678901234567890123", "18446744073709551616", "-9223372036854775809", "1e-400",
                                "0.1234567890123456789", "9007199254740993.0"})
        EXPECT_FALSE(keeps_numbers("{\"a\\\"\": [1, " + std::string(rounded) + " ]}")) << rounded;
    const std::string begin = R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"n":)";
    EXPECT_TRUE(parse_message(begin + "12345678901234567890123}}").message.has_inexact_number);
    EXPECT_FALSE(parse_message(begin + "1234567890123456}}").message.has_inexact_number);
}

TEST(JsonRpc, AnErrorNamesTheRequestIfItCanBeRead) {
    const Parsed parsed = parse_message(R"({"jsonrpc":"1.0","id":9,"method":"ping"})");
    ASSERT_TRUE(parsed.error);
    EXPECT_EQ(text_of(error_message(parsed.message.id, {.code = -1, .message = "m"})),
              R"({"jsonrpc":"2.0","id":9,"error":{"code":-1,"message":"m"}})");
    EXPECT_EQ(text_of(error_message({}, {.code = -1, .message = "m"})),
              R"({"jsonrpc":"2.0","error":{"code":-1,"message":"m"}})");
}

}  // namespace
}  // namespace chronos::mcp
