#include "store/prepared_batch.h"

#include <algorithm>
#include <unordered_map>

#include "base/planted_bug.h"
#include "base/result.h"
#include "json/validate.h"
#include "store/stream.h"

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

/// What the entities of a batch for a fork inherit: the first event of an entity on the fork goes on counting there.
/// It cannot change, as nothing is appended below a fork position.
Status add_inherited(PreparedBatch& batch, const IndexSet& indexes) {
    Reader reader(indexes);
    const Layers inherited = batch.layers.without_own();
    std::unordered_map<std::string_view, std::uint64_t> counts;
    // An entity with events on the fork counts on from them.
    const auto count_of = [&](std::string_view entity) -> std::uint64_t {
        const index::StreamHead* head = indexes.streams().find(batch.header.branch, entity);
        if (head != nullptr && head->end_seq() > 0) return 0;
        const auto [known, is_new] = counts.try_emplace(entity, 0);
        if (!is_new) return known->second;
        const auto stream = Stream::find(indexes, inherited, entity);
        if (stream) known->second = count_below(reader, *stream, inherited.own().end_seq);
        return known->second;
    };
    std::vector<event::InheritedCounts::Entry> entries;
    batch.content.for_each_event([&](const event::EventBytes& event) {
        const std::uint64_t count = event.has(event::kNoEntity) ? 0 : count_of(event.entity());
        batch.event_inherited.push_back(count);
        if (base::is_planted(base::Bug::kForkVersionFromOne)) return;
        if (count > 0) entries.push_back({event.header().ordinal, 0, count});
    });
    for (const Condition& condition : batch.content.conditions) {
        const auto* entity = std::get_if<EntityCondition>(&condition);
        batch.condition_inherited.push_back(entity == nullptr ? 0 : count_of(entity->entity_id));
    }
    batch.extensions = event::InheritedCounts::encode(entries);
    return reader.status();
}

/// Fills in what depends on the size of the conditions: where each event is in the body.
void place_events(PreparedBatch& batch) {
    std::size_t offset = event::kBodyHeaderSize + batch.conditions.bytes.size() + batch.extensions.size();
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
    to = std::copy(extensions.begin(), extensions.end(), to);
    std::copy(content.events.begin(), content.events.end(), to);
}

Result<PreparedBatch> prepare(BatchBuilder::Content content, const AppendOptions& options,
                              const PrepareOptions& prepare_options, const IndexSet& indexes) {
    const bool is_system = prepare_options.layers.own().branch == event::kSystemBranch;
    if (!prepare_options.is_checked) {
        RETURN_IF_ERROR(event::check_content(content, is_system));
        RETURN_IF_ERROR(check_json(content));
    }

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
    batch.header.branch = prepare_options.layers.own().branch;
    batch.layers = prepare_options.layers;
    batch.looks_for_derived_ids = prepare_options.looks_for_derived_ids;
    batch.header.database = database;
    batch.header.conditions_size = static_cast<std::uint32_t>(batch.conditions.bytes.size());
    batch.header.condition_count = batch.conditions.count;
    batch.header.events_size = batch.content.events.size();
    if (!batch.layers.is_single()) RETURN_IF_ERROR(add_inherited(batch, indexes));
    if (batch.content.is_continued) {
        const std::vector<std::byte> continuation = event::encode_continuation();
        batch.extensions.insert(batch.extensions.end(), continuation.begin(), continuation.end());
    }
    batch.header.extensions_size = static_cast<std::uint32_t>(batch.extensions.size());
    place_events(batch);

    batch.entity_hashes.reserve(batch.content.event_count);
    batch.content.for_each_event([&](const event::EventBytes& event) {
        batch.entity_hashes.push_back(indexes.streams().hash(batch.header.branch, event.entity()));
        batch.has_explicit_ids = batch.has_explicit_ids || event.has(event::kExplicitId);
    });
    if (batch.has_explicit_ids) RETURN_IF_ERROR(check_ids_differ(batch));
    return batch;
}

}  // namespace chronos::store
