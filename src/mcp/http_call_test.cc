#include "mcp/http_call.h"

#include <gtest/gtest.h>

namespace chronos::mcp {
namespace {

class HttpCallTest : public testing::Test {
protected:
    std::shared_ptr<HttpCall> make(HttpCall::Options options) {
        return std::make_shared<HttpCall>(std::move(options), 0, [this](server::Response response) {
            ++answers_;
            response_ = std::move(response);
        });
    }
    std::string streamed() {
        std::string all;
        for (std::string piece;; piece.clear()) {
            const auto step = response_.stream->next(piece);
            all += piece;
            if (step != server::BodyStream::Step::kMore) return all;
        }
    }
    static Json error(int code) { return error_message(1, {.code = code, .message = "m"}); }

    server::Response response_;
    int answers_ = 0;
};

TEST_F(HttpCallTest, AnAnswerThatComesFirstIsJson) {
    make({})->finish(result_message(1, 7));
    EXPECT_EQ(response_.status, 200);
    EXPECT_EQ(response_.body, R"({"jsonrpc":"2.0","id":1,"result":7})");
    EXPECT_EQ(response_.stream, nullptr);
}

TEST_F(HttpCallTest, WhatComesBeforeTheAnswerMakesItAStream) {
    const auto call = make({});
    call->send(7);
    call->finish(result_message(1, 8));
    EXPECT_EQ(answers_, 1);
    EXPECT_EQ(response_.content_type, "text/event-stream");
    EXPECT_EQ(streamed(),
              "event: message\ndata: 7\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":8}\n\n");
}

TEST_F(HttpCallTest, AClientThatTakesNoStreamGetsTheAnswerAlone) {
    const auto call = make({.may_stream = false});
    call->send(7);
    EXPECT_FALSE(call->begin_if_slow(1'000'000'000));
    call->finish(result_message(1, 8));
    EXPECT_NE(response_.body, "");
}

TEST_F(HttpCallTest, ASlowOneBeginsItsStreamAndEndsWithIt) {
    const auto call = make({});
    EXPECT_TRUE(call->begin_if_slow(1));
    EXPECT_EQ(answers_, 0);
    EXPECT_FALSE(call->begin_if_slow(1'000'000'000));
    ASSERT_NE(response_.stream, nullptr);
    EXPECT_FALSE(call->is_cancelled());
    response_.stream.reset();
    EXPECT_TRUE(call->is_cancelled()) << "the client has closed it";
    call->finish(result_message(1, 8));
}

TEST_F(HttpCallTest, AnOldClientMayComeBackForIt) {
    std::shared_ptr<SseStream> kept;
    const auto call =
        make({.era = Era::kLegacy, .stream = {.name = "1"}, .on_stream = [&](const std::shared_ptr<SseStream>& stream) {
                  kept = stream;
              }});
    call->send(7);
    response_.stream.reset();
    EXPECT_FALSE(call->is_cancelled());
    call->finish(result_message(1, 8));
    const auto reader = *kept->attach(1);
    std::string out;
    EXPECT_EQ(kept->take(*reader, out), server::BodyStream::Step::kEnd);
    EXPECT_NE(out.find("\"result\":8"), std::string::npos);
}

TEST_F(HttpCallTest, StatusesFollowTheErasRules) {
    const auto status = [](int code, Era era) { return status_of(error(code), era); };
    EXPECT_EQ(status(kMethodNotFound, Era::kModern), 404);
    EXPECT_EQ(status(kMethodNotFound, Era::kLegacy), 200);
    EXPECT_EQ(status(kMissingCapability, Era::kModern), 400);
    EXPECT_EQ(status(kInvalidParams, Era::kModern), 200);
    EXPECT_EQ(status(kTooManyRequests, Era::kModern), 429);
    make({.metadata_url = "http://h/m"})
        ->finish(error_message(1, {.code = kScopeMissing, .message = "m", .data = {{"requiredScope", "write"}}}));
    EXPECT_EQ(response_.status, 403);
    EXPECT_EQ(response_.headers.back().value,
              R"(Bearer error="insufficient_scope", scope="write", resource_metadata="http://h/m")");
}

}  // namespace
}  // namespace chronos::mcp
