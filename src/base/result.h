// The library's own use of chronos::Result: making errors and passing them up.
#pragma once

#include <string>
#include <utility>

#include "chronos/result.h"

namespace chronos::base {

/// Makes an Error of `code` that says `message`.
inline Error fail(ErrorCode code, std::string message) { return Error{.code = code, .message = std::move(message)}; }

/// Puts `context` in front of what an error says, as it rises.
inline Error with_context(Error error, std::string_view context) {
    error.message = std::string(context) + ": " + error.message;
    return error;
}

}  // namespace chronos::base

#define CHRONOS_CONCAT_INNER(a, b) a##b
#define CHRONOS_CONCAT(a, b) CHRONOS_CONCAT_INNER(a, b)

/// Returns the error of `expression`, if it is one.
#define RETURN_IF_ERROR(expression)                                         \
    do {                                                                    \
        auto chronos_status = (expression);                                 \
        if (!chronos_status.ok()) return std::move(chronos_status).error(); \
    } while (false)

/// `ASSIGN_OR_RETURN(auto file, fs.open(path));` declares `file` or returns the error.
#define ASSIGN_OR_RETURN(declaration, expression) \
    ASSIGN_OR_RETURN_IMPL(CHRONOS_CONCAT(chronos_result_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_IMPL(result, declaration, expression) \
    auto result = (expression);                                \
    if (!result.ok()) return std::move(result).error();        \
    declaration = std::move(result).value()
