#include "client/decode.h"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "json/scan.h"
#include "json/validate.h"

namespace chronos::client {
namespace {

Error unexpected(std::string_view json) {
    return base::fail(ErrorCode::kIo,
                      "the server answered what no server of this version does: " + base::shortened(json, 200));
}

std::string text_of(std::string_view value) {
    if (!value.starts_with('"')) return {};
    std::string scratch;
    return std::string(json::unescaped(json::string_body(value), scratch));
}

/// One object, read field by field; what is of another kind than asked for makes it wrong as a whole.
class Object {
public:
    explicit Object(std::string_view json) : json_(json) {
        if (!json.starts_with('{')) is_wrong_ = true;
    }

    [[nodiscard]] std::string_view raw(std::string_view name) const {
        if (is_wrong_) return {};
        for (json::ObjectScanner fields(json_); fields.next();) {
            if (fields.raw_key() == name) return fields.value() == "null" ? std::string_view() : fields.value();
        }
        return {};
    }
    std::string text(std::string_view name) {
        const std::string_view value = raw(name);
        if (!value.empty() && !value.starts_with('"')) is_wrong_ = true;
        return text_of(value);
    }
    std::uint64_t number(std::string_view name) { return optional_number(name).value_or(0); }
    std::optional<std::uint64_t> optional_number(std::string_view name) {
        const std::string_view value = raw(name);
        if (value.empty()) return std::nullopt;
        std::uint64_t number = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (error != std::errc() || end != value.data() + value.size()) is_wrong_ = true;
        return number;
    }
    std::optional<std::int64_t> signed_number(std::string_view name) {
        const std::string_view value = raw(name);
        if (value.empty()) return std::nullopt;
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (error != std::errc() || end != value.data() + value.size()) is_wrong_ = true;
        return number;
    }
    std::optional<Position> position(std::string_view name) {
        const auto value = optional_number(name);
        return value ? std::optional(Position{*value}) : std::nullopt;
    }
    bool flag(std::string_view name) { return raw(name) == "true"; }
    std::optional<Timestamp> optional_time(std::string_view name) {
        const std::string value = text(name);
        if (value.empty()) return std::nullopt;
        const Result<Timestamp> time = Timestamp::parse(value);
        if (!time.ok()) is_wrong_ = true;
        return time.ok() ? std::optional(*time) : std::nullopt;
    }
    Timestamp time(std::string_view name) { return optional_time(name).value_or(Timestamp{}); }
    std::optional<Uuid> optional_id(std::string_view name) {
        const std::string value = text(name);
        if (value.empty()) return std::nullopt;
        const Result<Uuid> id = Uuid::parse(value);
        if (!id.ok()) is_wrong_ = true;
        return id.ok() ? std::optional(*id) : std::nullopt;
    }
    Uuid id(std::string_view name) { return optional_id(name).value_or(Uuid{}); }
    std::optional<std::string> optional_raw(std::string_view name) const {
        const std::string_view value = raw(name);
        // A field whose value is null is there; here null stands for itself.
        for (json::ObjectScanner fields(json_); !is_wrong_ && fields.next();) {
            if (fields.raw_key() == name) return std::string(fields.value());
        }
        return value.empty() ? std::nullopt : std::optional(std::string(value));
    }
    /// Calls `visit(value)` for each element.
    template <typename Visit>
    void each(std::string_view name, const Visit& visit) {
        const std::string_view array = raw(name);
        if (array.empty()) return;
        if (!array.starts_with('[')) {
            is_wrong_ = true;
            return;
        }
        for (json::ArrayScanner elements(array); elements.next();) visit(elements.value());
    }
    void mark_wrong() { is_wrong_ = true; }
    [[nodiscard]] Status status() const { return is_wrong_ ? Status(unexpected(json_)) : Status(); }

private:
    std::string_view json_;
    bool is_wrong_ = false;
};

/// The answer, if it is JSON at all.
Result<Object> opened(std::string_view json) {
    const json::Limits limits{.depth_max = 128, .keys_per_object_max = 100'000, .tokens_max = 100'000'000};
    if (!json::validate_json(json, limits).ok()) return unexpected(json);
    return Object(json::trimmed(json));
}

template <typename Value, typename Read>
Result<Value> decoded(std::string_view json, const Read& read) {
    ASSIGN_OR_RETURN(Object object, opened(json));
    Value value = read(object);
    RETURN_IF_ERROR(object.status());
    return value;
}

/// Reads an element of a list with the same care as the whole.
template <typename Read>
auto read_part(Object& whole, std::string_view json, const Read& read) {
    Object part(json);
    auto value = read(part);
    if (!part.status().ok()) whole.mark_wrong();
    return value;
}

Event read_event(Object& object) {
    Event event{.id = object.id("id"),
                .position = {object.number("position")},
                .version = {object.number("version")},
                .recorded_at = object.time("timestamp"),
                .occurred_at = object.time("occurred_at"),
                .event_type = object.text("event_type"),
                .entity_id = object.text("entity_id"),
                .payload = object.optional_raw("payload").value_or("null"),
                .metadata = std::string(object.raw("metadata"))};
    object.each("tags", [&](std::string_view tag) { event.tags.push_back(text_of(tag)); });
    return event;
}

ViewInfo read_view(Object& object) {
    return {.branch = object.text("branch"),
            .at = object.position("at"),
            .known_at = object.optional_time("known_at"),
            .as_of = object.optional_time("as_of"),
            .expires_at = object.optional_time("expires_at"),
            .settled = object.flag("settled")};
}

FieldOrigin read_origin(Object& object) {
    return {.pointer = object.text("pointer"),
            .value = object.optional_raw("value").value_or("null"),
            .event_id = object.id("event_id"),
            .position = {object.number("position")},
            .version = {object.number("version")},
            .event_type = object.text("event_type"),
            .recorded_at = object.time("timestamp"),
            .occurred_at = object.time("occurred_at"),
            .actor = object.text("actor")};
}

FieldChange read_field_change(Object& object) {
    return {.pointer = object.text("pointer"),
            .before = object.optional_raw("before"),
            .after = object.optional_raw("after")};
}

HistoryEntry read_history_entry(Object& object) {
    HistoryEntry entry{.event = read_event(object)};
    entry.actor = object.text("actor");
    entry.reason = object.text("reason");
    entry.duration_ns = object.signed_number("duration_ns");
    object.each("changes", [&](std::string_view change) {
        entry.changes.push_back(read_part(object, change, read_field_change));
    });
    return entry;
}

ForkStatus status_named(const std::string& name) {
    for (const ForkStatus status : {ForkStatus::kLive, ForkStatus::kMerged, ForkStatus::kDiscarded}) {
        if (fork_status_name(status) == name) return status;
    }
    return ForkStatus::kExpired;
}

ForkInfo read_fork(Object& object) {
    return {.id = object.text("id"),
            .name = object.text("name"),
            .parent = object.text("parent"),
            .fork_position = object.position("fork_position"),
            .depth = static_cast<std::uint32_t>(object.number("depth")),
            .status = status_named(object.text("status")),
            .creator = object.text("creator"),
            .created_at = object.time("created_at"),
            .expires_at = object.time("expires_at"),
            .ended_at = object.optional_time("ended_at"),
            .is_readable = object.flag("readable"),
            .own_event_count = object.number("own_events"),
            .head = object.position("head")};
}

MergeConflict read_conflict(Object& object) {
    MergeConflict conflict;
    const std::string kind = object.text("kind");
    for (const auto candidate : {MergeConflict::Kind::kEntityMoved, MergeConflict::Kind::kConditionFails,
                                 MergeConflict::Kind::kIdDiffers, MergeConflict::Kind::kBatchSplit}) {
        if (merge_conflict_kind_name(candidate) == kind) conflict.kind = candidate;
    }
    conflict.entity_id = object.text("entity_id");
    conflict.message = object.text("message");
    conflict.base_version = {object.number("base_version")};
    conflict.fork_version = {object.number("fork_version")};
    conflict.parent_version = {object.number("parent_version")};
    object.each("fork_events",
                [&](std::string_view event) { conflict.fork_events.push_back(read_part(object, event, read_event)); });
    object.each("parent_events", [&](std::string_view event) {
        conflict.parent_events.push_back(read_part(object, event, read_event));
    });
    conflict.fork_event_count = object.number("fork_event_count");
    conflict.parent_event_count = object.number("parent_event_count");
    return conflict;
}

ChangeEvent read_change_event(Object& object) {
    return {.id = object.id("id"),
            .position = {object.number("position")},
            .version = {object.number("version")},
            .event_type = object.text("event_type"),
            .recorded_at = object.time("timestamp"),
            .occurred_at = object.time("occurred_at"),
            .actor = object.text("actor")};
}

FieldDifference read_difference(Object& object) {
    return {.pointer = object.text("pointer"),
            .before = object.optional_raw("before"),
            .after = object.optional_raw("after"),
            .event_id = object.optional_id("event_id")};
}

EntityChange read_entity_change(Object& object) {
    EntityChange change{.entity_id = object.text("entity_id"),
                        .existed = object.flag("existed"),
                        .exists = object.flag("exists"),
                        .version_before = {object.number("version_before")},
                        .version_after = {object.number("version_after")}};
    object.each("fields",
                [&](std::string_view field) { change.fields.push_back(read_part(object, field, read_difference)); });
    object.each("added",
                [&](std::string_view event) { change.added.push_back(read_part(object, event, read_change_event)); });
    object.each("removed",
                [&](std::string_view event) { change.removed.push_back(read_part(object, event, read_change_event)); });
    change.added_count = object.number("added_count");
    change.removed_count = object.number("removed_count");
    return change;
}

/// The code of "version-conflict" and the like.
std::optional<ErrorCode> code_named(std::string name) {
    for (char& c : name) c = c == '-' ? '_' : c;
    constexpr std::array kCodes = {ErrorCode::kInvalidArgument,
                                   ErrorCode::kNotFound,
                                   ErrorCode::kAlreadyExists,
                                   ErrorCode::kVersionConflict,
                                   ErrorCode::kIdConflict,
                                   ErrorCode::kPartialDuplicate,
                                   ErrorCode::kIndeterminate,
                                   ErrorCode::kWouldBlock,
                                   ErrorCode::kClosed,
                                   ErrorCode::kReadOnly,
                                   ErrorCode::kClockSuspect,
                                   ErrorCode::kCursorMismatch,
                                   ErrorCode::kLocked,
                                   ErrorCode::kNoSpace,
                                   ErrorCode::kIo,
                                   ErrorCode::kCorrupt,
                                   ErrorCode::kUnsupported,
                                   ErrorCode::kLimitExceeded,
                                   ErrorCode::kGone};
    for (const ErrorCode code : kCodes) {
        if (error_code_name(code) == name) return code;
    }
    return std::nullopt;
}

ErrorCode code_of_status(int status) {
    switch (status) {
        case 404: return ErrorCode::kNotFound;
        case 409:
        case 412: return ErrorCode::kVersionConflict;
        case 410: return ErrorCode::kGone;
        case 413:
        case 429: return ErrorCode::kLimitExceeded;
        case 503: return ErrorCode::kWouldBlock;
        case 504: return ErrorCode::kIndeterminate;
        default: return status >= 500 ? ErrorCode::kIo : ErrorCode::kInvalidArgument;
    }
}

ExpectedVersion read_expected(Object& object) {
    const std::string_view value = object.raw("expected_version");
    if (value == "\"none\"") return ExpectedVersion::none();
    if (value == "\"exists\"") return ExpectedVersion::exists();
    if (value.empty() || value.starts_with('"')) return ExpectedVersion::any();
    return ExpectedVersion::exactly(object.number("expected_version"));
}

FailedCondition read_failed_condition(Object& object) {
    FailedCondition condition{.index = static_cast<std::uint32_t>(object.number("index")),
                              .entity_id = object.text("entity_id"),
                              .expected_version = read_expected(object),
                              .current_version = {object.number("current_version")}};
    if (const std::string_view match = object.raw("first_match"); !match.empty()) {
        condition.first_match = read_part(object, match, [](Object& part) {
            return FailedCondition::Match{
                .position = {part.number("position")}, .id = part.id("id"), .event_type = part.text("event_type")};
        });
    }
    return condition;
}

std::vector<Uuid> read_ids(Object& object, std::string_view name) {
    std::vector<Uuid> ids;
    object.each(name, [&](std::string_view value) {
        const Result<Uuid> id = Uuid::parse(text_of(value));
        if (id.ok()) ids.push_back(*id);
    });
    return ids;
}

}  // namespace

Result<Event> decode_event(std::string_view json) { return decoded<Event>(json, read_event); }

Result<ViewInfo> decode_view(std::string_view json) { return decoded<ViewInfo>(json, read_view); }

Result<AppendResult> decode_append(std::string_view json) {
    return decoded<AppendResult>(json, [](Object& object) {
        AppendResult result{.recorded_at = object.time("timestamp"), .duplicate = object.flag("duplicate")};
        if (object.text("durability") == durability_name(Durability::kOs)) result.durability = Durability::kOs;
        if (object.text("durability") == durability_name(Durability::kMemory)) result.durability = Durability::kMemory;
        object.each("events", [&](std::string_view event) {
            result.events.push_back(read_part(object, event, [](Object& part) {
                return AppendedEvent{
                    .id = part.id("id"), .position = {part.number("position")}, .version = {part.number("version")}};
            }));
        });
        return result;
    });
}

Result<State> decode_state(std::string_view json) {
    return decoded<State>(json, [](Object& object) {
        State state{.exists = object.flag("exists"),
                    .entity_id = object.text("entity_id"),
                    .json = object.optional_raw("state").value_or("{}"),
                    .version = {object.number("version")},
                    .current_version = {object.number("current_version")},
                    .event_count = object.number("event_count"),
                    .late_events = object.number("late_events"),
                    .last_recorded_at = object.optional_time("last_timestamp"),
                    .last_occurred_at = object.optional_time("last_occurred_at"),
                    .first_event_at = object.optional_time("first_event_at")};
        object.each("origins",
                    [&](std::string_view origin) { state.origins.push_back(read_part(object, origin, read_origin)); });
        return state;
    });
}

Result<std::vector<HistoryEntry>> decode_history(std::string_view json) {
    return decoded<std::vector<HistoryEntry>>(json, [](Object& object) {
        std::vector<HistoryEntry> entries;
        object.each("history",
                    [&](std::string_view entry) { entries.push_back(read_part(object, entry, read_history_entry)); });
        return entries;
    });
}

Result<ForkInfo> decode_fork(std::string_view json) { return decoded<ForkInfo>(json, read_fork); }

Result<ForksAnswer> decode_forks(std::string_view json) {
    return decoded<ForksAnswer>(json, [](Object& object) {
        ForksAnswer answer{.has_more = object.flag("has_more"), .next_after = object.text("next_after")};
        object.each("forks",
                    [&](std::string_view fork) { answer.forks.push_back(read_part(object, fork, read_fork)); });
        return answer;
    });
}

Result<MergeResult> decode_merge(std::string_view json) {
    return decoded<MergeResult>(json, [](Object& object) {
        MergeResult result{.merged = object.flag("merged"),
                           .duplicate = object.flag("duplicate"),
                           .fork = object.text("fork"),
                           .parent = object.text("parent"),
                           .event_count = object.number("events"),
                           .already_present_count = object.number("already_present"),
                           .skipped_count = object.number("skipped"),
                           .forced_count = object.number("forced"),
                           .first_position = object.position("first_position"),
                           .last_position = object.position("last_position"),
                           .recorded_at = object.optional_time("timestamp"),
                           .conflict_count = object.number("conflict_count")};
        object.each("conflicts", [&](std::string_view conflict) {
            result.conflicts.push_back(read_part(object, conflict, read_conflict));
        });
        return result;
    });
}

Result<Changes> decode_changes(std::string_view json) {
    return decoded<Changes>(json, [](Object& object) {
        Changes changes;
        object.each("entities", [&](std::string_view entity) {
            changes.entities.push_back(read_part(object, entity, read_entity_change));
        });
        changes.has_more = object.flag("has_more");
        changes.next_after = object.text("next_after");
        read_part(object, object.raw("summary"), [&](Object& summary) {
            changes.entity_count = summary.number("entities");
            changes.added_count = summary.number("added");
            changes.removed_count = summary.number("removed");
            changes.before = read_part(summary, summary.raw("before"), read_view);
            changes.after = read_part(summary, summary.raw("after"), read_view);
            return 0;
        });
        return changes;
    });
}

Result<BackupReport> decode_backup(std::string_view json) {
    return decoded<BackupReport>(json, [](Object& object) {
        return BackupReport{.database = object.id("database"),
                            .segment_count = object.number("segments"),
                            .copied_segment_count = object.number("copied_segments"),
                            .bytes = object.number("bytes"),
                            .copied_bytes = object.number("copied_bytes")};
    });
}

Result<Stats> decode_stats(std::string_view json) {
    return decoded<Stats>(json, [](Object& object) {
        Stats stats{.database = object.id("database"),
                    .event_count = object.number("events"),
                    .entity_count = object.number("entities"),
                    .log_bytes = object.number("log_bytes"),
                    .file_bytes = object.number("file_bytes"),
                    .segment_count = static_cast<std::uint32_t>(object.number("segments")),
                    .writer_epoch = static_cast<std::uint32_t>(object.number("epoch")),
                    .memory_budget = object.number("memory_budget"),
                    .memory_bytes = object.number("memory_bytes"),
                    .memory_waits = object.number("memory_waits"),
                    .index_files = object.number("index_files"),
                    .index_bytes = object.number("index_bytes"),
                    .snapshot_files = object.number("snapshot_files"),
                    .snapshot_bytes = object.number("snapshot_bytes"),
                    .commit_method = object.text("commit_method"),
                    .first_recorded_at = object.optional_time("first_timestamp"),
                    .last_recorded_at = object.optional_time("last_timestamp")};
        if (const std::string_view memory = object.raw("memory"); !memory.empty())
            stats.memory = read_part(object, memory, [](Object& part) {
                return MemoryUse{.heads = part.number("heads"),
                                 .files = part.number("files"),
                                 .log_tail = part.number("log_tail"),
                                 .log_waiting = part.number("log_waiting"),
                                 .working = part.number("working"),
                                 .held_parts = part.number("held_parts"),
                                 .parts = part.number("parts"),
                                 .blocks = part.number("blocks")};
            });
        object.each("event_types", [&](std::string_view type) {
            stats.event_types.push_back(read_part(object, type, [](Object& part) {
                return EventTypeCount{.event_type = part.text("event_type"),
                                      .count = part.number("count"),
                                      .first_recorded_at = part.time("first_timestamp"),
                                      .last_recorded_at = part.time("last_timestamp")};
            }));
        });
        return stats;
    });
}

Result<EventsAnswer> decode_events(std::string_view json) {
    return decoded<EventsAnswer>(json, [](Object& object) {
        EventsAnswer answer{.next_cursor = object.text("next_cursor"),
                            .has_more = object.flag("has_more"),
                            .total = object.number("total_count"),
                            .view = read_part(object, object.raw("view"), read_view)};
        object.each("events",
                    [&](std::string_view event) { answer.events.push_back(read_part(object, event, read_event)); });
        return answer;
    });
}

Result<EntitiesAnswer> decode_entities(std::string_view json) {
    return decoded<EntitiesAnswer>(json, [](Object& object) {
        EntitiesAnswer answer{.has_more = object.flag("has_more")};
        object.each("entities", [&](std::string_view entity) {
            answer.ids.push_back(read_part(object, entity, [](Object& part) { return part.text("entity_id"); }));
        });
        return answer;
    });
}

Error decode_problem(int status, std::string_view json) {
    Error error = base::fail(code_of_status(status), "the server answered " + std::to_string(status));
    const Result<Object> parsed = opened(json);
    if (!parsed.ok()) return error;
    Object object = *parsed;
    constexpr std::string_view kPrefix = "urn:chronos:problem:";
    const std::string type = object.text("type");
    if (type.starts_with(kPrefix)) error.code = code_named(type.substr(kPrefix.size())).value_or(error.code);
    if (const std::string detail = object.text("detail"); !detail.empty()) error.message = detail;
    if (object.text("outcome") == "unknown") error.outcome = Outcome::kUnknown;
    auto failure = std::make_shared<AppendFailure>();
    object.each("conflicts", [&](std::string_view condition) {
        failure->conditions.push_back(read_part(object, condition, read_failed_condition));
    });
    failure->known_ids = read_ids(object, "known_ids");
    failure->unknown_ids = read_ids(object, "unknown_ids");
    failure->event_ids = read_ids(object, "event_ids");
    const bool says_something = !failure->conditions.empty() || !failure->known_ids.empty() ||
                                !failure->unknown_ids.empty() || !failure->event_ids.empty();
    if (says_something) error.append_failure = std::move(failure);
    return error;
}

}  // namespace chronos::client
