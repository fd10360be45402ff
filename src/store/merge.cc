#include "store/merge.h"

#include <algorithm>
#include <charconv>

#include "base/planted_bug.h"
#include "base/result.h"
#include "base/utf8.h"
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
/// What a group of records holds at most, and what a merge adds to an event: id, time, origin.
constexpr std::uint64_t kMergeBytesMax = std::uint64_t{256} << 20;
constexpr std::uint64_t kMergedEventBytes = 120;
/// A record of merged events; they are read in order, so that larger ones gain nothing.
constexpr std::size_t kContentBytesMax = std::size_t{4} << 20;
constexpr std::size_t kMetadataRoom = 4'096;
/// Batches that stay batches when a fork of a fork is merged: fewer than a group has records.
constexpr std::size_t kBatchesKeptMax = 60'000;

/// An entity needs one condition, whatever it said: all ask whether the entity moved.
void add_conditions(const MergeBatch& batch, BatchBuilder& builder) {
    std::set<std::string_view> entities;
    for (const Condition& condition : batch.conditions) {
        const auto* entity = std::get_if<EntityCondition>(&condition);
        if (entity == nullptr || entities.insert(entity->entity_id).second) builder.add_condition(condition);
    }
}

/// The first of them, for a message.
std::string listed(const std::vector<std::string>& entities) {
    constexpr std::size_t kNamedMax = 5;
    std::string text;
    for (std::size_t i = 0; i < std::min(entities.size(), kNamedMax); ++i)
        text += (i == 0 ? "'" : ", '") + base::shortened(entities[i]) + "'";
    return entities.size() > kNamedMax ? text + ", and " + std::to_string(entities.size() - kNamedMax) + " more" : text;
}

std::vector<Event> copies_of(Reader& reader, const std::vector<std::uint64_t>& seqs) {
    std::vector<Event> events;
    for (std::size_t i = 0; i < std::min(seqs.size(), kConflictEventsMax); ++i) {
        const Reader::Found found = reader.find(seqs[i]);
        if (found.at == nullptr) break;
        events.push_back(copy(make_event_view(found)));
    }
    return events;
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
    std::uint64_t bytes = 0;
    Status status;
    const auto read_one = [&](std::uint64_t seq) -> Result<std::uint64_t> {
        const std::byte* at = reader.event(seq);
        if (at == nullptr) return reader.status().error();
        const std::byte* whole = reader.body(seq);
        if (whole == nullptr) return reader.status().error();
        const event::BodyView body(whole);
        // What an earlier merge had to divide is one batch again.
        const bool goes_on = event::is_continuation(body) && !batches_.empty() &&
                             batches_.back().first_seq + batches_.back().event_count == seq;
        if (!goes_on) batches_.push_back({.first_seq = seq, .event_count = 0, .entities = {}, .conditions = {}});
        MergeBatch& batch = batches_.back();
        ASSIGN_OR_RETURN(const std::vector<Condition> conditions, event::decode_conditions(body));
        batch.conditions.insert(batch.conditions.end(), conditions.begin(), conditions.end());
        std::uint64_t event_seq = seq;
        body.for_each_event([&](const event::EventBytes& event) {
            std::string entity(event.entity());
            entities_[entity].fork_seqs.push_back(event_seq++);
            batch.entities.push_back(std::move(entity));
            ids_.push_back(event.id());
        });
        batch.event_count += body.header().event_count;
        bytes += body.size() + body.header().event_count * kMergedEventBytes;
        std::sort(batch.entities.begin(), batch.entities.end());
        batch.entities.erase(std::unique(batch.entities.begin(), batch.entities.end()), batch.entities.end());
        if (!batch.conditions.empty())
            for (const std::string& entity : batch.entities) entities_[entity].has_condition = true;
        count += body.header().event_count;
        return event_seq;
    };
    for_each_range(*indexes_, own, {.begin = 0, .end = end_seq}, [&](const SeqRange& range) {
        for (std::uint64_t seq = range.begin; seq < range.end && status.ok();) {
            auto next = read_one(seq);
            if (!next.ok()) {
                status = std::move(next).error();
            } else if (bytes > kMergeBytesMax) {
                status = base::fail(ErrorCode::kLimitExceeded,
                                    "the fork's own events take more than 256 MiB, the limit of one merge");
            } else if (count > events_max) {
                status = base::fail(ErrorCode::kLimitExceeded, "the fork has more than " + std::to_string(events_max) +
                                                                   " events of its own, the limit of one merge");
            } else {
                seq = *next;
            }
        }
        return status.ok();
    });
    std::sort(ids_.begin(), ids_.end());
    return status;
}

