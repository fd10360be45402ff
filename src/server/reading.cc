#include "server/reading.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/checksum.h"
#include "wire/parameters.h"
#include "wire/relative_time.h"

namespace chronos::server {
namespace {

constexpr std::size_t kBytesAtHandMax = 256 << 10;

/// What of a request may mean something else later.
struct Meaning {
    bool has_relative_time = true;
    bool has_fork_name = true;
};

/// Ids of forks are never given twice, and no name looks like one.
bool is_lasting(std::string_view branch) { return branch == "main" || branch.starts_with("fork-"); }

Meaning meaning_of(const Request& request) {
    Result<wire::Parameters> parameters = wire::Parameters::from_query(request.query);
    Result<wire::Parameters> body = wire::Parameters::from_json(request.body);
    if (!parameters.ok() || !body.ok()) return {};
    parameters->add_all(std::move(*body));
    Meaning meaning{.has_relative_time = wire::has_relative_time(*parameters), .has_fork_name = false};
    for (const std::string_view name : {"fork", "branch", "from_fork"}) {
        for (const std::string_view branch : parameters->values_of(name))
            meaning.has_fork_name = meaning.has_fork_name || !is_lasting(branch);
    }
    return meaning;
}

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
                   const std::string& more, Timestamp now) {
    std::string target = request.path + "?";
    const std::string query = wire::with_absolute_times(request.query, now);
    std::string_view rest = query;
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
    const bool may_last = view.settled && !response.stream;
    const Meaning meaning = may_last ? meaning_of(request) : Meaning();
    const bool is_tagged = may_last && !meaning.has_relative_time;
    const bool is_kept = is_tagged && !meaning.has_fork_name;
    response.add_header("Cache-Control", is_kept ? "private, max-age=3600" : "no-cache");
    response.add_header("Vary", "Accept, Authorization, X-API-Key");
    const bool has_etag = std::any_of(response.headers.begin(), response.headers.end(),
                                      [](const Header& header) { return header.name == "ETag"; });
    if (!is_tagged || has_etag) return;
    // Of what was answered as well: space that was given back, or an erasure, changes it after all.
    const std::string asked =
        request.path + "?" + request.query + "\n" + std::string(request.header("accept")) + "\n" + request.body;
    set_etag(response, request, pinned_etag("p", asked + "\n" + response.body));
}

}  // namespace chronos::server
