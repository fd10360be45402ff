// A WebSocket with the subprotocol chronos.v1: several subscriptions, each sent as many events as the client has
// granted it. The messages: docs/reference/live.md.
//
// Threads: one call at a time for each session.
#pragma once

#include "server/http/routes.h"
#include "server/http/socket_session.h"

namespace chronos::server {

inline constexpr std::string_view kSubscriptionProtocol = "chronos.v1";

/// The call's request has the subprotocol, and no parameters.
SocketOpening open_subscription_session(Call& call);

}  // namespace chronos::server
