// Errors as problem+json (RFC 9457), with the member "error" that clients of AllSource read.
// The types are listed in docs/reference/http.md.
//
// Threads: free functions.
#pragma once

#include <string>
#include <string_view>

#include "chronos/append.h"
#include "server/http/message.h"

namespace chronos::server {

/// A problem of the protocol: `name` as in "not-found"; `detail` says what is wrong and what to do.
Response problem(int status, std::string_view name, std::string_view detail);

/// What a request was about, where the status depends on it.
struct ProblemContext {
    bool is_append = false;
    /// A retry of the append can be told from a new one: it had ids, a key or an exact version.
    bool is_repeatable = false;
    /// A version was asked for with If-Match or If-None-Match.
    bool has_precondition = false;
};

Response problem_of(const Error& error, const ProblemContext& context = {});
/// Adds the outcome to a problem of an append that says none.
void say_outcome(Response& response, Outcome outcome);
int status_of(const Error& error, const ProblemContext& context = {});
/// The object alone, for a line in a stream.
std::string problem_json(const Error& error, const ProblemContext& context = {});

}  // namespace chronos::server
