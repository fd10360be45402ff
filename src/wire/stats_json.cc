#include "wire/stats_json.h"

#include "json/writer.h"

namespace chronos::wire {
namespace {

std::string memory_as_json(const MemoryUse& memory) {
    std::string out;
    json::ObjectWriter(out)
        .field("heads", memory.heads)
        .field("files", memory.files)
        .field("log_tail", memory.log_tail)
        .field("log_waiting", memory.log_waiting)
        .field("working", memory.working)
        .field("held_parts", memory.held_parts)
        .field("parts", memory.parts)
        .field("blocks", memory.blocks)
        .end();
    return out;
}

}  // namespace

std::string event_type_as_json(const EventTypeCount& type) {
    std::string out;
    json::ObjectWriter(out)
        .field("event_type", type.event_type)
        .field("count", type.count)
        .field("first_timestamp", type.first_recorded_at.to_string())
        .field("last_timestamp", type.last_recorded_at.to_string())
        .end();
    return out;
}

std::string stats_as_json(const Stats& stats, std::string_view view_json) {
    std::string types = "[";
    for (const EventTypeCount& type : stats.event_types) {
        if (types.size() > 1) types += ',';
        types += event_type_as_json(type);
    }
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("database", stats.database.to_string())
        .field("events", stats.event_count)
        .field("entities", stats.entity_count)
        .field("log_bytes", stats.log_bytes)
        .field("file_bytes", stats.file_bytes)
        .field("segments", stats.segment_count)
        .field("epoch", stats.writer_epoch)
        .field("commit_method", stats.commit_method)
        .field("index_files", stats.index_files)
        .field("index_bytes", stats.index_bytes)
        .field("snapshot_files", stats.snapshot_files)
        .field("snapshot_bytes", stats.snapshot_bytes)
        .field("memory_budget", stats.memory_budget)
        .field("memory_bytes", stats.memory_bytes)
        .raw_field("memory", memory_as_json(stats.memory))
        .field("memory_waits", stats.memory_waits)
        .field("reclaimed_bytes", stats.reclaimed_bytes)
        .field("reclaim_error", stats.reclaim_error);
    if (stats.first_recorded_at) writer.field("first_timestamp", stats.first_recorded_at->to_string());
    if (stats.last_recorded_at) writer.field("last_timestamp", stats.last_recorded_at->to_string());
    writer.raw_field("event_types", types + "]").raw_field("view", view_json).end();
    return out;
}

}  // namespace chronos::wire
