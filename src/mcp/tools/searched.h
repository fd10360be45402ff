// What is said when nothing was found: where it was looked for, and what may have been meant.
//
// Threads: free functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chronos/read.h"
#include "client/endpoint.h"
#include "mcp/tools/answer.h"

namespace chronos::mcp {

/// {"events": 812, "entities": 40, "first_recorded_at": …, "last_recorded_at": …, "filters": {…}}: what was there to be
/// searched, and by what of `arguments`.
Result<Json> searched(const client::EndpointView& view, const Json& arguments);

/// Stored names like those of the filter that nothing has: {"event_type": […], "entity_id": […], "entity_id_prefix":
/// […], "actor": […], "tag": […], "where": […]}. Untrusted.
///
/// Cost: for actors, tags and fields a look at the last thousand events.
Result<Json> did_you_mean(const client::EndpointView& view, const Filter& filter);

/// Types like those of these that the view has no event of; empty: it has of all. Untrusted.
Result<Json> similar_types(const client::EndpointView& view, const std::vector<std::string>& event_types);

/// Fields like this one, if none of the last events (of these types) has it; empty: one has it. Untrusted.
Result<Json> similar_fields(const client::EndpointView& view, const std::vector<std::string>& event_types,
                            const std::string& pointer);

/// What entity ids begin with, up to the first ':', '/', '-' or '_'.
Result<std::vector<std::string>> entity_kinds(const client::EndpointView& view, std::size_t count_max);

/// Whether the view has an event of exactly this entity.
Result<bool> has_entity(const client::EndpointView& view, const std::string& entity_id);

/// Entity ids like this one. Untrusted.
Result<Json> similar_entities(const client::EndpointView& view, std::string_view entity_id);

}  // namespace chronos::mcp
