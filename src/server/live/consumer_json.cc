#include "server/live/consumer_json.h"

#include "json/writer.h"

namespace chronos::server {
namespace {

void write_position(json::ObjectWriter& writer, std::string_view name, const std::optional<Position>& position) {
    if (position)
        writer.field(name, position->value);
    else
        writer.raw_field(name, "null");
}

std::uint64_t end_of(const std::optional<Position>& position) { return position ? position->value + 1 : 0; }

}  // namespace

ConsumerHead head_of(const Store& store, const ConsumerInfo& info) {
    const Result<View> view = store.view({.branch = info.source.branch});
    if (!view.ok()) return {.is_gone = true};
    return {.position = view->info().at};
}

std::uint64_t lag_of(const ConsumerInfo& info, const ConsumerHead& head) {
    const std::uint64_t end = end_of(head.position);
    const std::uint64_t done = end_of(info.position);
    return end > done ? end - done : 0;
}

std::string consumer_as_json(const ConsumerInfo& info, const ConsumerHead& head) {
    std::string patterns = "[";
    for (const std::string& pattern : info.source.patterns.texts()) {
        if (patterns.size() > 1) patterns += ',';
        json::append_string(patterns, pattern);
    }
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("consumer_id", info.name)
        .field("name", info.name)
        .field("branch", info.source.branch)
        .raw_field("filters", info.filters)
        .raw_field("event_type_filters", patterns + "]")
        .field("created_at", info.created_at.to_string());
    write_position(writer, "position", info.position);
    write_position(writer, "cursor_position", info.position);
    write_position(writer, "durable_position", info.durable_position);
    if (head.is_gone) {
        writer.raw_field("head", "null").raw_field("lag", "null").field("branch_ended", true);
    } else {
        write_position(writer, "head", head.position);
        writer.field("lag", lag_of(info, head));
    }
    if (info.lease) {
        std::string lease;
        json::ObjectWriter(lease).field("owner", info.lease->owner).field("until", info.lease->until.to_string()).end();
        writer.raw_field("lease", lease);
    } else {
        writer.raw_field("lease", "null");
    }
    writer.end();
    return out;
}

std::string consumer_metrics(const Store& store, const std::vector<ConsumerInfo>& consumers) {
    std::string positions =
        "# HELP chronos_consumer_acknowledged Events of its branch that a consumer has acknowledged.\n"
        "# TYPE chronos_consumer_acknowledged gauge\n";
    std::string lags =
        "# HELP chronos_consumer_lag Events of its branch that a consumer has not acknowledged.\n"
        "# TYPE chronos_consumer_lag gauge\n";
    for (const ConsumerInfo& info : consumers) {
        const std::string label = "{consumer=\"" + info.name + "\"} ";  // names need no escaping
        positions += "chronos_consumer_acknowledged" + label + std::to_string(end_of(info.position)) + "\n";
        const ConsumerHead head = head_of(store, info);
        if (!head.is_gone) lags += "chronos_consumer_lag" + label + std::to_string(lag_of(info, head)) + "\n";
    }
    return positions + lags;
}

}  // namespace chronos::server
