#include "server/reading.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/checksum.h"

namespace chronos::server {
namespace {

constexpr std::size_t kBytesAtHandMax = 256 << 10;

}  // namespace

bool is_at_hand(const Store& store, std::string_view entity_id, const AtHand& wanted) {
    const Result<View> view = store.view();
    Page last;
    if (!view.ok() || !view->read_last_resident(entity_id, 1, last).ok() || last.events().empty()) return false;
    const std::uint64_t events = last.events().front().version.value;
    if (events > wanted.events_max) return false;
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(events, wanted.last_count));
    if (!view->read_last_resident(entity_id, count, last).ok()) return false;
    std::size_t bytes = 0;
    for (const EventView& event : last.events()) bytes += event.payload.size() + event.metadata.size();
    return bytes <= kBytesAtHandMax;
}

Response answered(Result<Response> result) {
    if (result.ok()) return std::move(result).value();
    return problem_of(result.error());
}

void add_next_link(Response& response, const Request& request, const std::vector<std::string_view>& without,
                   const std::string& more) {
    std::string target = request.path + "?";
    std::string_view rest = request.query;
    while (!rest.empty()) {
        const std::string_view part = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), part.size() + 1));
        const std::string_view name = part.substr(0, part.find('='));
        if (part.empty() || std::find(without.begin(), without.end(), name) != without.end()) continue;
        // Came unencoded, and would end the link here.
        for (const char c : part) target += c == '<' ? "%3C" : c == '>' ? "%3E" : c == '"' ? "%22" : std::string(1, c);
        target += '&';
    }
    response.add_header("Link", "<" + target + more + ">; rel=\"next\"");
}

std::string pinned_etag(const std::string& version, std::string_view depends_on) {
    return fmt::format("\"{}-{:016x}\"", version, base::xxh3_64(depends_on, 0));
}

void set_etag(Response& response, const Request& request, const std::string& etag) {
    response.add_header("ETag", etag);
    const std::string_view known = request.header("if-none-match");
    if (known.empty() || (known != "*" && known.find(etag) == std::string_view::npos)) return;
    response.status = 304;
    response.body.clear();
}

void describe_view(Response& response, const Request& request, const ViewInfo& view) {
    response.add_header("Cache-Control", view.settled ? "private, max-age=3600" : "no-cache");
    const bool has_etag = std::any_of(response.headers.begin(), response.headers.end(),
                                      [](const Header& header) { return header.name == "ETag"; });
    if (!view.settled || has_etag || response.stream) return;
    // Of what was answered as well: space that was given back, or an erasure, changes it after all.
    const std::string asked =
        request.path + "?" + request.query + "\n" + std::string(request.header("accept")) + "\n" + request.body;
    set_etag(response, request, pinned_etag("p", asked + "\n" + response.body));
}

}  // namespace chronos::server
