#include "mcp/sse_stream.h"

#include <gtest/gtest.h>

namespace chronos::mcp {
namespace {

using Step = server::BodyStream::Step;

std::string event(std::string_view id, int number) {
    const std::string name = id.empty() ? "" : "id: " + std::string(id) + "\n";
    return name + "event: message\ndata: " + std::to_string(number) + "\n\n";
}

TEST(SseStream, GivesWhatWasSentAndEnds) {
    SseStream stream({});
    stream.send(1);
    const auto reader = *stream.attach(0);
    std::string out;
    EXPECT_EQ(stream.take(*reader, out), Step::kWait);
    EXPECT_EQ(out, event("", 1));
    out.clear();
    stream.send(2);
    stream.end();
    EXPECT_EQ(stream.take(*reader, out), Step::kEnd);
    EXPECT_EQ(out, event("", 2));
}

TEST(SseStream, ANamedOneIsTakenUpBehindTheLastEventSeen) {
    SseStream stream({.name = "3", .primes = true});
    for (int i = 1; i <= 3; ++i) stream.send(i);
    const auto first = *stream.attach(0);
    std::string out;
    EXPECT_EQ(stream.take(*first, out), Step::kWait);
    EXPECT_EQ(out, "id: 3_0\nretry: 1000\ndata: \n\n" + event("3_1", 1) + event("3_2", 2) + event("3_3", 3));
    const auto second = *stream.attach(2);
    out.clear();
    EXPECT_EQ(stream.take(*first, out), Step::kEnd) << "another took its place";
    out.clear();
    EXPECT_EQ(stream.take(*second, out), Step::kWait);
    EXPECT_EQ(out, event("3_2", 2) + event("3_3", 3));
}

TEST(SseStream, KeepsTheLastEventsOnly) {
    SseStream stream({.name = "0"});
    for (int i = 0; i < 1'000; ++i) stream.send(i);
    const auto reader = *stream.attach(0);
    std::string out;
    EXPECT_EQ(stream.take(*reader, out), Step::kWait);
    EXPECT_TRUE(out.starts_with(event("0_744", 744)));
}

TEST(SseStream, APauseEndsTheReaderAndNotTheStream) {
    SseStream stream({.name = "1"});
    const auto reader = *stream.attach(0);
    stream.send(1);
    stream.pause();
    stream.send(2);
    std::string out;
    EXPECT_EQ(stream.take(*reader, out), Step::kEnd);
    const auto again = *stream.attach(1);
    out.clear();
    EXPECT_EQ(stream.take(*again, out), Step::kWait);
    EXPECT_EQ(out, event("1_1", 2));
}

TEST(SseStream, GivesUpOnAClientThatTakesNothing) {
    SseStream stream({});
    const auto reader = *stream.attach(0);
    for (int i = 0; i < 20; ++i) stream.send(std::string(std::size_t{1} << 20, 'x'));
    std::string out;
    EXPECT_EQ(stream.take(*reader, out), Step::kEnd);
    EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace chronos::mcp
