// Events as they come: server-sent events, and WebSockets on the same path.
#include "server/api/parameters.h"
#include "server/http/problem.h"
#include "server/live/event_stream.h"
#include "server/live/plain_session.h"
#include "server/live/subscription_session.h"
#include "server/reading.h"
#include "server/route_groups.h"

namespace chronos::server {
namespace {

using access::Scope;

Response stream_events(Call& call) {
    const bool is_asked_for = call.request.header("accept").find("text/event-stream") != std::string_view::npos;
    if (!is_asked_for && !call.request.path.ends_with("/sse"))
        return problem(
            406, "not-acceptable",
            "this path answers with server-sent events (Accept: text/event-stream) or goes on as a WebSocket "
            "(Upgrade: websocket)");
    return answered(open_event_stream(call));
}

/// Whether the client offers the subprotocol, perhaps among others.
bool offers(std::string_view protocols, std::string_view wanted) {
    while (!protocols.empty()) {
        std::string_view offered = protocols.substr(0, protocols.find(','));
        protocols.remove_prefix(std::min(protocols.size(), offered.size() + 1));
        while (offered.starts_with(' ')) offered.remove_prefix(1);
        while (offered.ends_with(' ')) offered.remove_suffix(1);
        if (offered == wanted) return true;
    }
    return false;
}

SocketOpening open_socket(Call& call) {
    const std::string_view protocols = call.request.header("sec-websocket-protocol");
    if (protocols.empty()) return open_plain_session(call);
    if (offers(protocols, kSubscriptionProtocol)) return open_subscription_session(call);
    return {.refusal = problem(400, "unknown-subprotocol",
                               "of subprotocols there is chronos.v1; without one events are sent bare, from now on")};
}

}  // namespace

void add_live_routes(Routes& routes) {
    routes.add({.method = "GET",
                .pattern = "/api/v1/events/stream",
                .action = "follow",
                .resource = "events",
                .scope = Scope::kRead,
                .summary = "Events that match, as they come: server-sent events, or a WebSocket",
                .parameters = follow_parameters({"after", "consumer_id", "owner"}),
                .request_headers = {"Last-Event-ID"},
                .answers = {{200, "", "text/event-stream"}},
                .problems = {404, 406, 409, 410, 426},
                .worker = stream_events,
                .socket = open_socket});
    routes.add({.method = "GET",
                .pattern = "/api/v1/events/sse",
                .action = "follow",
                .resource = "events",
                .scope = Scope::kRead,
                .summary = "Events that match, those there are and those that come, as server-sent events",
                .parameters = follow_parameters({"after"}),
                .request_headers = {"Last-Event-ID"},
                .answers = {{200, "", "text/event-stream"}},
                .problems = {404, 410},
                .worker = stream_events});
}

}  // namespace chronos::server
