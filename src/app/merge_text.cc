#include "app/merge_text.h"

#include <algorithm>

#include "app/terminal.h"
#include "base/utf8.h"
#include "json/scan.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

constexpr std::size_t kPayloadWidthMax = 60;

std::string count_text(std::uint64_t count, const std::string& noun) {
    return with_separators(count) + " " + noun + (count == 1 ? "" : "s");
}

/// Who did it, if the event says so.
std::string actor_of(const Event& event) {
    if (event.metadata.empty()) return {};
    json::ObjectScanner fields(event.metadata);
    while (fields.next()) {
        if (fields.raw_key() != "actor" || !fields.value().starts_with('"')) continue;
        std::string scratch;
        return std::string(json::unescaped(json::string_body(fields.value()), scratch));
    }
    return {};
}

std::string event_line(const Event& event, bool names_entity, const Style& style) {
    std::string out = "    position " + std::to_string(event.position.value) + "  " +
                      (names_entity ? base::harmless(event.entity_id) + "  " : "") +
                      style.cyan(base::harmless(event.event_type)) + "  " + style.dim(event.recorded_at.to_string());
    if (const std::string actor = actor_of(event); !actor.empty()) out += "  by " + base::harmless(actor);
    return out + "  " + fitted(event.payload, kPayloadWidthMax) + "\n";
}

struct Side {
    std::string name;
    Version version;
    const std::vector<Event>& events;
    std::uint64_t event_count;
};

std::string side_text(const MergeConflict& conflict, const Side& side, const Style& style) {
    std::string out = "  on " + side.name + ": " + count_text(side.event_count, "event");
    if (!conflict.entity_id.empty()) {
        out += ", version " + std::to_string(conflict.base_version.value) + " → " + std::to_string(side.version.value);
    }
    out += "\n";
    const bool names_entities = std::any_of(side.events.begin(), side.events.end(),
                                            [&](const Event& event) { return event.entity_id != conflict.entity_id; });
    for (const Event& event : side.events) out += event_line(event, names_entities, style);
    if (side.event_count > side.events.size()) {
        out += "    and " + with_separators(side.event_count - side.events.size()) + " more\n";
    }
    return out;
}

std::string conflict_text(const MergeConflict& conflict, const MergeResult& result, const Style& style) {
    std::string out = "\n";
    out += style.bold(conflict.entity_id.empty() ? "several entities" : base::harmless(conflict.entity_id)) + "  " +
           style.red(std::string(merge_conflict_kind_name(conflict.kind))) + "\n  " + base::harmless(conflict.message) +
           "\n";
    out += side_text(conflict,
                     {.name = result.parent,
                      .version = conflict.parent_version,
                      .events = conflict.parent_events,
                      .event_count = conflict.parent_event_count},
                     style);
    return out + side_text(conflict,
                           {.name = result.fork,
                            .version = conflict.fork_version,
                            .events = conflict.fork_events,
                            .event_count = conflict.fork_event_count},
                           style);
}

/// As a shell reads it; no quotes where none are needed.
std::string shell_word(std::string_view text) {
    const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view(":._/@+-").find(c) != std::string_view::npos;
    };
    if (std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
    std::string out = "'";
    for (const char c : base::harmless(text)) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string resolutions_text(const MergeResult& result) {
    const auto has = [&result](MergeConflict::Kind kind) {
        return std::any_of(result.conflicts.begin(), result.conflicts.end(),
                           [kind](const MergeConflict& conflict) { return conflict.kind == kind; });
    };
    const bool can_force = has(MergeConflict::Kind::kEntityMoved) || has(MergeConflict::Kind::kConditionFails);
    std::string out = "\nTo merge all the same, repeat the command with\n";
    out += "  --skip ENTITY        leaves out what the fork did to it; refused if that would split a batch\n";
    if (can_force)
        out += "  --force ENTITY       appends it all the same, behind what is there; the merge records that\n";
    if (has(MergeConflict::Kind::kEntityMoved))
        out += "  --append-if-moved    takes entities that moved where the fork's appends had no condition\n";
    out += can_force ? "  --others skip|force  for all that are not named\n"
                     : "  --others skip        for all that are not named\n";
    // Of a batch that would be split, skipping one entity is what was refused.
    const auto named =
        std::find_if(result.conflicts.begin(), result.conflicts.end(), [](const MergeConflict& conflict) {
            return !conflict.entity_id.empty() && conflict.kind != MergeConflict::Kind::kBatchSplit;
        });
    if (named == result.conflicts.end() || has(MergeConflict::Kind::kBatchSplit)) return out;
    return out + "as in: chronos fork merge " + result.fork + " --skip " + shell_word(named->entity_id) + "\n";
}

std::string refusal_text(const MergeResult& result, const Style& style) {
    const std::uint64_t count = std::max<std::uint64_t>(result.conflict_count, result.conflicts.size());
    std::string out = "not merged: " + count_text(count, "conflict") + " between " + result.fork + " and " +
                      result.parent + "; nothing was changed\n";
    for (const MergeConflict& conflict : result.conflicts) out += conflict_text(conflict, result, style);
    if (count > result.conflicts.size())
        out += "\nand " + count_text(count - result.conflicts.size(), "conflict") + " more\n";
    return out + resolutions_text(result);
}

}  // namespace

bool is_refused(const MergeResult& result) { return !result.merged && !result.conflicts.empty(); }

std::string merge_as_text(const MergeResult& result, bool was_dry_run, const Style& style) {
    if (is_refused(result)) return refusal_text(result, style);
    std::string out;
    if (was_dry_run && !result.merged)
        out = result.fork + " can be merged into " + result.parent + ": " + count_text(result.event_count, "event") +
              " to append";
    else
        out = (result.duplicate ? "merged before: " : "merged: ") + count_text(result.event_count, "event") + " of " +
              result.fork + " into " + result.parent;
    if (result.first_position && result.last_position) {
        out += result.first_position == result.last_position
                   ? ", at position " + std::to_string(result.first_position->value)
                   : ", at positions " + std::to_string(result.first_position->value) + " to " +
                         std::to_string(result.last_position->value);
    }
    const auto add = [&out](std::uint64_t count, const std::string& what) {
        if (count > 0) out += "; " + with_separators(count) + " " + what;
    };
    add(result.already_present_count, "there already");
    add(result.skipped_count, "left out");
    add(result.forced_count, "forced");
    return out + "\n";
}

}  // namespace chronos::app
