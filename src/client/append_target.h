// An endpoint as what imports append to.
//
// Threads: one.
#pragma once

#include <memory>

#include "client/endpoint.h"
#include "ingest/append_target.h"

namespace chronos::client {

/// Behind a server one batch is under way at a time. Requires: the endpoint outlives it.
std::unique_ptr<ingest::AppendTarget> append_target(Endpoint& endpoint);

}  // namespace chronos::client
