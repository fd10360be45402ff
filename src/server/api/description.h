// What the server says of its own interface, made from the table of routes: /openapi.json, /docs, /llms.txt.
//
// Threads: free functions.
#pragma once

#include <string>

#include "server/http/routes.h"

namespace chronos::server {

/// OpenAPI 3.1.
std::string openapi_json(const Routes& routes);
/// One page of HTML, which fetches nothing.
std::string docs_page(const Routes& routes);
/// The same in a few lines of text.
std::string llms_text(const Routes& routes);

}  // namespace chronos::server
