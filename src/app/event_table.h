// Events as an aligned table on a terminal, or as lines of JSON.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <vector>

#include "app/program.h"

namespace chronos::app {

class EventTable {
public:
    explicit EventTable(Program& program);

    /// The first call chooses the widths of the columns.
    void print(const std::vector<EventView>& events);

private:
    void print_header(const std::vector<EventView>& events);
    void print_row(const EventView& event);

    Program& program_;
    Style style_;
    std::size_t width_;  // 0: whole payloads
    bool started_ = false;
    std::size_t position_width_ = 8, time_width_ = 11, entity_width_ = 6, type_width_ = 4;
};

}  // namespace chronos::app
