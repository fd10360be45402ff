// min_position: reads that are to see what their caller knows to be there, such as its own append through another door.
//
// Threads: the I/O thread of the connection.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <optional>

#include "chronos/store.h"
#include "server/http/message.h"
#include "server/http/routes.h"
#include "server/services.h"

namespace chronos::server {

/// Takes min_position out of the query string, or sees it in the JSON object of a POST, and waits, five seconds at
/// most, until the branch that the request is about has that position. What is answered instead: 400 for what is no
/// position, 503 if it was not reached, or if the server stops.
boost::asio::awaitable<std::optional<Response>> wait_for_position(const Route& route, const Store& store,
                                                                  Services& services, Request& request,
                                                                  boost::asio::any_io_executor executor);

}  // namespace chronos::server
