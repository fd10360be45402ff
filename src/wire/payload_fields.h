// Which fields the payloads of some events have, and of which kinds: a payload has no schema, so this is what can be
// said of one.
//
// Threads: values.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace chronos::wire {

/// "object", "array", "string", "boolean", "null" or "number". Requires: valid JSON.
std::string_view kind_of_json(std::string_view value);

/// Calls `visit` for each field of a JSON object; nested ones down to `depth_max` objects, arrays are not looked into.
/// Does nothing for what is not an object, or is not valid.
void walk_fields(std::string_view payload, std::size_t depth_max,
                 const std::function<void(const std::string& pointer, std::string_view value)>& visit);

/// The kinds of values by JSON pointer.
using FieldKinds = std::map<std::string, std::set<std::string, std::less<>>>;

/// Adds those of one payload; of fields that are not known yet only as long as there are fewer than 200.
void add_field_kinds(std::string_view payload, FieldKinds& kinds);
/// {"/status": ["string"], "/total": ["null", "number"]}
std::string field_kinds_as_json(const FieldKinds& kinds);

}  // namespace chronos::wire
