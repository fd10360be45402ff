// Ports of 127.0.0.1 and connections to them.
//
// Threads: free functions.
#pragma once

#include <cstdint>

#include "peers/server_process.h"

namespace chronos::bench {

/// A port that was free just now. Throws Failure.
std::uint16_t free_port();
/// A connected socket, without waiting to fill packets; -1 if nobody listens.
int connect_to(std::uint16_t port);
/// Waits until something listens on the port. Throws Failure with what `server` said when it ended instead.
void wait_until_it_listens(std::uint16_t port, ServerProcess& server);

}  // namespace chronos::bench
