#include "app/read_options.h"

#include <charconv>

#include "app/options.h"
#include "base/result.h"
#include "json/writer.h"
#include "wire/field_test_text.h"
#include "wire/time_text.h"

namespace chronos::app {

Result<Position> parse_position(const std::string& text, const std::string& name) {
    Position position;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, position.value);
    if (error == std::errc() && stop == end) return position;
    const bool is_time = wire::parse_time(text, {}).ok();
    return base::fail(ErrorCode::kInvalidArgument,
                      name + " '" + text + "': a position is a whole number from 0 on" +
                          (is_time ? "; for a time use --known-at (what was recorded by then) or --as-of (what had "
                                     "happened by then)"
                                   : ""));
}

Result<std::optional<Timestamp>> parse_time_option(const std::string& text, const std::string& name, Timestamp now) {
    if (text.empty()) return std::optional<Timestamp>();
    Result<Timestamp> time = wire::parse_time(text, now);
    if (!time.ok()) return base::with_context(std::move(time).error(), name);
    return std::optional<Timestamp>(*time);
}

void ViewFlags::add_to(CLI::App* command) {
    fork.add_to(command);
    command->add_option("--at", at, "Only events up to this position")->type_name("POSITION");
    command->add_option("--known-at", known_at, "Only what was recorded by this time")->type_name("TIME");
    command->add_option("--as-of,--time-travel", as_of, "Only what had happened by this time")->type_name("TIME");
}

Result<ViewOptions> ViewFlags::resolve(Timestamp now) const {
    ViewOptions options;
    if (!at.empty()) {
        ASSIGN_OR_RETURN(options.at, parse_position(at, "--at"));
    }
    ASSIGN_OR_RETURN(options.known_at, parse_time_option(known_at, "--known-at", now));
    ASSIGN_OR_RETURN(options.as_of, parse_time_option(as_of, "--as-of", now));
    return options;
}

void FilterFlags::add_to(CLI::App* command) {
    add_repeatable(command, "--entity", entities, "Events of this entity; repeat for more")->type_name("ENTITY");
    command->add_option("--entity-prefix", entity_prefix, "Events of entities that start with this")->type_name("TEXT");
    add_repeatable(command, "--type", types, "Events of this type; repeat for more")->type_name("TYPE");
    command->add_option("--type-prefix", type_prefix, "Events of types that start with this")->type_name("TEXT");
    add_repeatable(command, "--tag", tags, "Events with this tag; repeated: with all of them")->type_name("TAG");
    command->add_option("--since", since, "Recorded at or after this time")->type_name("TIME");
    command->add_option("--until", until, "Recorded at or before this time")->type_name("TIME");
    command->add_option("--occurred-since", occurred_since, "Occurred at or after this time")->type_name("TIME");
    command->add_option("--occurred-until", occurred_until, "Occurred at or before this time")->type_name("TIME");
    command->add_option("--correlation-id", correlation_id, "metadata.correlation_id is this")->type_name("TEXT");
    command->add_option("--causation-id", causation_id, "metadata.causation_id is this")->type_name("TEXT");
    command->add_option("--actor", actor, "metadata.actor is this")->type_name("TEXT");
    add_repeatable(command, "--where", tests,
                   "A field of the payload, as in '/total >= 100'; = != < <= > >= contains exists; "
                   "repeated: all hold")
        ->type_name("TEST");
}

Result<Filter> FilterFlags::resolve(Timestamp now) const {
    Filter filter;
    filter.entity_ids = entities;
    filter.entity_id_prefix = entity_prefix;
    filter.event_types = types;
    filter.event_type_prefix = type_prefix;
    filter.tags = tags;
    ASSIGN_OR_RETURN(filter.since, parse_time_option(since, "--since", now));
    ASSIGN_OR_RETURN(filter.until, parse_time_option(until, "--until", now));
    ASSIGN_OR_RETURN(filter.occurred_since, parse_time_option(occurred_since, "--occurred-since", now));
    ASSIGN_OR_RETURN(filter.occurred_until, parse_time_option(occurred_until, "--occurred-until", now));
    const auto set = [](std::optional<std::string>& to, const std::string& from) {
        if (!from.empty()) to = from;
    };
    set(filter.correlation_id, correlation_id);
    set(filter.causation_id, causation_id);
    set(filter.actor, actor);
    for (const std::string& test : tests) {
        Result<FieldTest> parsed = wire::parse_field_test(test);
        if (!parsed.ok()) return base::with_context(std::move(parsed).error(), "--where");
        filter.fields.push_back(std::move(*parsed));
    }
    return filter;
}

void FoldFlags::add_to(CLI::App* command) {
    command->add_option("--fold", fold, "merge: RFC 7396 merge patch; shallow: top-level fields replace each other")
        ->check(one_of({"merge", "shallow"}))
        ->capture_default_str();
    command->add_option("--fold-order", order, "stream: as appended; occurred: by the time they occurred")
        ->check(one_of({"stream", "occurred"}))
        ->capture_default_str();
}

StateOptions FoldFlags::resolve() const {
    return {.fold = fold == "shallow" ? Fold::kShallow : Fold::kMergePatch,
            .order = order == "occurred" ? FoldOrder::kOccurred : FoldOrder::kStream};
}

namespace {

/// The options that a filter stands for, in front of each other with a space.
class OptionText {
public:
    void add(std::string_view name, std::string_view value) {
        if (value.empty()) return;
        if (!text_.empty()) text_ += ' ';
        text_ += std::string(name) + " " + std::string(value);
    }
    void add_each(std::string_view name, const std::vector<std::string>& values) {
        for (const std::string& value : values) add(name, value);
    }
    void add_time(std::string_view name, const std::optional<Timestamp>& time) {
        if (time) add(name, time->to_string());
    }
    void add_known(std::string_view name, const std::optional<std::string>& value) {
        if (value) add(name, *value);
    }
    std::string text() && { return std::move(text_); }

private:
    std::string text_;
};

}  // namespace

bool is_single_entity(const Filter& filter) {
    Filter alone;
    alone.entity_ids = filter.entity_ids;
    return filter.entity_ids.size() == 1 && filter_text(filter) == filter_text(alone);
}

std::string filter_text(const Filter& filter) {
    OptionText text;
    text.add_each("--entity", filter.entity_ids);
    text.add("--entity-prefix", filter.entity_id_prefix);
    text.add_each("--type", filter.event_types);
    text.add("--type-prefix", filter.event_type_prefix);
    text.add_each("--tag", filter.tags);
    text.add_time("--since", filter.since);
    text.add_time("--until", filter.until);
    text.add_time("--occurred-since", filter.occurred_since);
    text.add_time("--occurred-until", filter.occurred_until);
    text.add_known("--correlation-id", filter.correlation_id);
    text.add_known("--causation-id", filter.causation_id);
    text.add_known("--actor", filter.actor);
    for (const FieldTest& test : filter.fields)
        text.add("--where", "'" + test.pointer + " " + test.operation + " " + test.operand + "'");
    return std::move(text).text();
}

std::string view_text(const ViewOptions& options) {
    std::string text;
    if (options.branch != "main") text += " on " + options.branch;
    if (options.at) text += " at position " + std::to_string(options.at->value);
    if (options.known_at) text += " known at " + options.known_at->to_string();
    if (options.as_of) text += " as of " + options.as_of->to_string();
    return text;
}

}  // namespace chronos::app
