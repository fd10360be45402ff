// The head of a request, and the framing of its body: whatever passes the look at its bytes is understood by the
// parser, in the same way however it was cut into pieces, and never beyond its limits.
//
//     input: one byte that says into how large pieces the rest is cut; then what a client sends
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "fuzz/fuzz.h"
#include "server/http/head_check.h"

namespace chronos::fuzz {
namespace {

namespace http = boost::beast::http;

struct Understood {
    server::HeadCheck::Verdict verdict = server::HeadCheck::Verdict::kIncomplete;
    std::size_t head_size = 0;
    bool was_parsed = false;
    bool is_done = false;
    bool failed = false;
    std::string body;
};

/// As connection.cc does, with `piece` bytes coming in at a time.
Understood understand(std::string_view bytes, std::size_t piece) {
    Understood understood;
    const server::HttpLimits limits;
    server::HeadCheck check(limits);
    std::size_t came = 0;
    while (understood.verdict == server::HeadCheck::Verdict::kIncomplete && came < bytes.size()) {
        came = std::min(bytes.size(), came + piece);
        understood.verdict = check.look(bytes.substr(0, came));
    }
    if (understood.verdict == server::HeadCheck::Verdict::kRefused) {
        FUZZ_CHECK(check.status() >= 400 && !check.name().empty() && !check.detail().empty(),
                   "refused without a reason");
    }
    if (understood.verdict != server::HeadCheck::Verdict::kComplete) return understood;
    understood.head_size = check.size();
    FUZZ_CHECK(understood.head_size <= limits.header_bytes_max + 4, "a head beyond its limit");
    http::request_parser<http::buffer_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes_max + 1'024));
    parser.body_limit(boost::none);
    boost::beast::error_code error;
    std::size_t used = parser.put(boost::asio::buffer(bytes.data(), check.size()), error);
    if (error || !parser.is_header_done()) return understood;
    understood.was_parsed = true;
    const auto& head = parser.get();
    FUZZ_CHECK(head.count(http::field::content_length) <= 1, "two lengths came through");
    FUZZ_CHECK(head.count(http::field::transfer_encoding) <= 1, "two codings came through");
    FUZZ_CHECK(head.count(http::field::content_length) + head.count(http::field::transfer_encoding) <= 1,
               "a length and a coding came through");
    FUZZ_CHECK(head.count(http::field::host) <= 1, "two hosts came through");
    std::size_t end = std::max(came, used);
    char out[64];
    while (!parser.is_done()) {
        auto& body = parser.get().body();
        body.data = out;
        body.size = sizeof out;
        body.more = true;
        error = {};
        const std::size_t now =
            used < end ? parser.put(boost::asio::buffer(bytes.data() + used, end - used), error) : 0;
        const std::size_t made = sizeof out - body.size;
        used += now;
        understood.body.append(out, made);
        if (error == http::error::need_buffer || error == http::error::need_more) error = {};
        if (error) {
            understood.failed = true;
            return understood;
        }
        if (now > 0 || made > 0 || parser.is_done()) continue;
        if (end == bytes.size()) break;
        end = std::min(bytes.size(), end + piece);
    }
    understood.is_done = parser.is_done();
    FUZZ_CHECK(understood.body.size() <= bytes.size(), "a body larger than what was sent");
    return understood;
}

}  // namespace

Seeds seeds() {
    const std::string one(1, '\1');
    return {
        {"get", one + "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"},
        {"length", "\7POST /api/v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"},
        {"chunked",
         "\3POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n"},
        {"both", "\5POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"folded", "\5GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n"},
        {"bare", "\5GET / HTTP/1.1\nHost: a\n\n"},
        {"old", "\5GET /?a=b HTTP/1.0\r\n\r\n"},
    };
}

}  // namespace chronos::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    using chronos::fuzz::understand;
    const auto whole = understand(bytes, bytes.size() + 1);
    const auto pieces = understand(bytes, data[0] % 64 + 1U);
    // What is refused early may be refused for another reason than what came at once, but it is refused all the same.
    FUZZ_CHECK(whole.was_parsed == pieces.was_parsed, "pieces change whether a head is understood");
    FUZZ_CHECK(whole.head_size == pieces.head_size || !whole.was_parsed, "pieces change where the head ends");
    FUZZ_CHECK(whole.failed == pieces.failed && whole.is_done == pieces.is_done, "pieces change the framing");
    FUZZ_CHECK(whole.failed || whole.body == pieces.body, "pieces change the body");
    return 0;
}
