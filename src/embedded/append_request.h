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
/// `tenant_id` of an event must be `tenant_id`; empty: it must not be there.
/// Errors: kInvalidArgument, kLimitExceeded, naming event or condition by its index; kNotFound for another tenant.
Result<BatchBuilder> parse_append_request(std::string_view json, std::string_view tenant_id = {});

/// What a condition or a read may ask for: {"items": [{"types": […], "tags": […]}]}, {"all": true}, or only the array.
///
/// Requires: `json` is valid. Errors: kInvalidArgument.
Result<Query> parse_query(std::string_view json);

}  // namespace chronos::embedded
