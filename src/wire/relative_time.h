// Requests whose times count from when they are made, as "1 hour ago" does: a page that goes on with one is about the
// times that it was about, and the same words asked later are another question.
//
// Threads: free functions.
#pragma once

#include <string>
#include <string_view>

#include "chronos/types.h"
#include "wire/parameters.h"

namespace chronos::wire {

/// Whether a time among the parameters, taken or not, counts from now.
bool has_relative_time(const Parameters& parameters);

/// The query string with the times that count from `now` as the times they are; the rest stays as it was sent.
std::string with_absolute_times(std::string_view query, Timestamp now);

/// A cursor that carries the moment its query's times count from. A query for the next page may say the same words:
/// they mean the same times, and a moment that somebody changed is a filter that the cursor was not made for.
///
///     <cursor of the store> . <nanoseconds since 1970>
std::string dated_cursor(std::string_view cursor, Timestamp now);

/// Takes the moment off a cursor; `otherwise` if it carries none.
Timestamp take_moment(std::string& cursor, Timestamp otherwise);

}  // namespace chronos::wire
