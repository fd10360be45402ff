// What is said of an entity that a view has nothing of: whether it ever was, when it came, and what is called nearly
// so.
//
// Threads: free functions.
#pragma once

#include <string>

#include "client/endpoint.h"

namespace chronos::app {

/// The answer about an entity that has no events in the view of `options`, of which `state` is its state there.
///
/// Cost: passes over the heads of all entities a few times.
Error entity_not_there(const client::Endpoint& store, const ViewOptions& options, const State& state);

}  // namespace chronos::app
