// What requests to append say beside their body: branch, durability, preconditions.
//
// Threads: free functions.
#pragma once

#include <optional>
#include <string>

#include "access/principal.h"
#include "chronos/append.h"
#include "chronos/store.h"
#include "server/http/message.h"
#include "wire/parameters.h"

namespace chronos::server {

/// Puts the fork's id where its name stood, and answers when it expires; nothing for main. A branch that is none stays
/// as it is: the append says what is wrong with it.
std::optional<Timestamp> resolve_fork(const Store& store, std::string& branch);

/// tenant_id as a member of a body; in the query string the gate has looked after it.
/// Errors: kNotFound — another one than the caller's.
Status check_tenant(wire::Parameters& parameters, const access::Principal& principal);

/// Prefer: durability=durable or os. Errors: kInvalidArgument.
Result<Durability> read_durability(const Request& request);

/// If-Match: "v42" or *, If-None-Match: *. Weak tags and lists are refused. Errors: kInvalidArgument.
Result<std::optional<ExpectedVersion>> read_preconditions(const Request& request);

}  // namespace chronos::server
