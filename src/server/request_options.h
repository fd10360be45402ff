// What requests to append say beside their body: branch, durability, preconditions.
//
// Threads: free functions.
#pragma once

#include <optional>
#include <string>

#include "chronos/append.h"
#include "server/http/message.h"
#include "wire/parameters.h"

namespace chronos::server {

/// fork or branch; "main" when there is neither. Errors: kInvalidArgument.
Result<std::string> take_branch(wire::Parameters& parameters);

/// Prefer: durability=durable or os. Errors: kInvalidArgument.
Result<Durability> read_durability(const Request& request);

/// If-Match: "v42" or *, If-None-Match: *. Weak tags and lists are refused. Errors: kInvalidArgument.
Result<std::optional<ExpectedVersion>> read_preconditions(const Request& request);

}  // namespace chronos::server
