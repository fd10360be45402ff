// A connection after its upgrade to a WebSocket: carries the messages of a session, and ends it when the key is
// revoked, the server stops, or the other side is gone. Source: RFC 6455.
//
// The client is asked for a sign of life when it was silent for a while, and closed when it gives none. It may send
// ahead a few messages; beyond that nothing more is read until they were dealt with.
//
// Threads: the I/O thread of the connection; the session works on worker threads.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <memory>
#include <optional>

#include "access/principal.h"
#include "server/http/connection.h"
#include "server/http/socket_session.h"

namespace chronos::server {

using RequestHead = boost::beast::http::header<true, boost::beast::http::fields>;

/// Whether the request asks to go on as a WebSocket.
bool is_websocket_upgrade(const Request& request);
/// Why such a request cannot be answered with one; nothing if it can.
std::optional<Response> refuse_upgrade(const Request& request);

/// Answers the upgrade and serves the session until either side ends it; the stream is closed then.
boost::asio::awaitable<void> serve_websocket(boost::beast::tcp_stream stream, const RequestHead& head,
                                             std::unique_ptr<SocketSession> session, ConnectionContext& context,
                                             access::Principal principal);
boost::asio::awaitable<void> serve_websocket(boost::beast::ssl_stream<boost::beast::tcp_stream> stream,
                                             const RequestHead& head, std::unique_ptr<SocketSession> session,
                                             ConnectionContext& context, access::Principal principal);

}  // namespace chronos::server
