// The forms of requests and answers as JSON Schemas (2020-12), by name: "components.schemas" of /openapi.json.
// Routes name them; tests hold real answers against them.
//
// Threads: free functions.
#pragma once

#include <string_view>

namespace chronos::server {

/// A JSON object from name to schema.
std::string_view schemas_json();

}  // namespace chronos::server
