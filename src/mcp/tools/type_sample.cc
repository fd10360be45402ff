#include "mcp/tools/type_sample.h"

#include "base/result.h"
#include "json/scan.h"
#include "mcp/tools/event_rows.h"
#include "wire/payload_fields.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kDepthMax = 3;
constexpr std::size_t kFieldsMax = 200;
constexpr std::size_t kValuesMax = 5;
constexpr std::size_t kValueBytesMax = 24;
constexpr std::int64_t kMinuteNs = 60'000'000'000;

void note_value(FieldSample& field, std::string_view value) {
    if (!value.starts_with('"')) return;
    std::string scratch;
    const std::string text(json::unescaped(json::string_body(value), scratch));
    if (text.size() > kValueBytesMax || (field.values.size() == kValuesMax && !field.values.contains(text)))
        field.has_other_values = true;
    else
        field.values.insert(text);
}

std::string joined(const std::set<std::string>& words, std::string_view separator) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : std::string(separator)) + word;
    return out;
}

}  // namespace

void TypeSample::add(const EventView& event) {
    ++event_count;
    bytes += event.payload.size() + event.metadata.size();
    if (!text_member(event.metadata, "actor").empty()) ++with_actor;
    if (!text_member(event.metadata, "reason").empty()) ++with_reason;
    if (!text_member(event.metadata, "correlation_id").empty()) ++with_correlation;
    if (event.occurred_at.ns < event.recorded_at.ns - kMinuteNs) ++occurred_earlier;
    wire::walk_fields(event.payload, kDepthMax, [this](const std::string& pointer, std::string_view value) {
        if (fields.size() >= kFieldsMax && !fields.contains(pointer)) return;
        FieldSample& field = fields[pointer];
        ++field.count;
        field.kinds.emplace(wire::kind_of_json(value));
        note_value(field, value);
    });
}

Result<TypeSample> sample_type(const client::EndpointView& view, const std::string& event_type, std::uint32_t count) {
    ReadOptions options{.order = Order::kBackward, .limit = count};
    if (!event_type.empty()) options.filter.event_types = {event_type};
    client::EventPage page;
    RETURN_IF_ERROR(view.read(options, page));
    TypeSample sample;
    for (const EventView& event : page.events()) sample.add(event);
    return sample;
}

Json fields_json(const TypeSample& sample, std::size_t count_max) {
    Shown shown({.string_bytes = 160});
    Json out = Json::object();
    for (const auto& [pointer, field] : sample.fields) {
        if (out.size() == count_max) {
            out["…"] = "+" + std::to_string(sample.fields.size() - count_max);
            break;
        }
        std::string text = joined(field.kinds, "|");
        if (!field.values.empty() && !field.has_other_values && field.count > 1)
            text += ": " + joined(field.values, ", ");
        out[shown.text(pointer)] = shown.text(text);
    }
    return out;
}

}  // namespace chronos::mcp
