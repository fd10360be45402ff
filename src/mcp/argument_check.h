// Whether arguments match the schema of a tool: the part of JSON Schema that describes arguments. Keywords it does not
// know let everything pass.
//
// Known: type, enum, const, properties, required, additionalProperties, items, minItems, maxItems, minLength,
// maxLength, minimum, maximum, anyOf, oneOf, and "$ref" to "#/$defs/…".
//
// Threads: free functions.
// Source: JSON Schema 2020-12.
#pragma once

#include <optional>
#include <string>

#include "mcp/tool.h"

namespace chronos::mcp {

/// What is wrong, for whoever wrote the arguments: the first thing found, and what to write instead.
std::optional<std::string> mistake_in(const Json& arguments, const Json& schema);

}  // namespace chronos::mcp
