// The JSON form of an append: one event, an array of events, or {"events": […], "conditions": […]}.
//
// Threads: functions without state.
#pragma once

#include <string_view>

#include "chronos/append.h"

namespace chronos::embedded {

/// Conditions: {"entity_id": …, "expected_version": n | "none" | "exists" | "any"} or
/// {"fail_if_events_match": {"items": [{"types": […], "tags": […]}]} or {"all": true}, "after": position}.
///
/// Errors: kInvalidArgument, kLimitExceeded, naming event or condition by its index.
Result<BatchBuilder> parse_append_request(std::string_view json);

}  // namespace chronos::embedded
