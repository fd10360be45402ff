#include "server/http/head_check.h"

#include <algorithm>
#include <array>

namespace chronos::server {
namespace {

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
    return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                      [](char c, char want) { return (c >= 'A' && c <= 'Z' ? c + 32 : c) == want; });
}

/// Two of them would be two requests, and who reads which is anybody's guess.
constexpr std::array<std::string_view, 9> kSingle = {"host",         "authorization",    "x-api-key",
                                                     "content-type", "content-encoding", "idempotency-key",
                                                     "if-match",     "expect",           "origin"};

bool is_token_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_number(std::string_view text) {
    return !text.empty() && text.size() <= 19 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

HeadCheck::Verdict HeadCheck::refuse(int status, std::string_view name, std::string_view detail) {
    status_ = status;
    name_ = name;
    detail_ = detail;
    return Verdict::kRefused;
}

HeadCheck::Verdict HeadCheck::look(std::string_view bytes) {
    if (bytes.starts_with("\r\n"))
        return refuse(400, "malformed-request", "a request begins with a line like GET /path HTTP/1.1");
    const std::size_t end = bytes.find("\r\n\r\n");
    const std::size_t first_line = std::min(bytes.find('\n'), bytes.size());
    if (first_line > limits_.target_max + 64)
        return refuse(414, "uri-too-long", "the request's target is longer than 8 KiB; send parameters with POST");
    if (end == std::string_view::npos && bytes.size() <= limits_.header_bytes_max) {
        // A head that ends by bare line feeds would be waited for in vain.
        if (bytes.find("\n\n") == std::string_view::npos) return Verdict::kIncomplete;
        return refuse(400, "malformed-request", "lines of a request's head end with CR LF");
    }
    if (std::min(end, bytes.size()) > limits_.header_bytes_max)
        return refuse(431, "header-too-large", "the request's head is larger than 32 KiB");
    std::string_view head = bytes.substr(0, end + 2);
    has_length_ = has_coding_ = false;
    seen_ = 0;
    for (std::size_t count = 0; !head.empty(); ++count) {
        const std::size_t stop = head.find("\r\n");
        const std::string_view line = head.substr(0, stop);
        head.remove_prefix(stop + 2);
        if (std::any_of(line.begin(), line.end(),
                        [](char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 127; }))
            return refuse(400, "malformed-request", "the request's head has a control character");
        if (count == 0) {
            if (!is_request_line_good(line)) return Verdict::kRefused;
            continue;
        }
        if (line.size() > limits_.header_line_max)
            return refuse(431, "header-too-large", "a header line is longer than 8 KiB");
        if (count > limits_.header_count_max) return refuse(431, "header-too-large", "more than 100 header lines");
        if (!is_field_good(line)) return Verdict::kRefused;
    }
    if (has_length_ && has_coding_) {
        (void)refuse(400, "malformed-request", "Content-Length and Transfer-Encoding exclude each other");
        return Verdict::kRefused;
    }
    size_ = end + 4;
    return Verdict::kComplete;
}

bool HeadCheck::is_request_line_good(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    const auto bad = [this](std::string_view detail) {
        (void)refuse(400, "malformed-request", detail);
        return false;
    };
    if (first == std::string_view::npos || first == last || first == 0)
        return bad("a request begins with a line like GET /path HTTP/1.1");
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(first), is_token_char))
        return bad("the request's method is not a word");
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        (void)refuse(505, "version-not-supported", "this server speaks HTTP/1.1");
        return false;
    }
    if (!target.starts_with('/'))
        return bad("the request's target is not a path that begins with /; whole URLs and * are for proxies");
    if (target.size() > limits_.target_max) {
        (void)refuse(414, "uri-too-long", "the request's target is longer than 8 KiB; send parameters with POST");
        return false;
    }
    const auto is_visible = [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '#'; };
    return std::all_of(target.begin(), target.end(), is_visible) ||
           bad("the request's target has a space, a # or a control character in it; write it as %20 or %23");
}

bool HeadCheck::is_field_good(std::string_view line) {
    const auto bad = [this](std::string_view detail) {
        (void)refuse(400, "malformed-request", detail);
        return false;
    };
    if (line.starts_with(' ') || line.starts_with('\t')) return bad("header lines must not be folded");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 ||
        !std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(colon), is_token_char))
        return bad("a header line is a name, a colon and a value");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (equals_ignoring_case(name, "content-length")) {
        if (has_length_ || !is_number(value)) return bad("Content-Length is one number, given once");
        has_length_ = true;
    }
    if (equals_ignoring_case(name, "transfer-encoding")) {
        if (has_coding_ || !equals_ignoring_case(value, "chunked"))
            return bad("the only Transfer-Encoding understood is chunked, given once");
        has_coding_ = true;
    }
    for (std::size_t i = 0; i < kSingle.size(); ++i) {
        if (!equals_ignoring_case(name, kSingle[i])) continue;
        if ((seen_ & (1U << i)) != 0) return bad("a header that has one value is there twice");
        seen_ |= 1U << i;
    }
    return true;
}

}  // namespace chronos::server
