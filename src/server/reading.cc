#include "server/reading.h"

#include <fmt/core.h>

#include "base/checksum.h"

namespace chronos::server {
namespace {

constexpr std::uint32_t kResidentEvents = 100;

}  // namespace

bool is_at_hand(const Store& store, std::string_view entity_id, std::uint64_t events_max) {
    const Result<View> view = store.view();
    Page last;
    return view.ok() && view->read_last_resident(entity_id, kResidentEvents, last).ok() && !last.events().empty() &&
           last.events().front().version.value <= events_max;
}

Response answered(Result<Response> result) {
    if (result.ok()) return std::move(result).value();
    return problem_of(result.error());
}

void describe_view(Response& response, const ViewInfo& view) {
    response.add_header("Cache-Control", view.settled ? "private, max-age=3600" : "no-cache");
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

}  // namespace chronos::server
