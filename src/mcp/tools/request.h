// What the tools take, out of the arguments of a call: the names and meanings are those of the server's API
// (wire/read_request.h), and besides a budget.
//
// Threads: free functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/read.h"
#include "mcp/tool.h"
#include "wire/parameters.h"

namespace chronos::mcp {

/// A token of a model is about this many bytes of JSON.
inline constexpr std::size_t kTokenBytes = 4;
inline constexpr std::uint64_t kMaxTokensDefault = 3'000;

/// What relative times and ages count from.
Timestamp now();
/// The same in whole seconds, for how long something lasts that has not ended.
Timestamp this_second();

/// Errors: kInvalidArgument — not an object, or a fork or parent that is empty.
Result<wire::Parameters> parameters_of(const Json& arguments);

/// max_tokens, as bytes; 500 to 60,000 tokens. Errors: kInvalidArgument.
Result<std::size_t> take_budget(wire::Parameters& parameters);
/// The same with a default of the tool's own.
Result<std::size_t> take_budget(wire::Parameters& parameters, std::uint64_t default_tokens);

/// Whether these are whole names of event types. Errors: kInvalidArgument — one is a pattern.
Status check_whole_types(const std::vector<std::string>& types, std::string_view parameter);

/// As wire::take_filter. Errors: also kInvalidArgument for a pattern where only a whole name can be.
Result<Filter> take_filter(wire::Parameters& parameters);

/// A name that must be there. Errors: kInvalidArgument.
Result<std::string> take_required(wire::Parameters& parameters, std::string_view name);

/// The entity of a call that has no arguments besides `entity_id` and these; empty: it has others.
std::string lone_entity(const Json& arguments, const std::vector<std::string_view>& others);

/// JSON pointers: "/total", or "total" for the same. Errors: kInvalidArgument.
Result<std::vector<std::string>> take_pointers(wire::Parameters& parameters, std::string_view name);

/// A fork's id and "main" stay; a name becomes the id of the live fork that has it.
Result<ViewOptions> take_view(wire::Parameters& parameters);

/// An entity id as a place to go on from, which says nothing to who reads it: "id64:…".
std::string place_of(std::string_view entity_id);
/// The entity id; what is no such place is one already. Errors: kInvalidArgument.
Result<std::string> entity_at(std::string_view place);

/// "chronos://entity/…?fork=…", of the entity in this view.
std::string entity_uri(std::string_view entity_id, const ViewOptions& asked, const ViewInfo& info);
/// What to put a position into, to cite an event: "chronos://main/events/{position}".
std::string event_uri_template(std::string_view branch);

}  // namespace chronos::mcp
