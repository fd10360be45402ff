// Requests to a server as JSON.
//
// Threads: free functions.
#pragma once

#include <string>
#include <vector>

#include "chronos/append.h"
#include "chronos/fork.h"
#include "chronos/read.h"

namespace chronos::client {

/// {"events": […], "conditions": […]}.
std::string batch_json(const BatchBuilder& batch);
std::string query_json(const ViewOptions& view, const ReadOptions& read, bool with_total);
/// The query of a request to follow: "?…". `after`: a position, "head", or empty for from the start.
std::string follow_query(const std::string& branch, const Filter& filter, const std::string& after);
std::string fork_json(const ForkOptions& options);
std::string merge_json(const MergeOptions& options);

/// As an EventView has them.
std::string encoded_tags(const std::vector<std::string>& tags);

}  // namespace chronos::client
