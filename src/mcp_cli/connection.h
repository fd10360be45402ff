// Something that has tools: a store of this machine, or an MCP server.
//
// Use:
//     ASSIGN_OR_RETURN(const auto connection, connect_to(program, command));
//     ASSIGN_OR_RETURN(const CallResult result, connection->call("get_state", {{"entity_id", "order:1"}}));
//
// Threads: one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "app/program.h"
#include "mcp/tool.h"

namespace chronos::mcp_cli {

using mcp::Json;

struct CallResult {
    Json structured;   ///< Null where the server gave text alone.
    std::string text;  ///< What the server gave as text.
    bool is_error = false;
};

class Connection {
public:
    Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    virtual ~Connection() = default;

    /// As the protocol lists them: name, title, description, inputSchema.
    virtual Result<Json> tools() = 0;
    /// Errors: kNotFound — no such tool; kIo — the server cannot be reached, or does not speak the protocol.
    virtual Result<CallResult> call(const std::string& name, const Json& arguments) = 0;
};

/// The store of a directory, with the tools in this process.
Result<std::unique_ptr<Connection>> open_directory(app::Program& program);

/// The server that the common options name, or the one that `command` starts if it is not empty; else the directory.
///
/// Errors: kInvalidArgument, kNotFound, kIo.
Result<std::unique_ptr<Connection>> connect_to(app::Program& program, const std::string& command);

}  // namespace chronos::mcp_cli
