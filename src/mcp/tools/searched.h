// What is said when nothing was found: where it was looked for, and what may have been meant.
//
// Threads: free functions.
#pragma once

#include <string>
#include <string_view>

#include "chronos/read.h"
#include "client/endpoint.h"
#include "mcp/tools/answer.h"

namespace chronos::mcp {

/// {"events": 812, "entities": 40, "first_recorded_at": …, "last_recorded_at": …, "filters": {…}}: what was there to be
/// searched, and by what of `arguments`.
Result<Json> searched(const client::EndpointView& view, const Json& arguments);

/// Stored names like those of the filter that nothing has: {"event_type": […], "entity_id": […]}. Untrusted.
Result<Json> did_you_mean(const client::EndpointView& view, const Filter& filter);

/// Whether the view has an event of exactly this entity.
Result<bool> has_entity(const client::EndpointView& view, const std::string& entity_id);

/// Entity ids like this one. Untrusted.
Result<Json> similar_entities(const client::EndpointView& view, std::string_view entity_id);

}  // namespace chronos::mcp
