// GET /api/v1/consumers/{consumer}/events: what comes behind the acknowledged position, now or within a while.
//
// Threads: any.
#pragma once

#include "server/http/message.h"
#include "server/http/routes.h"
#include "server/live/consumer_registry.h"

namespace chronos::server {

/// Who asks: the parameter `owner`, else the key. Errors: kInvalidArgument.
Result<std::string> take_owner(wire::Parameters& parameters, const Call& call);
/// Seconds. Errors: kInvalidArgument.
Result<std::uint32_t> take_lease_seconds(wire::Parameters& parameters);
/// Says who has the lease, and until when: 409.
Response refuse_leased(const ConsumerInfo& info);

/// Parameters: limit, wait_seconds, owner, lease_seconds. Errors: kInvalidArgument, kNotFound, kGone, kLimitExceeded.
Result<Response> next_batch(Call& call);

}  // namespace chronos::server
