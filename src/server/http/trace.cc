#include "server/http/trace.h"

#include <algorithm>
#include <array>

#include "access/api_key.h"

namespace chronos::server {

std::string trace_id_of(std::string_view traceparent) {
    // version 2, trace id 32, parent id 16, flags 2
    constexpr std::size_t kSize = 55;
    if (traceparent.size() < kSize || traceparent[2] != '-' || traceparent[35] != '-' || traceparent[52] != '-')
        return {};
    if (traceparent.starts_with("ff") || (traceparent.size() > kSize && traceparent.starts_with("00"))) return {};
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    const std::string_view id = traceparent.substr(3, 32);
    const std::string_view parent = traceparent.substr(36, 16);
    const auto is_zero = [](std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; };
    if (!std::all_of(id.begin(), id.end(), is_hex) || !std::all_of(parent.begin(), parent.end(), is_hex)) return {};
    return is_zero(id) || is_zero(parent) ? std::string() : std::string(id);
}

std::string traceparent_of(std::string_view trace_id, io::Random& random) {
    std::array<std::byte, 8> span;
    random.fill(span);
    span[0] |= std::byte{1};  // never all zero
    return "00-" + std::string(trace_id) + "-" + access::hex_of(span) + "-01";
}

}  // namespace chronos::server
