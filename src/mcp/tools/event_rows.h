// Events as rows of an answer.
//
// Threads: free functions.
#pragma once

#include <string>
#include <vector>

#include "chronos/event.h"
#include "mcp/tools/shown.h"

namespace chronos::mcp {

struct RowShape {
    /// JSON pointers into the payload; empty: all of it.
    std::vector<std::string> fields;
    /// Values in the order of `event_columns` instead of an object with names.
    bool is_table = false;
};

/// position, entity_id, version, event_type, both times, id, payload, metadata, tags: those that there are.
Json event_row(const EventView& event, const RowShape& shape, Shown& shown);
/// The names of a table's columns.
Json event_columns();

/// Looks through an object's member, as the actor of metadata; empty when it is not there or no string.
std::string text_member(std::string_view json, std::string_view name);

}  // namespace chronos::mcp
