// POST /api/v1/events/bulk: lines of JSON of any number, appended in batches while they come in.
// The last line of the answer is always the summary; a stream without it failed.
//
// Threads: one at a time for each upload.
#pragma once

#include <memory>

#include "server/http/message.h"
#include "server/http/routes.h"

namespace chronos::server {

/// Parameters: fork, batch (events in one), mode (strict, import), durability by Prefer. Errors: kInvalidArgument,
/// kNotFound, kGone, kUnsupported.
Result<std::unique_ptr<Upload>> open_bulk_upload(Call& call);

}  // namespace chronos::server
