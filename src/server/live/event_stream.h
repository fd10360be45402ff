// GET /api/v1/events/stream as server-sent events: what is there, then what comes, for as long as the reader listens.
// The format: docs/reference/live.md. Source: HTML Living Standard §9.2.
//
// Threads: one at a time for each stream.
#pragma once

#include <memory>
#include <string>

#include "server/http/message.h"
#include "server/http/routes.h"

namespace chronos::server {

/// Parameters: fork, filters, after. Last-Event-ID comes before `after`.
///
/// Errors: kInvalidArgument, kNotFound, kGone, kLimitExceeded — too many live streams.
Result<Response> open_event_stream(Call& call);

/// One message. `name` and `id` may be empty; `data` may have line ends of any kind.
void write_sse_message(std::string& out, std::string_view id, std::string_view name, std::string_view data);

}  // namespace chronos::server
