// A WebSocket without a subprotocol, as clients of AllSource use it: bare events from now on, filters by message, and
// with ?consumer_id= first what the consumer has not acknowledged. The messages: docs/reference/live.md.
//
// Threads: one call at a time for each session.
#pragma once

#include "server/http/routes.h"
#include "server/http/socket_session.h"

namespace chronos::server {

/// Parameters: consumer_id and owner; or fork, filters, after (absent: head).
SocketOpening open_plain_session(Call& call);

}  // namespace chronos::server
