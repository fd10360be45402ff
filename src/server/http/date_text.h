// The time as HTTP writes it. Source: RFC 9110 §5.6.7.
//
// Threads: free functions.
#pragma once

#include <cstdint>
#include <string>

namespace chronos::server {

/// "Sun, 06 Nov 1994 08:49:37 GMT". Valid on this thread until its next call.
const std::string& date_text(std::int64_t unix_seconds);

}  // namespace chronos::server
