// Events as rows of an answer.
//
// Threads: free functions.
#pragma once

#include <cstddef>
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

/// Appends position, entity_id, version, event_type, both times, id, payload, metadata, tags: those that there are.
void append_event_row(std::string& out, const EventView& event, const RowShape& shape, Shown& shown);
Json event_row(const EventView& event, const RowShape& shape, Shown& shown);
/// The names of a table's columns.
Json event_columns();

/// Rows of events as long as they fit, made as text.
class EventRows {
public:
    /// `bytes_max`: of all rows together as JSON.
    EventRows(const RowShape& shape, std::size_t bytes_max) : shape_(shape), bytes_max_(bytes_max) {}

    /// Whether the event went in, with `others` bytes that stand elsewhere; the first one always does.
    bool add(const EventView& event, Shown& shown, std::size_t others = 0);
    /// Whether `others` bytes that stand elsewhere fit too.
    [[nodiscard]] bool has_room_for(std::size_t others) const { return rows_.size() + others <= bytes_max_; }
    [[nodiscard]] std::size_t size() const { return size_; }
    Json take();

private:
    const RowShape& shape_;
    std::size_t bytes_max_;
    std::size_t size_ = 0;
    std::string rows_;
};

/// Looks through an object's member, as the actor of metadata; empty when it is not there or no string.
std::string text_member(std::string_view json, std::string_view name);

}  // namespace chronos::mcp
