#include "client/request_json.h"

#include <cstring>
#include <utility>

#include "client/http_client.h"
#include "event/batch_content.h"
#include "json/writer.h"
#include "wire/append_failure_json.h"

namespace chronos::client {
namespace {

template <typename Strings>
std::string strings_json(const Strings& strings) {
    std::string out = "[";
    for (const auto& text : strings) {
        if (out.size() > 1) out += ',';
        json::append_string(out, text);
    }
    return out + "]";
}

std::string version_json(const ExpectedVersion& expected) {
    const std::string text = wire::expected_version_text(expected);
    if (expected.kind == ExpectedVersion::Kind::kExactly) return text;
    std::string out;
    json::append_string(out, text);
    return out;
}

void write_event(std::string& out, const event::EventBytes& event, const ExpectedVersion* expected) {
    json::ObjectWriter writer(out);
    if (event.has(event::kExplicitId)) writer.field("id", event.explicit_id().to_string());
    writer.field("entity_id", event.entity()).field("event_type", event.type()).raw_field("payload", event.payload());
    if (!event.metadata().empty()) writer.raw_field("metadata", event.metadata());
    std::vector<std::string_view> tags;
    event::for_each_tag(event.encoded_tags(), [&](std::string_view tag) { tags.push_back(tag); });
    if (!tags.empty()) writer.raw_field("tags", strings_json(tags));
    if (const auto ns = event.sent_occurred_at()) writer.field("occurred_at", Timestamp{*ns}.to_string());
    if (expected != nullptr) writer.raw_field("expected_version", version_json(*expected));
    writer.end();
}

std::string items_json(const Query& query) {
    std::string items = "[";
    for (const QueryItem& item : query.items) {
        if (items.size() > 1) items += ',';
        json::ObjectWriter writer(items);
        if (!item.types.empty()) writer.raw_field("types", strings_json(item.types));
        if (!item.tags.empty()) writer.raw_field("tags", strings_json(item.tags));
        writer.end();
    }
    return items + "]";
}

std::string condition_json(const Condition& condition) {
    std::string out;
    json::ObjectWriter writer(out);
    if (const auto* entity = std::get_if<EntityCondition>(&condition)) {
        writer.field("entity_id", entity->entity_id).raw_field("expected_version", version_json(entity->expected));
    } else {
        const auto& none = std::get<NoEventMatches>(condition);
        writer.raw_field("fail_if_events_match",
                         none.query.all ? std::string("{\"all\":true}") : "{\"items\":" + items_json(none.query) + "}");
        if (none.after) writer.field("after", none.after->value);
    }
    writer.end();
    return out;
}

class Writer {
public:
    explicit Writer(std::string& out) : writer_(out) {}
    void text(std::string_view name, const std::string& value) {
        if (!value.empty()) writer_.field(name, value);
    }
    void texts(std::string_view name, const std::vector<std::string>& values) {
        if (!values.empty()) writer_.raw_field(name, strings_json(values));
    }
    void time(std::string_view name, const std::optional<Timestamp>& value) {
        if (value) writer_.field(name, value->to_string());
    }
    void position(std::string_view name, const std::optional<Position>& value) {
        if (value) writer_.field(name, value->value);
    }
    json::ObjectWriter& object() { return writer_; }

private:
    json::ObjectWriter writer_;
};

void write_filter(Writer& writer, const Filter& filter) {
    writer.texts("event_type", filter.event_types);
    writer.text("event_type_prefix", filter.event_type_prefix);
    writer.texts("entity_id", filter.entity_ids);
    writer.text("entity_id_prefix", filter.entity_id_prefix);
    writer.texts("tag", filter.tags);
    writer.time("since", filter.since);
    writer.time("until", filter.until);
    writer.time("occurred_since", filter.occurred_since);
    writer.time("occurred_until", filter.occurred_until);
    writer.text("correlation_id", filter.correlation_id.value_or(""));
    writer.text("causation_id", filter.causation_id.value_or(""));
    writer.text("actor", filter.actor.value_or(""));
    std::vector<std::string> tests;
    for (const FieldTest& test : filter.fields)
        tests.push_back(test.pointer + " " + test.operation + (test.operand.empty() ? "" : " " + test.operand));
    writer.texts("where", tests);
    if (filter.query && filter.query->all) writer.object().field("all", true);
    if (filter.query && !filter.query->all) writer.object().raw_field("items", items_json(*filter.query));
}

}  // namespace

std::string batch_json(const BatchBuilder& batch) {
    const BatchBuilder::Content& content = batch.content();
    std::string events = "[";
    auto condition = content.event_conditions.begin();
    std::uint32_t index = 0;
    content.for_each_event([&](const event::EventBytes& event) {
        const bool has_condition = condition != content.event_conditions.end() && condition->event_index == index;
        if (index++ > 0) events += ',';
        write_event(events, event, has_condition ? &condition->expected : nullptr);
        if (has_condition) ++condition;
    });
    std::string conditions = "[";
    for (const Condition& one : content.conditions) {
        if (conditions.size() > 1) conditions += ',';
        conditions += condition_json(one);
    }
    std::string out;
    json::ObjectWriter(out).raw_field("events", events + "]").raw_field("conditions", conditions + "]").end();
    return out;
}

std::string query_json(const ViewOptions& view, const ReadOptions& read, bool with_total) {
    std::string out;
    Writer writer(out);
    if (view.branch != "main") writer.text("fork", view.branch);
    // A cursor knows its view.
    if (read.cursor.empty()) {
        writer.position("at", view.at);
        writer.time("known_at", view.known_at);
        writer.time("as_of", view.as_of);
        writer.position("after", read.after);
    }
    write_filter(writer, read.filter);
    writer.text("cursor", read.cursor);
    if (read.order == Order::kBackward) writer.text("order", "desc");
    writer.object().field("limit", read.limit).field("total", with_total).end();
    return out;
}

std::string follow_query(const std::string& branch, const Filter& filter, const std::string& after) {
    std::string out;
    const auto add = [&out](std::string_view name, std::string_view value) {
        if (value.empty()) return;
        out += out.empty() ? '?' : '&';
        out += std::string(name) + "=" + percent_encoded(value);
    };
    const auto add_all = [&add](std::string_view name, const std::vector<std::string>& values) {
        for (const std::string& value : values) add(name, value);
    };
    const auto add_time = [&add](std::string_view name, const std::optional<Timestamp>& time) {
        if (time) add(name, time->to_string());
    };
    if (branch != "main") add("fork", branch);
    add("after", after);
    add_all("event_type", filter.event_types);
    add("event_type_prefix", filter.event_type_prefix);
    add_all("entity_id", filter.entity_ids);
    add("entity_id_prefix", filter.entity_id_prefix);
    add_all("tag", filter.tags);
    add_time("since", filter.since);
    add_time("until", filter.until);
    add_time("occurred_since", filter.occurred_since);
    add_time("occurred_until", filter.occurred_until);
    add("correlation_id", filter.correlation_id.value_or(""));
    add("causation_id", filter.causation_id.value_or(""));
    add("actor", filter.actor.value_or(""));
    for (const FieldTest& test : filter.fields)
        add("where", test.pointer + " " + test.operation + (test.operand.empty() ? "" : " " + test.operand));
    return out;
}

std::string fork_json(const ForkOptions& options) {
    std::string out;
    Writer writer(out);
    if (options.parent != "main") writer.text("parent", options.parent);
    writer.text("name", options.name);
    writer.text("creator", options.creator);
    writer.position("at", options.at);
    writer.time("known_at", options.known_at);
    writer.object().field("ttl_seconds", options.ttl_ns / 1'000'000'000).end();
    return out;
}

std::string merge_json(const MergeOptions& options) {
    const auto word = [](MergeResolution resolution) {
        return resolution == MergeResolution::kForce ? std::string("force") : std::string("skip");
    };
    std::string resolutions;
    json::ObjectWriter list(resolutions);
    for (const MergeOptions::Entity& entity : options.entities) list.field(entity.entity_id, word(entity.resolution));
    if (options.others) list.field("*", word(*options.others));
    list.end();
    std::string out;
    Writer writer(out);
    writer.object().field("dry_run", options.dry_run).raw_field("resolutions", resolutions);
    if (options.append_if_moved) writer.text("on_moved", "append");
    writer.text("actor", options.actor);
    writer.object().end();
    return out;
}

std::string encoded_tags(const std::vector<std::string>& tags) {
    std::string out;
    for (const std::string& tag : tags) {
        const auto size = static_cast<std::uint16_t>(tag.size());
        char bytes[sizeof(size)];
        std::memcpy(bytes, &size, sizeof(size));  // little-endian, as everything that Chronos writes
        out.append(bytes, sizeof(size));
        out += tag;
    }
    return out;
}

}  // namespace chronos::client
