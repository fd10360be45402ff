#include "mcp/request_metadata.h"

#include <gtest/gtest.h>

#include "mcp/mcp_fixture.h"

namespace chronos::mcp {
namespace {

class RequestMetadata : public testing::Test {
protected:
    void with(std::string name, std::string value) { request_.headers.push_back({std::move(name), std::move(value)}); }
    void with_standard(std::string method) {
        with("mcp-protocol-version", std::string(kModernVersion));
        with("mcp-method", std::move(method));
    }
    /// Empty when both say the same.
    std::string mismatch(const Message& message, const Json* tool = nullptr) {
        const auto error = mismatch_of(request_, message, tool);
        if (!error) return {};
        EXPECT_EQ(error->code, kHeaderMismatch);
        return error->message;
    }
    server::Request request_;
};

TEST_F(RequestMetadata, HeadersMustBeThereAndSayWhatTheBodySays) {
    const Message list = modern_request("tools/list");
    EXPECT_EQ(mismatch(list), "the header MCP-Protocol-Version is missing");
    with("mcp-protocol-version", "2025-11-25");
    EXPECT_NE(mismatch(list), "");
    request_.headers.clear();
    with_standard("tools/list");
    EXPECT_EQ(mismatch(list), "");
    EXPECT_NE(mismatch(modern_request("TOOLS/LIST")), "");
    EXPECT_NE(mismatch(modern_request("prompts/list")), "");
}

TEST_F(RequestMetadata, NamesMayBeEncoded) {
    with_standard("tools/call");
    const Message call = modern_request("tools/call", {{"name", "Hello"}});
    EXPECT_EQ(mismatch(call), "the header Mcp-Name is missing");
    with("mcp-name", "=?base64?SGVsbG8=?=");
    EXPECT_EQ(mismatch(call), "");
    for (const std::string bad :
         {"=?base64?SGVsbG8?=", "=?base64?SGVs!G8=?=", "SGVsbG8=", "hello", "=?BASE64?SGVsbG8=?="}) {
        request_.headers.back().value = bad;
        EXPECT_NE(mismatch(call), "") << bad;
    }
}

TEST_F(RequestMetadata, ResourcesAreNamedByTheirUris) {
    with_standard("resources/read");
    with("mcp-name", "a://b");
    EXPECT_EQ(mismatch(modern_request("resources/read", {{"uri", "a://b"}})), "");
    EXPECT_NE(mismatch(modern_request("resources/read", {{"uri", "a://c"}})), "");
}

TEST_F(RequestMetadata, ArgumentsThatAToolMarksAreRepeated) {
    const Json tool = Json::parse(R"({"name": "t", "inputSchema": {"properties": {
        "fork": {"type": "string", "x-mcp-header": "Fork"}, "other": {"type": "string"},
        "inner": {"properties": {"count": {"type": "integer", "x-mcp-header": "Count"}}}}}})");
    with_standard("tools/call");
    with("mcp-name", "t");
    const auto call = [](const Json& arguments) {
        return modern_request("tools/call", {{"name", "t"}, {"arguments", arguments}});
    };
    EXPECT_EQ(mismatch(call({{"other", "x"}}), &tool), "");
    EXPECT_NE(mismatch(call({{"fork", "try"}}), &tool), "");
    with("mcp-param-fork", "try");
    EXPECT_EQ(mismatch(call({{"fork", "try"}}), &tool), "");
    EXPECT_NE(mismatch(call({{"fork", "other"}}), &tool), "");
    EXPECT_NE(mismatch(call({{"fork", nullptr}}), &tool), "");
    with("mcp-param-count", "42.0");
    EXPECT_EQ(mismatch(call({{"fork", "try"}, {"inner", {{"count", 42}}}}), &tool), "");
    EXPECT_NE(mismatch(call({{"fork", "try"}, {"inner", {{"count", 43}}}}), &tool), "");
}

}  // namespace
}  // namespace chronos::mcp
