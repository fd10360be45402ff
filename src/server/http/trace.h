// W3C trace context: the trace that a request belongs to, taken in and handed out.
// Source: W3C Trace Context, level 1.
//
// Threads: free functions.
#pragma once

#include <string>
#include <string_view>

#include "io/clock.h"

namespace chronos::server {

/// The trace id of a traceparent header, 32 hexadecimal digits; empty if it is not one.
std::string trace_id_of(std::string_view traceparent);
/// A traceparent with a new span of this trace.
std::string traceparent_of(std::string_view trace_id, io::Random& random);

}  // namespace chronos::server
