// Tools, prompts and resources by the names that the official suite of conformance tests calls. They do what the suite
// says and nothing with the store; a server offers them only when it was started for that.
//
// Threads: before the first request.
#pragma once

#include "mcp/offers.h"
#include "mcp/subscriptions.h"

namespace chronos::mcp {

/// `subscriptions` must outlive the offers: some of the tools change lists.
void add_conformance_fixtures(Offers& offers, Subscriptions& subscriptions);

}  // namespace chronos::mcp
