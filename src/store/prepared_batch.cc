#include "store/prepared_batch.h"

#include <algorithm>

#include "base/result.h"
#include "json/validate.h"

namespace chronos::store {
namespace {

Status check_json(const BatchBuilder::Content& content) {
    thread_local json::Validator validator;
    Status status;
    content.for_each_event([&](const event::EventBytes& event) {
        if (!status.ok()) return;
        const auto check = [&](std::string_view text, const char* field) {
            if (Status valid = validator.validate(text); !valid.ok())
                status = base::with_context(std::move(valid).error(),
                                            "event " + std::to_string(event.header().ordinal) + ": " + field);
        };
        if (!event.has(event::kUnvalidated)) check(event.payload(), "payload");
        if (!status.ok() || event.metadata().empty()) return;
        check(event.metadata(), "metadata");
        if (status.ok() && !json::is_object(event.metadata()))
            status = base::fail(ErrorCode::kInvalidArgument,
                                "event " + std::to_string(event.header().ordinal) + ": metadata is not a JSON object");
    });
    return status;
}

Status check_ids_differ(const PreparedBatch& batch) {
    std::vector<Uuid> ids = batch.event_ids();
    std::sort(ids.begin(), ids.end());
    const auto repeated = std::adjacent_find(ids.begin(), ids.end());
    if (repeated == ids.end()) return {};
    return base::fail(ErrorCode::kInvalidArgument, "id " + repeated->to_string() + " is in the batch twice");
}

/// Fills in what depends on the size of the conditions: where each event is in the body.
void place_events(PreparedBatch& batch) {
    std::size_t offset = event::kBodyHeaderSize + batch.conditions.bytes.size();
    std::vector<std::byte>& events = batch.content.events;
    for (std::size_t at = 0; at < events.size();) {
        base::store(events.data() + at + offsetof(event::EventHeader, body_distance),
                    static_cast<std::uint32_t>(offset / 8));
        const auto size = base::load<std::uint32_t>(events.data() + at);
        at += size;
        offset += size;
    }
}

}  // namespace

std::vector<Uuid> PreparedBatch::event_ids() const {
    std::vector<Uuid> ids;
    ids.reserve(content.event_count);
    content.for_each_event([&](const event::EventBytes& event) { ids.push_back(event_id(event)); });
    return ids;
}

void PreparedBatch::write_body(std::byte* to) const {
    base::store(to, header);
    to += sizeof(header);
    to = std::copy(conditions.bytes.begin(), conditions.bytes.end(), to);
    std::copy(content.events.begin(), content.events.end(), to);
}

Result<PreparedBatch> prepare(BatchBuilder::Content content, const AppendOptions& options,
                              const PrepareOptions& prepare_options, const IndexSet& indexes) {
    const bool is_system = prepare_options.branch == event::kSystemBranch;
    RETURN_IF_ERROR(event::check_content(content, is_system));
    RETURN_IF_ERROR(check_json(content));

    PreparedBatch batch;
    const Uuid& database = prepare_options.database;
    batch.header.batch_id = prepare_options.fresh_batch_id;
    if (options.idempotency_key && (options.batch_id || content.batch_id))
        return base::fail(ErrorCode::kInvalidArgument, "give a batch id or an idempotency key, not both");
    if (options.idempotency_key) {
        batch.header.batch_id = event::batch_id_from_key(database, *options.idempotency_key);
    } else if (options.batch_id || content.batch_id) {
        batch.header.batch_id =
            event::batch_id_from_client(database, options.batch_id ? *options.batch_id : *content.batch_id);
    }
    batch.batch_id_is_given = options.idempotency_key || options.batch_id || content.batch_id;
    batch.content = std::move(content);
    batch.conditions = event::encode_conditions(batch.content);
    batch.header.event_count = batch.content.event_count;
    batch.header.branch = prepare_options.branch;
    batch.header.database = database;
    batch.header.conditions_size = static_cast<std::uint32_t>(batch.conditions.bytes.size());
    batch.header.condition_count = batch.conditions.count;
    batch.header.events_size = batch.content.events.size();
    place_events(batch);

    batch.entity_hashes.reserve(batch.content.event_count);
    batch.content.for_each_event([&](const event::EventBytes& event) {
        batch.entity_hashes.push_back(indexes.streams().hash(prepare_options.branch, event.entity()));
        batch.has_explicit_ids = batch.has_explicit_ids || event.has(event::kExplicitId);
    });
    if (batch.has_explicit_ids) RETURN_IF_ERROR(check_ids_differ(batch));
    return batch;
}

}  // namespace chronos::store
