// The headers in which requests of the modern era repeat what is in their bodies, so that what stands between can route
// them unread. Both must say the same.
//
// Threads: free functions.
// Source: MCP 2026-07-28, "Streamable HTTP", "Request Metadata".
#pragma once

#include <optional>

#include "mcp/json_rpc.h"
#include "server/http/message.h"

namespace chronos::mcp {

/// What is wrong with the headers, if anything is. `tool`: the listing of the tool that is called, whose schema says
/// which arguments are repeated; null where there is none.
///
/// Errors: kHeaderMismatch.
std::optional<RpcError> mismatch_of(const server::Request& request, const Message& message, const Json* tool);

}  // namespace chronos::mcp
