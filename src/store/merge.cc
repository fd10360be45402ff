#include "store/merge.h"

#include <algorithm>
#include <charconv>

#include "base/result.h"
#include "json/pointer.h"
#include "json/scan.h"
#include "json/writer.h"
#include "store/conditions.h"
#include "store/stream.h"
#include "store/view.h"

namespace chronos {

std::string_view merge_conflict_kind_name(MergeConflict::Kind kind) {
    switch (kind) {
        case MergeConflict::Kind::kEntityMoved: return "entity-moved";
        case MergeConflict::Kind::kConditionFails: return "condition-fails";
        case MergeConflict::Kind::kIdDiffers: return "id-differs";
        case MergeConflict::Kind::kBatchSplit: return "batch-split";
    }
    return "";
}

}  // namespace chronos

namespace chronos::store {
namespace {

constexpr std::size_t kConflictsMax = 100;
constexpr std::size_t kConflictEventsMax = 10;

std::vector<Event> copies_of(Reader& reader, const std::vector<std::uint64_t>& seqs) {
    std::vector<Event> events;
    for (std::size_t i = 0; i < std::min(seqs.size(), kConflictEventsMax); ++i) {
        const Reader::Found found = reader.find(seqs[i]);
        if (found.at == nullptr) break;
        events.push_back(copy(make_event_view(found)));
    }
    return events;
}

/// An event of the fork as it goes over.
void add_merged(BatchBuilder& builder, const EventView& event, std::string_view fork_id) {
    const std::string metadata = with_origin(event.metadata, fork_id, event.position.value);
    const std::vector<std::string_view> tags = event.tags();
    builder.add({.entity_id = event.entity_id,
                 .event_type = event.event_type,
                 .payload = event.payload,
                 .metadata = metadata,
                 .tags = tags,
                 .id = event.id,
                 .occurred_at = event.occurred_at,
                 .unvalidated = event.payload_is_unvalidated});
}

}  // namespace

MergePlan::MergePlan(const IndexSet& indexes, Fork fork, Layers fork_layers, Layers parent_layers, MergeOptions options)
    : indexes_(&indexes),
      fork_(std::move(fork)),
      fork_layers_(fork_layers),
      parent_layers_(parent_layers),
      options_(std::move(options)) {}

Result<MergePlan> MergePlan::create(const IndexSet& indexes, const Fork& fork, const Layers& fork_layers,
                                    const Layers& parent_layers, const MergeOptions& options, std::uint64_t end_seq,
                                    std::uint64_t events_max) {
    MergePlan plan(indexes, fork, fork_layers, parent_layers, options);
    RETURN_IF_ERROR(plan.read_batches(end_seq, events_max));
    return plan;
}

Status MergePlan::read_batches(std::uint64_t end_seq, std::uint64_t events_max) {
    Reader reader(*indexes_);
    const Layers own(fork_layers_.own());
    std::uint64_t count = 0;
    Status status;
    const auto read_one = [&](std::uint64_t seq) -> Result<std::uint64_t> {
        const std::byte* at = reader.event(seq);
        if (at == nullptr) return reader.status().error();
        const event::BodyView body(event::EventBytes(at).body());
        MergeBatch batch{.first_seq = seq, .event_count = body.header().event_count, .entities = {}, .conditions = {}};
        ASSIGN_OR_RETURN(batch.conditions, event::decode_conditions(body));
        for (std::uint32_t i = 0; i < batch.event_count; ++i) {
            const std::byte* event = reader.event(seq + i);
            if (event == nullptr) return reader.status().error();
            std::string entity(event::EventBytes(event).entity());
            entities_[entity].fork_seqs.push_back(seq + i);
            batch.entities.push_back(std::move(entity));
        }
        std::sort(batch.entities.begin(), batch.entities.end());
        batch.entities.erase(std::unique(batch.entities.begin(), batch.entities.end()), batch.entities.end());
        if (!batch.conditions.empty())
            for (const std::string& entity : batch.entities) entities_[entity].has_condition = true;
        count += batch.event_count;
        batches_.push_back(std::move(batch));
        return seq + batches_.back().event_count;
    };
    for_each_range(*indexes_, own, {.begin = 0, .end = end_seq}, [&](const SeqRange& range) {
        for (std::uint64_t seq = range.begin; seq < range.end && status.ok();) {
            auto next = read_one(seq);
            if (!next.ok()) {
                status = std::move(next).error();
            } else if (count > events_max) {
                status = base::fail(ErrorCode::kLimitExceeded, "the fork has more than " + std::to_string(events_max) +
                                                                   " events of its own, the limit of one merge");
            } else {
                seq = *next;
            }
        }
        return status.ok();
    });
    return status;
}

/// Which events the parent has already, and which ids it has with other content.
Status MergePlan::find_known_ids(Reader& reader) {
    Reader other(*indexes_);
    for (const MergeBatch& batch : batches_) {
        for (std::uint32_t i = 0; i < batch.event_count; ++i) {
            const std::uint64_t seq = batch.first_seq + i;
            if (present_.contains(seq)) continue;
            const std::byte* at = reader.event(seq);
            if (at == nullptr) return reader.status();
            const event::EventBytes ours(at);
            const auto theirs = other.find_id(ours.id(), parent_layers_, fork_.fork_seq, parent_end_seq_);
            if (!theirs) continue;
            const std::byte* stored = other.event(*theirs);
            if (stored == nullptr) break;
            if (same_content(ours, event::EventBytes(stored))) {
                present_[seq] = *theirs;
                shared_.insert(*theirs);
            } else {
                differing_[seq] = *theirs;
                entities_.find(ours.entity())->second.is_in_conflict = true;
            }
        }
    }
    RETURN_IF_ERROR(other.status());
    return reader.status();
}

std::vector<std::uint64_t> MergePlan::parent_events(Reader& reader, std::string_view entity) const {
    std::vector<std::uint64_t> seqs;
    const auto stream = Stream::find(*indexes_, parent_layers_, entity);
    if (!stream) return seqs;
    const SeqCursor::Range range{.begin_seq = fork_.fork_seq, .end_seq = parent_end_seq_};
    for (StreamCursor cursor(reader, *stream, range); !cursor.done(); cursor.next())
        if (!is_shared(cursor.get())) seqs.push_back(cursor.get());
    return seqs;
}

Status MergePlan::find_moved(Reader& reader) {
    for (auto& [entity, state] : entities_)
        if (!entity.empty()) state.moved_count = parent_events(reader, entity).size();
    return reader.status();
}

/// Whether the parent has an event behind the fork position that a condition is about.
bool MergePlan::matches_parent(Reader& reader, const Condition& condition, std::uint64_t& match_seq) const {
    if (const auto* entity = std::get_if<EntityCondition>(&condition)) {
        const auto seqs = parent_events(reader, entity->entity_id);
        if (!seqs.empty()) match_seq = seqs.front();
        return !seqs.empty();
    }
    const Query& query = std::get<NoEventMatches>(condition).query;
    std::uint64_t begin = fork_.fork_seq;
    while (reader.ok()) {
        const auto match = by_scan_ ? first_match_by_scan(reader, parent_layers_, query, begin, parent_end_seq_)
                                    : first_match(reader, parent_layers_, query, begin, parent_end_seq_);
        if (!match) return false;
        match_seq = *match;
        if (!is_shared(*match)) return true;
        begin = *match + 1;
    }
    return false;
}

Status MergePlan::check(std::uint64_t parent_end_seq, bool by_scan) {
    parent_end_seq_ = parent_end_seq;
    by_scan_ = by_scan;
    conflicts_.clear();
    conflict_count_ = 0;
    for (auto& [entity, state] : entities_) state.is_in_conflict = false;
    if (!by_scan) indexes_->catch_up(parent_end_seq);
    Reader reader(*indexes_);
    RETURN_IF_ERROR(find_known_ids(reader));
    RETURN_IF_ERROR(find_moved(reader));
    return judge(reader);
}

std::optional<MergeResolution> MergePlan::resolution(const std::string& entity) const {
    for (const MergeOptions::Entity& named : options_.entities)
        if (named.entity_id == entity) return named.resolution;
    return entities_.find(entity)->second.is_in_conflict ? options_.others : std::nullopt;
}

/// Whether an entity that moved on the parent stands in the way.
bool MergePlan::is_in_the_way(const std::string& entity) const {
    const EntityState& state = entities_.find(entity)->second;
    return state.moved_count > 0 && !(options_.append_if_moved && !state.has_condition);
}

void MergePlan::find_conflicts(Reader& reader, MergeBatch& batch) {
    batch.failed.clear();
    for (const Condition& condition : batch.conditions) {
        std::uint64_t match_seq = 0;
        if (!matches_parent(reader, condition, match_seq)) continue;
        const auto* entity = std::get_if<EntityCondition>(&condition);
        batch.failed.push_back({entity == nullptr ? "" : entity->entity_id, match_seq});
    }
    for (const std::string& entity : batch.entities)
        if (!batch.failed.empty() || is_in_the_way(entity)) entities_[entity].is_in_conflict = true;
}

Status MergePlan::judge(Reader& reader) {
    forced_.clear();
    skipped_.clear();
    event_count_ = skipped_count_ = forced_count_ = 0;
    for (MergeBatch& batch : batches_) find_conflicts(reader, batch);
    RETURN_IF_ERROR(reader.status());
    for (MergeBatch& batch : batches_) {
        judge_batch(reader, batch);
        RETURN_IF_ERROR(reader.status());
    }
    for (const MergeBatch& batch : batches_) {
        for (std::uint32_t i = 0; i < batch.event_count; ++i) {
            if (batch.is_skipped) {
                ++skipped_count_;
            } else if (!present_.contains(batch.first_seq + i)) {
                ++event_count_;
            }
        }
    }
    for (const std::string& entity : forced_) forced_count_ += entities_[entity].fork_seqs.size();
    return {};
}

namespace {

std::vector<std::uint64_t> seqs_of(const MergeBatch& batch) {
    std::vector<std::uint64_t> seqs;
    for (std::uint32_t i = 0; i < batch.event_count; ++i) seqs.push_back(batch.first_seq + i);
    return seqs;
}

}  // namespace

void MergePlan::judge_batch(Reader& reader, MergeBatch& batch) {
    const auto is_skipped = [&](const std::string& entity) { return resolution(entity) == MergeResolution::kSkip; };
    const auto skipped = std::find_if(batch.entities.begin(), batch.entities.end(), is_skipped);
    batch.is_skipped = std::all_of(batch.entities.begin(), batch.entities.end(), is_skipped);
    if (batch.is_skipped) {
        skipped_.insert(batch.entities.begin(), batch.entities.end());
        return;
    }
    if (skipped != batch.entities.end()) {
        report(reader, MergeConflict::Kind::kBatchSplit, *skipped,
               "skipping '" + *skipped +
                   "' would split a batch that also writes other entities; skip all of them, or none",
               seqs_of(batch), {});
        return;
    }
    judge_ids(reader, batch);
    judge_moved(reader, batch);
    if (!batch.failed.empty()) judge_conditions(reader, batch);
}

void MergePlan::judge_ids(Reader& reader, const MergeBatch& batch) {
    for (const std::uint64_t seq : seqs_of(batch)) {
        const auto differing = differing_.find(seq);
        const std::byte* at = differing == differing_.end() ? nullptr : reader.event(seq);
        if (at == nullptr) continue;
        const event::EventBytes ours(at);
        report(reader, MergeConflict::Kind::kIdDiffers, std::string(ours.entity()),
               "event id " + ours.id().to_string() + " is in the parent with other content; skip the entity", {seq},
               {differing->second});
    }
}

void MergePlan::judge_moved(Reader& reader, const MergeBatch& batch) {
    for (const std::string& entity : batch.entities) {
        if (!is_in_the_way(entity)) continue;
        if (resolution(entity) == MergeResolution::kForce) {
            forced_.insert(entity);
            continue;
        }
        const bool is_reported = std::any_of(conflicts_.begin(), conflicts_.end(), [&](const MergeConflict& known) {
            return known.kind == MergeConflict::Kind::kEntityMoved && known.entity_id == entity;
        });
        if (is_reported) continue;
        report(reader, MergeConflict::Kind::kEntityMoved, entity,
               "the parent has " + std::to_string(entities_[entity].moved_count) + " events of '" + entity +
                   "' since the fork; skip or force the entity",
               entities_[entity].fork_seqs, parent_events(reader, entity));
    }
}

void MergePlan::judge_conditions(Reader& reader, const MergeBatch& batch) {
    const bool all_are_forced =
        std::all_of(batch.entities.begin(), batch.entities.end(),
                    [&](const std::string& entity) { return resolution(entity) == MergeResolution::kForce; });
    if (all_are_forced) {
        forced_.insert(batch.entities.begin(), batch.entities.end());
        return;
    }
    for (const MergeBatch::Failed& condition : batch.failed) {
        // Of an entity that moved, one report is enough.
        const bool is_written = std::binary_search(batch.entities.begin(), batch.entities.end(), condition.entity);
        if (is_written && is_in_the_way(condition.entity)) continue;
        report(
            reader, MergeConflict::Kind::kConditionFails, condition.entity,
            "a condition of this batch does not hold on the parent any more; skip or force the entities of the batch",
            seqs_of(batch), {condition.match_seq});
    }
}

void MergePlan::report(Reader& reader, MergeConflict::Kind kind, const std::string& entity, std::string message,
                       std::vector<std::uint64_t> fork_seqs, std::vector<std::uint64_t> parent_seqs) {
    ++conflict_count_;
    if (conflicts_.size() == kConflictsMax) return;
    MergeConflict& conflict = conflicts_.emplace_back();
    conflict.kind = kind;
    conflict.entity_id = entity;
    conflict.message = std::move(message);
    conflict.fork_event_count = fork_seqs.size();
    conflict.parent_event_count = parent_seqs.size();
    conflict.fork_events = copies_of(reader, fork_seqs);
    conflict.parent_events = copies_of(reader, parent_seqs);
    if (entity.empty()) return;
    const auto version = [&](const Layers& layers, std::uint64_t end_seq) {
        const auto stream = Stream::find(*indexes_, layers, entity);
        return Version{stream ? count_below(reader, *stream, end_seq) : 0};
    };
    conflict.fork_version = version(fork_layers_, kWritersView);
    conflict.parent_version = version(parent_layers_, parent_end_seq_);
    conflict.base_version = version(fork_layers_.without_own(), fork_.fork_seq);
}

MergeResult MergePlan::result() const {
    MergeResult result;
    result.fork = fork_.id;
    result.parent = fork_.parent_id;
    result.event_count = event_count_;
    result.already_present_count = present_.size();
    result.skipped_count = skipped_count_;
    result.forced_count = forced_count_;
    result.conflicts = conflicts_;
    result.conflict_count = conflict_count_;
    return result;
}

Result<std::vector<BatchBuilder::Content>> MergePlan::contents() const {
    // A merge into a fork keeps batches as they are and their conditions with them, for when that is merged in turn.
    // Only what would not fit into a batch with what is added to it is divided, and so many that their records would
    // not be one group are put together, a few at a time; each part keeps all conditions.
    constexpr std::size_t kToMainBytesMax = std::size_t{4} << 20;
    constexpr std::size_t kToForkBytesMax = std::size_t{16} << 20;
    constexpr std::size_t kApartMax = 32'768;
    const bool keeps_batches = fork_.parent != event::kMainBranch;
    const std::size_t bytes_max = keeps_batches ? kToForkBytesMax : kToMainBytesMax;
    const std::size_t together_count = batches_.size() / kApartMax + 1;
    std::vector<BatchBuilder::Content> contents;
    Reader reader(*indexes_);
    BatchBuilder builder;
    builder.content().lift_limits_for_merge();
    const auto finish = [&] {
        if (builder.event_count() > 0) contents.push_back(std::move(builder.content()));
        builder = BatchBuilder();
        builder.content().lift_limits_for_merge();
    };
    const auto add_conditions = [&](const MergeBatch& batch) {
        if (!keeps_batches || builder.event_count() == 0) return;
        for (const Condition& condition : batch.conditions) builder.add_condition(condition);
    };
    for (std::size_t number = 0; number < batches_.size(); ++number) {
        const MergeBatch& batch = batches_[number];
        for (std::uint32_t i = 0; !batch.is_skipped && i < batch.event_count; ++i) {
            if (present_.contains(batch.first_seq + i)) continue;
            if (builder.content().events.size() >= bytes_max) {
                add_conditions(batch);
                finish();
            }
            const Reader::Found found = reader.find(batch.first_seq + i);
            if (found.at == nullptr) return reader.status().error();
            add_merged(builder, make_event_view(found), fork_.id);
        }
        if (!batch.is_skipped) add_conditions(batch);
        if (keeps_batches && (number + 1) % together_count == 0) finish();
    }
    finish();
    for (const BatchBuilder::Content& content : contents)
        if (content.error) return *content.error;
    return contents;
}

// --- what stays of a merge -------------------------------------------------------------------------

std::string with_origin(std::string_view metadata, std::string_view fork_id, std::uint64_t position) {
    std::string result = "{";
    std::string_view old_origin;
    for (json::ObjectScanner fields(metadata.empty() ? "{}" : metadata); fields.next();) {
        if (fields.raw_key() == "origin") {
            old_origin = fields.value();
            continue;
        }
        result += '"';
        result += fields.raw_key();
        result += "\":";
        result += fields.value();
        result += ',';
    }
    result += "\"origin\":";
    json::ObjectWriter origin(result);
    origin.field("fork", fork_id).field("position", position);
    if (!old_origin.empty()) origin.raw_field("origin", old_origin);
    origin.end();
    result += '}';
    return result;
}

std::string merged_payload(const Fork& fork, const MergeResult& result, const MergePlan& plan, std::string_view actor) {
    const auto list = [](const std::set<std::string>& texts) {
        std::string json = "[";
        for (const std::string& text : texts) {
            if (json.size() > 1) json += ',';
            json::append_string(json, text);
        }
        return json + "]";
    };
    std::string payload;
    json::ObjectWriter writer(payload);
    writer.field("fork", fork.id)
        .field("branch", fork.number)
        .field("parent", fork.parent_id)
        .field("events", result.event_count)
        .field("already_present", result.already_present_count)
        .field("skipped", result.skipped_count)
        .field("forced", result.forced_count);
    if (result.first_position) writer.field("first_position", result.first_position->value);
    if (result.last_position) writer.field("last_position", result.last_position->value);
    if (!actor.empty()) writer.field("actor", actor);
    // Names of very many entities would not fit; the counts say how many events there were.
    constexpr std::size_t kListedMax = 1'000;
    if (plan.skipped().size() <= kListedMax) writer.raw_field("skipped_entities", list(plan.skipped()));
    if (plan.forced().size() <= kListedMax) writer.raw_field("forced_entities", list(plan.forced()));
    writer.end();
    return payload;
}

MergeResult first_answer(const Fork& fork) {
    const auto number = [&](const char* field) -> std::optional<std::uint64_t> {
        const auto value = json::find_value(fork.merge_fact, {{.key = field}});
        std::uint64_t parsed = 0;
        if (!value || std::from_chars(value->data(), value->data() + value->size(), parsed).ec != std::errc())
            return std::nullopt;
        return parsed;
    };
    MergeResult result;
    result.merged = result.duplicate = true;
    result.fork = fork.id;
    result.parent = fork.parent_id;
    result.event_count = number("events").value_or(0);
    result.already_present_count = number("already_present").value_or(0);
    result.skipped_count = number("skipped").value_or(0);
    result.forced_count = number("forced").value_or(0);
    if (const auto first = number("first_position")) result.first_position = Position{*first};
    if (const auto last = number("last_position")) result.last_position = Position{*last};
    result.recorded_at = fork.ended_at;
    return result;
}

}  // namespace chronos::store
