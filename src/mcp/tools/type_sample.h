// What the events of a type look like, from some of its last ones: for telling which fields there are to ask for.
//
// Threads: free functions.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "client/endpoint.h"
#include "mcp/tools/shown.h"

namespace chronos::mcp {

struct FieldSample {
    std::set<std::string> kinds;   ///< "string", "number", …
    std::set<std::string> values;  ///< Short ones, at most a few.
    std::uint64_t count = 0;
    bool has_other_values = false;  ///< Long ones, or more than a few.
};

struct TypeSample {
    std::uint64_t event_count = 0;  ///< Looked at.
    std::uint64_t bytes = 0;        ///< Of their payloads and metadata.
    std::uint64_t with_actor = 0, with_reason = 0, with_correlation = 0;
    std::uint64_t occurred_earlier = 0;         ///< More than a minute before they were recorded.
    std::map<std::string, FieldSample> fields;  ///< By JSON pointer; objects are looked into, arrays are not.

    void add(const EventView& event);
};

/// The last `count` events of a type; of all types when it is empty.
Result<TypeSample> sample_type(const client::EndpointView& view, const std::string& event_type, std::uint32_t count);

/// {"/status": "string: paid, placed", "/total": "number"}: stored text, so untrusted.
Json fields_json(const TypeSample& sample, std::size_t count_max);

}  // namespace chronos::mcp