bool MergePlan::is_touched_by(Reader& reader, std::uint64_t begin_seq, std::uint64_t end_seq) const {
    const auto concerns = [&](const event::EventBytes& event) {
        if (!event.has(event::kNoEntity) && entities_.contains(event.entity())) return true;
        if (std::binary_search(ids_.begin(), ids_.end(), event.id())) return true;
        return std::any_of(batches_.begin(), batches_.end(), [&](const MergeBatch& batch) {
            return std::any_of(batch.conditions.begin(), batch.conditions.end(), [&](const Condition& condition) {
                const auto* entity = std::get_if<EntityCondition>(&condition);
                if (entity != nullptr) return entity->entity_id == event.entity();
                return event::matches(std::get<NoEventMatches>(condition).query, event);
            });
        });
    };
    return !for_each_range(*indexes_, parent_layers_, {.begin = begin_seq, .end = end_seq}, [&](const SeqRange& range) {
        for (std::uint64_t seq = range.begin; seq < range.end; ++seq) {
            const std::byte* at = reader.event(seq);
            if (at == nullptr || concerns(event::EventBytes(at))) return false;
        }
        return true;
    });
}

/// Which events the parent has already, and which ids it has with other content.
Status MergePlan::find_known_ids(Reader& reader) {
    Reader other(*indexes_);
    for (const MergeBatch& batch : batches_) {
        for (std::uint32_t i = 0; i < batch.event_count; ++i) {
            const std::uint64_t seq = batch.first_seq + i;
            if (present_.contains(seq) || differing_.contains(seq)) continue;
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

/// A name that is misspelled must not let what it was to leave out pass.
Status MergePlan::check_names() const {
    // Of a fork that wrote nothing nothing can pass.
    if (batches_.empty()) return {};
    for (const MergeOptions::Entity& named : options_.entities) {
        if (entities_.contains(named.entity_id)) continue;
        std::vector<std::string> written;
        for (const auto& [entity, state] : entities_)
            if (!entity.empty()) written.push_back(entity);
        return base::fail(ErrorCode::kInvalidArgument,
                          "the fork wrote no event of '" + base::shortened(named.entity_id) + "', which is to be " +
                              (named.resolution == MergeResolution::kSkip ? "skipped" : "forced") +
                              (written.empty() ? "; it wrote of no entity" : "; it wrote " + listed(written)));
    }
    return {};
}

Status MergePlan::check(std::uint64_t parent_end_seq, bool by_scan) {
    RETURN_IF_ERROR(check_names());
    parent_end_seq_ = parent_end_seq;
    by_scan_ = by_scan;
    conflicts_.clear();
    conflict_count_ = 0;
    if (!by_scan) indexes_->catch_up(parent_end_seq);
    Reader reader(*indexes_);
    RETURN_IF_ERROR(find_known_ids(reader));
    RETURN_IF_ERROR(find_moved(reader));
    return judge(reader);
}

std::optional<MergeResolution> MergePlan::named_resolution(const std::string& entity) const {
    for (const MergeOptions::Entity& named : options_.entities)
        if (named.entity_id == entity) return named.resolution;
    return std::nullopt;
}

bool MergePlan::is_forced(const std::string& entity) const {
    return named_resolution(entity).value_or(options_.others.value_or(MergeResolution::kSkip)) ==
           MergeResolution::kForce;
}

MergePlan::Obstacles MergePlan::obstacles_of(Reader& reader, const MergeBatch& batch) const {
    Obstacles obstacles;
    for (const std::string& entity : batch.entities) {
        const EntityState& state = entities_.find(entity)->second;
        const bool may_move = options_.append_if_moved && !state.has_condition;
        if (state.moved_count > 0 && !may_move) obstacles.moved.insert(entity);
    }
    for (const Condition& condition : batch.conditions) {
        if (base::is_planted(base::Bug::kMergeSkipsCondition)) break;
        std::uint64_t match_seq = 0;
        if (!matches_parent(reader, condition, match_seq)) continue;
        const auto* entity = std::get_if<EntityCondition>(&condition);
        obstacles.conditions.push_back({entity == nullptr ? "" : entity->entity_id, match_seq});
    }
    for (std::uint32_t i = 0; i < batch.event_count; ++i) {
        if (!differing_.contains(batch.first_seq + i)) continue;
        const std::byte* at = reader.event(batch.first_seq + i);
        if (at == nullptr) break;
        obstacles.differing.push_back({std::string(event::EventBytes(at).entity()), batch.first_seq + i});
    }
    return obstacles;
}

/// Skipping leaves out all events of an entity, wherever the conflict is. What is not named follows `others` where it
/// is in a conflict.
void MergePlan::choose_skipped(const std::vector<Obstacles>& obstacles) {
    skipped_.clear();
    for (const auto& [entity, state] : entities_)
        if (named_resolution(entity) == MergeResolution::kSkip) skipped_.insert(entity);
    if (options_.others != MergeResolution::kSkip) return;
    for (std::size_t i = 0; i < batches_.size(); ++i) {
        const bool concerns_all = !obstacles[i].conditions.empty();
        for (const std::string& entity : batches_[i].entities) {
            const auto& differing = obstacles[i].differing;
            const bool is_in_conflict = concerns_all || obstacles[i].moved.contains(entity) ||
                                        std::any_of(differing.begin(), differing.end(),
                                                    [&](const auto& event) { return event.entity == entity; });
            if (is_in_conflict && !named_resolution(entity)) skipped_.insert(entity);
        }
    }
}

Status MergePlan::judge(Reader& reader) {
    forced_.clear();
    std::vector<Obstacles> obstacles;
    obstacles.reserve(batches_.size());
    for (const MergeBatch& batch : batches_) {
        obstacles.push_back(obstacles_of(reader, batch));
        RETURN_IF_ERROR(reader.status());
    }
    choose_skipped(obstacles);
    for (std::size_t i = 0; i < batches_.size(); ++i) {
        const auto skips = std::count_if(batches_[i].entities.begin(), batches_[i].entities.end(),
                                         [&](const std::string& entity) { return skipped_.contains(entity); });
        batches_[i].is_skipped = skips == std::ssize(batches_[i].entities);
        if (!batches_[i].is_skipped) judge_batch(reader, batches_[i], obstacles[i]);
        RETURN_IF_ERROR(reader.status());
    }
    count_events();
    return {};
}

void MergePlan::count_events() {
    event_count_ = present_count_ = skipped_count_ = forced_count_ = 0;
    for (const MergeBatch& batch : batches_) {
        if (batch.is_skipped) {
            skipped_count_ += batch.event_count;
            continue;
        }
        for (std::uint32_t i = 0; i < batch.event_count; ++i)
            ++(present_.contains(batch.first_seq + i) ? present_count_ : event_count_);
    }
    for (const std::string& entity : forced_)
        for (const std::uint64_t seq : entities_[entity].fork_seqs) forced_count_ += present_.contains(seq) ? 0 : 1;
}

void MergePlan::judge_batch(Reader& reader, const MergeBatch& batch, const Obstacles& obstacles) {
    std::vector<std::uint64_t> ours;
    for (std::uint32_t i = 0; i < batch.event_count; ++i) ours.push_back(batch.first_seq + i);
    const auto skipped = std::find_if(batch.entities.begin(), batch.entities.end(),
                                      [&](const std::string& entity) { return skipped_.contains(entity); });
    if (skipped != batch.entities.end()) {
        report(reader, MergeConflict::Kind::kBatchSplit, *skipped,
               "skipping '" + *skipped +
                   "' would split a batch; skip all entities it writes, or none: " + listed(batch.entities),
               ours, {});
        return;
    }
    for (const auto& [entity, seq] : obstacles.differing) {
        const std::byte* at = reader.event(seq);
        if (at == nullptr) return;
        report(reader, MergeConflict::Kind::kIdDiffers, entity,
               "event id " + event::EventBytes(at).id().to_string() +
                   " is in the parent with other content; skip the entity, an id cannot be forced",
               {seq}, {differing_.find(seq)->second});
    }
    for (const std::string& entity : obstacles.moved) {
        if (is_forced(entity)) {
            forced_.insert(entity);
            continue;
        }
        const bool is_reported = std::any_of(conflicts_.begin(), conflicts_.end(), [&](const MergeConflict& known) {
            return known.kind == MergeConflict::Kind::kEntityMoved && known.entity_id == entity;
        });
        if (is_reported) continue;
        const EntityState& state = entities_.find(entity)->second;
        report(reader, MergeConflict::Kind::kEntityMoved, entity,
               "'" + entity + "' has " + std::to_string(state.moved_count) +
                   (state.moved_count == 1 ? " event" : " events") + " on the parent since the fork; skip or force it",
               state.fork_seqs, parent_events(reader, entity));
    }
    if (obstacles.conditions.empty()) return;
    if (std::all_of(batch.entities.begin(), batch.entities.end(),
                    [&](const std::string& entity) { return is_forced(entity); })) {
        forced_.insert(batch.entities.begin(), batch.entities.end());
        return;
    }
    for (const Obstacles::Failed& condition : obstacles.conditions) {
        // Of an entity that moved, one report is enough.
        if (!condition.entity.empty() && obstacles.moved.contains(condition.entity)) continue;
        report(
            reader, MergeConflict::Kind::kConditionFails, condition.entity,
            "a condition of this batch does not hold on the parent any more; skip or force all entities it writes: " +
                listed(batch.entities),
            ours, {condition.match_seq});
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
    result.already_present_count = present_count_;
    result.skipped_count = skipped_count_;
    result.forced_count = forced_count_;
    result.conflicts = conflicts_;
    result.conflict_count = conflict_count_;
    return result;
}

Result<std::vector<BatchBuilder::Content>> MergePlan::contents() const {
    std::vector<BatchBuilder::Content> contents;
    Reader reader(*indexes_);
    BatchBuilder builder;
    builder.content().metadata_size_max += kMetadataRoom;
    const auto finish = [&] {
        if (builder.event_count() == 0) return;
        contents.push_back(std::move(builder.content()));
        builder = BatchBuilder();
        builder.content().metadata_size_max += kMetadataRoom;
    };
    const auto add = [&](const MergeBatch& batch, std::uint32_t i) {
        const Reader::Found found = reader.find(batch.first_seq + i);
        if (found.at == nullptr) return false;
        const EventView event = make_event_view(found);
        const auto tags = event.tags();
        const std::string metadata = with_origin(event.metadata, fork_.id, event.position.value);
        builder.add({.entity_id = event.entity_id,
                     .event_type = event.event_type,
                     .payload = event.payload,
                     .metadata = metadata,
                     .tags = tags,
                     .id = event.id,
                     .occurred_at = event.occurred_at,
                     .unvalidated = event.payload_is_unvalidated});
        return true;
    };
    // When the parent is merged itself, conditions are looked at again, and batches are skipped whole.
    const bool keeps_batches = fork_.parent != event::kMainBranch;
    for (const MergeBatch& batch : batches_) {
        if (batch.is_skipped) continue;
        bool has_begun = false;
        for (std::uint32_t i = 0; i < batch.event_count; ++i) {
            if (present_.contains(batch.first_seq + i)) continue;
            if (builder.content().events.size() >= kContentBytesMax) {
                finish();
                builder.content().is_continued = keeps_batches && has_begun;
            }
            // Of a batch that the parent has already, the parent has the conditions too.
            if (keeps_batches && !has_begun) add_conditions(batch, builder);
            has_begun = true;
            if (!add(batch, i)) return reader.status().error();
        }
        if (keeps_batches && contents.size() < kBatchesKeptMax) finish();
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

MergeResult first_answer(const Fork& fork, std::string_view merged_payload) {
    const auto number = [&](const char* field) -> std::optional<std::uint64_t> {
        const auto value = json::find_value(merged_payload, {{.key = field}});
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
