#include "ingest/event_lines.h"

#include <utility>

#include "base/result.h"
#include "event/batch_content.h"
#include "json/scan.h"
#include "json/writer.h"

namespace chronos::ingest {
namespace {

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

bool has_field(std::string_view object, std::string_view name) {
    for (json::ObjectScanner fields(object); fields.next();) {
        if (fields.raw_key() == name) return true;
    }
    return false;
}

}  // namespace

Status EventLines::add(std::string_view line, BatchBuilder& batch) {
    ASSIGN_OR_RETURN(const embedded::ParsedEvent parsed, parser_.parse(line));
    ASSIGN_OR_RETURN(BatchBuilder::EventRef event, embedded::event_of(parsed));
    if (parsed.payload.empty()) return wrong("payload is missing; write {} for an event without one");
    if (mode_ == LineMode::kImport && !event.metadata.empty() && !json::is_object(event.metadata)) {
        object_ = "{\"value\":" + std::string(event.metadata) + "}";
        event.metadata = object_;
    }
    if (parsed.has_store_fields || parsed.tenant_id) RETURN_IF_ERROR(take_store_fields(parsed, event));
    batch.add(event);
    if (const auto& error = batch.content().error) return *error;
    return {};
}

Status EventLines::take_store_fields(const embedded::ParsedEvent& parsed, BatchBuilder::EventRef& event) {
    if (mode_ == LineMode::kStrict && parsed.has_store_fields) {
        return wrong(
            "timestamp, position and version are set by the store; leave them out, "
            "or use --mode import for exported events");
    }
    if (mode_ == LineMode::kStrict && tenant_id_.empty())
        return wrong("tenant_id is not kept by a store of one tenant; leave it out");
    if (mode_ == LineMode::kStrict && *parsed.tenant_id != tenant_id_)
        return base::fail(ErrorCode::kNotFound, "there is no such tenant; leave tenant_id out");
    if (mode_ == LineMode::kStrict) return {};
    if (parsed.timestamp && !event.occurred_at) {
        std::string scratch;
        const std::string_view raw = *parsed.timestamp;
        if (!raw.starts_with('"')) return wrong("timestamp must be a string");
        Result<Timestamp> time = Timestamp::parse(json::unescaped(json::string_body(raw), scratch));
        if (!time.ok()) return base::with_context(std::move(time).error(), "timestamp");
        event.occurred_at = *time;
    }
    add_origin(parsed, event);
    return {};
}

/// Says in the metadata where the event was; an origin that is there already is the first one and
/// stays.
void EventLines::add_origin(const embedded::ParsedEvent& parsed, BatchBuilder::EventRef& event) {
    if (!parsed.position && !parsed.version && !parsed.tenant_id) return;
    const std::string_view given = json::trimmed(event.metadata);
    if (!given.empty() && (!given.starts_with('{') || has_field(given, "origin"))) return;
    std::string origin;
    json::ObjectWriter writer(origin);
    if (parsed.position) writer.raw_field("position", *parsed.position);
    if (parsed.version) writer.raw_field("version", *parsed.version);
    if (parsed.timestamp) writer.raw_field("timestamp", *parsed.timestamp);
    if (parsed.tenant_id) writer.field("tenant_id", *parsed.tenant_id);
    writer.end();
    metadata_ = "{\"origin\":" + origin;
    const std::string_view rest = given.empty() ? std::string_view("}") : json::trimmed(given.substr(1));
    if (rest != "}") metadata_ += ',';
    metadata_ += rest;
    event.metadata = metadata_;
}

}  // namespace chronos::ingest
