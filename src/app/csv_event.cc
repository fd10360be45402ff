#include "app/csv_event.h"

#include <algorithm>

#include "base/result.h"
#include "event/batch_content.h"
#include "event/ids.h"
#include "json/validate.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

/// Space of the ids made of the texts in an id column, fixed for ever.
const Uuid& csv_space() {
    static const Uuid space = event::uuid_v5(Uuid{}, "csv");
    return space;
}

bool is_number(std::string_view text) {
    if (text.empty() || text.size() > 32) return false;
    const bool starts = text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
    return starts && json::validate_json(text).ok();
}

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

}  // namespace

Result<CsvEvents> CsvEvents::create(std::vector<std::string> header, const CsvColumns& columns) {
    for (std::size_t i = 0; i < header.size(); ++i) {
        if (std::find(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(i), header[i]) !=
            header.begin() + static_cast<std::ptrdiff_t>(i))
            return wrong("the column '" + header[i] + "' is there twice");
    }
    CsvEvents events;
    events.is_payload_.assign(header.size(), true);
    const auto find = [&](const std::string& name) -> Result<std::size_t> {
        const auto found = std::find(header.begin(), header.end(), name);
        if (found == header.end()) return wrong("there is no column '" + name + "'; there are " + listed(header));
        const auto index = static_cast<std::size_t>(found - header.begin());
        events.is_payload_[index] = false;
        return index;
    };
    ASSIGN_OR_RETURN(events.entity_, find(columns.entity));
    if (!columns.type_column.empty()) {
        ASSIGN_OR_RETURN(events.type_column_, find(columns.type_column));
    }
    if (!columns.time_column.empty()) {
        ASSIGN_OR_RETURN(events.time_, find(columns.time_column));
    }
    if (!columns.id_column.empty()) {
        ASSIGN_OR_RETURN(events.id_, find(columns.id_column));
    }
    events.type_ = columns.type;
    events.infer_types_ = columns.infer_types;
    events.header_ = std::move(header);
    return events;
}

Status CsvEvents::add(const std::vector<std::string>& record, BatchBuilder& batch) const {
    if (record.size() != header_.size()) {
        return wrong("the record has " + std::to_string(record.size()) + " fields, the header has " +
                     std::to_string(header_.size()));
    }
    const std::string payload = payload_of(record);
    BatchBuilder::EventRef event = {.entity_id = record[entity_],
                                    .event_type = type_column_ ? std::string_view(record[*type_column_]) : type_,
                                    .payload = payload};
    if (event.entity_id.empty()) return wrong("the column '" + header_[entity_] + "' is empty");
    if (time_ && !record[*time_].empty()) {
        Result<Timestamp> time = Timestamp::parse(record[*time_]);
        if (!time.ok()) return base::with_context(std::move(time).error(), "column '" + header_[*time_] + "'");
        event.occurred_at = *time;
    }
    if (id_) {
        if (record[*id_].empty()) return wrong("the column '" + header_[*id_] + "' is empty");
        const Result<Uuid> id = Uuid::parse(record[*id_]);
        event.id = id.ok() ? *id : event::uuid_v5(csv_space(), record[*id_]);
    }
    batch.add(event);
    if (const auto& error = batch.content().error) return *error;
    return {};
}

std::string CsvEvents::payload_of(const std::vector<std::string>& record) const {
    std::string out;
    json::ObjectWriter writer(out);
    for (std::size_t i = 0; i < record.size(); ++i) {
        if (!is_payload_[i]) continue;
        const std::string& value = record[i];
        if (infer_types_ && value.empty())
            writer.raw_field(header_[i], "null");
        else if (infer_types_ && (value == "true" || value == "false" || is_number(value)))
            writer.raw_field(header_[i], value);
        else
            writer.field(header_[i], value);
    }
    writer.end();
    return out;
}

}  // namespace chronos::app
