#include "ingest/cloud_event.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/result.h"
#include "event/batch_content.h"
#include "event/ids.h"
#include "json/scan.h"
#include "json/writer.h"

namespace chronos::ingest {
namespace {

/// Space of the ids made of source and id, fixed for ever.
const Uuid& cloud_events_space() {
    static const Uuid space = event::uuid_v5(Uuid{}, "cloudevents");
    return space;
}

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

/// The attributes that mean something here, and the rest as it came.
struct Attributes {
    // Empty: not there; no attribute may be empty.
    std::string id, source, type, subject, time, specversion, traceparent;
    std::optional<std::string_view> data, data_base64;
    std::string context;  ///< Fields for the metadata.
};

Result<std::string> read_string(std::string_view name, std::string_view value) {
    std::string scratch;
    if (!value.starts_with('"')) return wrong("'" + std::string(name) + "' must be a string");
    std::string text(json::unescaped(json::string_body(value), scratch));
    if (text.empty()) return wrong("'" + std::string(name) + "' must not be empty");
    return text;
}

bool is_attribute_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(),
                                        [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

bool is_base64(std::string_view text) {
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    return text.size() % 4 == 0 &&
           std::all_of(text.begin(), text.end() - static_cast<std::ptrdiff_t>(padding), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
                      c == '/';
           });
}

/// The member an attribute is read into; nullptr for those that only go to the metadata.
std::string* known_text(Attributes& attributes, std::string_view name) {
    if (name == "id") return &attributes.id;
    if (name == "source") return &attributes.source;
    if (name == "type") return &attributes.type;
    if (name == "subject") return &attributes.subject;
    if (name == "time") return &attributes.time;
    if (name == "specversion") return &attributes.specversion;
    if (name == "traceparent") return &attributes.traceparent;
    return nullptr;
}

Status read_attribute(std::string_view name, std::string_view value, Attributes& attributes) {
    if (name == "data") {
        attributes.data = value;
        return {};
    }
    if (name == "data_base64") {
        if (!value.starts_with('"') || !is_base64(json::string_body(value)))
            return wrong("'data_base64' must be base64");
        attributes.data_base64 = value;
        return {};
    }
    if (value == "null") return {};
    if (!is_attribute_name(name))
        return wrong("'" + std::string(name) + "' is no name of an attribute; lower-case letters and digits make one");
    if (value.starts_with('{') || value.starts_with('['))
        return wrong("'" + std::string(name) + "' must be a string, a number or a boolean");
    if (std::string* text = known_text(attributes, name)) {
        ASSIGN_OR_RETURN(*text, read_string(name, value));
    } else if (name == "datacontenttype" || name == "dataschema") {
        if (Result<std::string> checked = read_string(name, value); !checked.ok()) return std::move(checked).error();
    }
    if (name != "type" && name != "time")
        attributes.context +=
            (attributes.context.empty() ? "\"" : ",\"") + std::string(name) + "\":" + std::string(value);
    return {};
}

Status check_required(const Attributes& attributes) {
    if (attributes.specversion.empty()) return wrong("'specversion' is missing");
    if (attributes.specversion != "1.0") return wrong("'specversion' is " + attributes.specversion + "; 1.0 is known");
    if (attributes.id.empty()) return wrong("'id' is missing");
    if (attributes.source.empty()) return wrong("'source' is missing");
    if (attributes.type.empty()) return wrong("'type' is missing");
    if (attributes.data && attributes.data_base64) return wrong("'data' and 'data_base64' exclude each other");
    return {};
}

std::string metadata_of(const Attributes& attributes) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.raw_field("cloudevents", "{" + attributes.context + "}");
    if (!attributes.traceparent.empty()) writer.field("traceparent", attributes.traceparent);
    writer.end();
    return out;
}

}  // namespace

Status CloudEvents::add(std::string_view json, BatchBuilder& batch) {
    json::Limits limits;
    ++limits.depth_max;
    ++limits.envelope_depth;
    RETURN_IF_ERROR(validator_.validate(json, limits));
    if (!json::trimmed(json).starts_with('{')) return wrong("a CloudEvent must be a JSON object");
    Attributes attributes;
    std::string scratch;
    for (const json::RawField& field : validator_.outer_fields())
        RETURN_IF_ERROR(read_attribute(json::unescaped(field.raw_key, scratch), field.value, attributes));
    RETURN_IF_ERROR(check_required(attributes));

    const std::string metadata = metadata_of(attributes);
    const bool by_subject = entity_ == Entity::kSubject && !attributes.subject.empty();
    const std::string binary =
        attributes.data_base64 ? R"({"data_base64":)" + std::string(*attributes.data_base64) + "}" : "{}";
    BatchBuilder::EventRef event = {
        .entity_id = by_subject ? attributes.subject : attributes.source,
        .event_type = attributes.type,
        .payload = attributes.data.value_or(binary),
        .metadata = metadata,
        .id = event::uuid_v5(cloud_events_space(), attributes.source + "\n" + attributes.id)};
    if (!attributes.time.empty()) {
        Result<Timestamp> time = Timestamp::parse(attributes.time);
        if (!time.ok()) return base::with_context(std::move(time).error(), "time");
        event.occurred_at = *time;
    }
    batch.add(event);
    if (const auto& error = batch.content().error) return *error;
    return {};
}

}  // namespace chronos::ingest
