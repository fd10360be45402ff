// What agents can read by URI: entities, states, forks, types, events.
//
// Threads: free functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mcp/tool.h"

namespace chronos::mcp {

std::vector<ResourceTemplate> resource_templates();

/// The event types, and each live fork. Entities are too many to be listed: find_entities finds them.
Result<std::vector<Resource>> list_resources(CallContext& context);

/// The same JSON as the tools answer. Errors: kNotFound — no such resource; kInvalidArgument — no such URI; kGone.
Result<ResourceContent> read_resource(std::string_view uri, CallContext& context);

/// Ids of entities and forks, names of event types.
std::vector<std::string> complete_value(std::string_view reference, std::string_view name, std::string_view prefix,
                                        CallContext& context);

}  // namespace chronos::mcp
