// The answer about an entity that has no events in a view. That it is not there is an answer, not an error.
//
// Threads: free functions.
#pragma once

#include <string>

#include "client/endpoint.h"
#include "mcp/tools/answer.h"

namespace chronos::mcp {

/// Whether it was ever there, since when it is, what was searched, and what is called nearly so. `state`: of the view.
Result<ToolAnswer> entity_absent(const client::Endpoint& endpoint, const client::EndpointView& view,
                                 const std::string& branch, const State& state);

}  // namespace chronos::mcp
