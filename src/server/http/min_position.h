// min_position: reads that are to see what their caller knows to be there, such as its own append through another door.
//
// Threads: the I/O thread of the connection.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "chronos/store.h"
#include "io/clock.h"
#include "server/http/message.h"

namespace chronos::server {

/// Takes min_position out of the query string and waits, five seconds at most, until its branch has that position.
/// What is answered instead: 400 for what is no position, 503 if it was not reached.
boost::asio::awaitable<std::optional<Response>> wait_for_position(const Store& store, io::Clock& clock,
                                                                  std::string& query,
                                                                  boost::asio::any_io_executor executor);

}  // namespace chronos::server
