// Schemas of what tools take and answer, written as JSON and completed with what many of them share.
//
// Threads: free functions.
#pragma once

#include <initializer_list>
#include <string_view>

#include "mcp/tool.h"

namespace chronos::mcp {

/// Whose members a tool takes besides its own.
enum class Shared : std::uint8_t {
    kView,    ///< as_of, known_at, at, fork
    kFilter,  ///< event_type … actor
    kBudget,  ///< max_tokens
};

/// An object that takes these `properties` (JSON text of an object) and the shared ones, and no others.
Json input_schema(std::string_view properties, std::initializer_list<Shared> shared,
                  std::initializer_list<std::string_view> required = {});

/// An object with at least these `properties`.
Json output_schema(std::string_view properties, std::initializer_list<std::string_view> required);

}  // namespace chronos::mcp
