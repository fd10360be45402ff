#include "app/event_table.h"

#include <algorithm>
#include <string>

#include "app/terminal.h"
#include "base/utf8.h"

namespace chronos::app {
namespace {

constexpr std::size_t kColumnWidthMax = 40;

}  // namespace

EventTable::EventTable(Program& program)
    : program_(program),
      style_(program.style()),
      width_(is_terminal(Stream::kOutput) ? terminal_width(Stream::kOutput) : 0) {}

void EventTable::print(const std::vector<EventView>& events) {
    if (program_.common.json) {
        for (const EventView& event : events) program_.out.line(to_json(event));
        return;
    }
    if (events.empty()) return;
    if (!started_) print_header(events);
    for (const EventView& event : events) print_row(event);
}

void EventTable::print_header(const std::vector<EventView>& events) {
    started_ = true;
    for (const EventView& event : events) {
        position_width_ = std::max(position_width_, std::to_string(event.position.value).size());
        time_width_ = std::max(time_width_, event.occurred_at.to_string().size());
        entity_width_ = std::max(entity_width_, std::min(text_width(event.entity_id), kColumnWidthMax));
        type_width_ = std::max(type_width_, std::min(text_width(event.event_type), kColumnWidthMax));
    }
    program_.out.line(style_.bold(padded("position", position_width_) + "  " + padded("occurred at", time_width_) +
                                  "  " + padded("entity", entity_width_) + "  " + padded("type", type_width_) +
                                  "  payload"));
}

void EventTable::print_row(const EventView& event) {
    const std::string position = std::to_string(event.position.value);
    const std::size_t indent = position_width_ > position.size() ? position_width_ - position.size() : 0;
    const std::size_t used = position_width_ + time_width_ + entity_width_ + type_width_ + 8;
    const std::string payload = base::harmless(event.payload);
    program_.out.line(std::string(indent, ' ') + style_.dim(position) + "  " +
                      style_.dim(padded(event.occurred_at.to_string(), time_width_)) + "  " +
                      padded(event.entity_id, entity_width_) + "  " +
                      style_.cyan(padded(event.event_type, type_width_)) + "  " +
                      (width_ == 0 ? payload : fitted(payload, std::max<std::size_t>(width_, used + 20) - used)));
}

}  // namespace chronos::app
