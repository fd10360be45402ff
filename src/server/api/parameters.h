// The parameters of query strings: what each means, and groups that routes share.
//
// Threads: free functions.
#pragma once

#include <string_view>
#include <vector>

namespace chronos::server {

struct ApiParameter {
    std::string_view name;
    /// Only for routes whose path ends so; empty: for all. The first that fits counts.
    std::string_view path_end;
    std::string_view schema;  ///< JSON Schema.
    std::string_view description;
    bool is_repeatable = false;
};

/// nullptr: nobody has said what it means.
const ApiParameter* find_parameter(std::string_view name, std::string_view path);
/// The same for headers of requests.
const ApiParameter* find_request_header(std::string_view name);

/// Those that choose a view, and `more`.
std::vector<std::string_view> view_parameters(const std::vector<std::string_view>& more = {});
/// Those that choose what to follow, and `more`.
std::vector<std::string_view> follow_parameters(const std::vector<std::string_view>& more);
/// Those of a query for events.
std::vector<std::string_view> query_parameters();

}  // namespace chronos::server
