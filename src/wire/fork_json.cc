#include "wire/fork_json.h"

#include <optional>

#include "json/writer.h"

namespace chronos::wire {
namespace {

std::string position_as_json(const std::optional<Position>& position) {
    return position ? std::to_string(position->value) : "null";
}

std::string time_as_json(const std::optional<Timestamp>& time) {
    return time ? "\"" + time->to_string() + "\"" : "null";
}

}  // namespace

std::string fork_as_json(const ForkInfo& fork) {
    std::string out;
    json::ObjectWriter(out)
        .field("id", fork.id)
        .field("name", fork.name)
        .field("parent", fork.parent)
        .raw_field("fork_position", position_as_json(fork.fork_position))
        .field("depth", fork.depth)
        .field("status", fork_status_name(fork.status))
        .field("creator", fork.creator)
        .field("created_at", fork.created_at.to_string())
        .field("expires_at", fork.expires_at.to_string())
        .raw_field("ended_at", time_as_json(fork.ended_at))
        .field("readable", fork.is_readable)
        .field("own_events", fork.own_event_count)
        .raw_field("head", position_as_json(fork.head))
        .end();
    return out;
}

}  // namespace chronos::wire
