// Requests that carry CloudEvents: structured (one), batch (an array) and binary (attributes in headers).
// Source: CloudEvents 1.0.2, HTTP Protocol Binding §3.
//
// Threads: free functions.
#pragma once

#include "chronos/append.h"
#include "server/http/message.h"

namespace chronos::server {

/// By its Content-Type, or because it has the header ce-specversion.
bool is_cloud_event(const Request& request);

/// Requires: is_cloud_event. Errors: kInvalidArgument, kLimitExceeded.
Result<BatchBuilder> read_cloud_events(const Request& request);

}  // namespace chronos::server
