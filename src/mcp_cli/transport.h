// How messages of MCP get to a server and back.
//
// Threads: one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/program.h"
#include "mcp/tool.h"

namespace chronos::mcp_cli {

using mcp::Json;

/// What goes beside a message over HTTP; other transports leave it.
struct MessageHeaders {
    std::string protocol_version, method, name;
};

class Transport {
public:
    Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    virtual ~Transport() = default;

    /// Sends a request and waits for the response with its id; what the server tells meanwhile is passed over.
    ///
    /// Errors: kIo — the connection broke, or what came is no JSON-RPC.
    virtual Result<Json> request(const Json& message, const MessageHeaders& headers) = 0;
    /// Sends what has no answer.
    virtual Status notify(const Json& message, const MessageHeaders& headers) = 0;
};

/// Starts a program (words, '…' and "…" keep spaces) and speaks to it over its standard input and output.
///
/// Errors: kNotFound — no such program; kInvalidArgument, kIo.
Result<std::unique_ptr<Transport>> start_server(const std::string& command);

/// POST to /mcp of a server.
Result<std::unique_ptr<Transport>> http_transport(const client::ClientOptions& options);

}  // namespace chronos::mcp_cli
