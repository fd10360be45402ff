// What is easily got wrong with the events of this store, as its statistics and last events show.
//
// Threads: free functions.
#pragma once

#include "client/endpoint.h"
#include "mcp/tools/type_sample.h"

namespace chronos::mcp {

struct Pitfalls {
    Json sentences = Json::array();  ///< Of the program, with numbers.
    Json names = Json::object();     ///< Stored names that they are about. Untrusted.
};

/// `sample`: the last events of all types.
Result<Pitfalls> find_pitfalls(const client::Endpoint& endpoint, const client::EndpointView& view, const Stats& stats,
                               const TypeSample& sample);

}  // namespace chronos::mcp
