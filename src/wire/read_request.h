// What to read and in which view, out of the parameters of a request.
// The names are those of docs/reference/http.md.
//
// Threads: free functions.
#pragma once

#include <cstdint>
#include <string>

#include "chronos/read.h"
#include "chronos/state.h"
#include "wire/parameters.h"

namespace chronos::wire {

/// fork or branch, which mean the same; absent: main. Errors: kInvalidArgument — both, or an empty one.
Result<std::string> take_branch(Parameters& parameters);

/// fork (branch), at, known_at, as_of (time_travel). Times may be relative to `now`.
///
/// Errors: kInvalidArgument.
Result<ViewOptions> take_view(Parameters& parameters, Timestamp now);

/// event_type, event_type_prefix, entity_id, entity_id_prefix, tag, since, until, occurred_since, occurred_until,
/// correlation_id, causation_id, actor, where ("/total >= 100"), payload_filter ({"field": value}), items, all.
///
/// Errors: kInvalidArgument.
Result<Filter> take_filter(Parameters& parameters, Timestamp now);

/// fold (merge, shallow; absent: `default_fold`), fold_order (stream, occurred).
Result<StateOptions> take_fold(Parameters& parameters, Fold default_fold);

/// A time, absolute or relative. Errors: kInvalidArgument, naming the parameter.
Result<std::optional<Timestamp>> take_time(Parameters& parameters, std::string_view name, Timestamp now);
/// A whole number. A time there is answered with the parameter for times. Errors: kInvalidArgument.
Result<std::optional<Position>> take_position(Parameters& parameters, std::string_view name);
/// 1 to `max`; absent: `otherwise`. Errors: kLimitExceeded, kInvalidArgument.
Result<std::uint32_t> take_limit(Parameters& parameters, std::uint32_t otherwise, std::uint32_t max);

}  // namespace chronos::wire
