// Entities with ids like one that is not there.
//
// Threads: free functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "client/endpoint.h"

namespace chronos::client {

/// At most `count_max`, nearest first: of those that begin like `id`, then like less and less of it.
///
/// Cost: looks at a thousand entities for each of four beginnings.
Result<std::vector<std::string>> nearest_entities(const EndpointView& view, std::string_view id, std::size_t count_max);

}  // namespace chronos::client
