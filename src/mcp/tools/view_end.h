// Until when a view speaks: what has not ended in it lasts until then.
//
// Threads: free functions.
#pragma once

#include <optional>

#include "client/endpoint.h"

namespace chronos::mcp {

/// The as_of or known_at of the view, or when the event at its position was recorded, or now in whole seconds; never
/// later than now. `last_occurred_at`: of what is asked about, which may lie within this very second. `given_now`: of
/// the first page, which is now on all of them, though their view has got a position meanwhile.
Result<Timestamp> end_of(const client::EndpointView& view, const ViewOptions& options,
                         const std::optional<Timestamp>& last_occurred_at,
                         const std::optional<Timestamp>& given_now = std::nullopt);

}  // namespace chronos::mcp
