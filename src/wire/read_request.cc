#include "wire/read_request.h"

#include <charconv>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "embedded/append_request.h"
#include "json/scan.h"
#include "json/validate.h"
#include "wire/field_test_text.h"
#include "wire/time_text.h"

namespace chronos::wire {
namespace {

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

/// A key of an object as one step of a JSON pointer.
std::string pointer_step(std::string_view key) {
    std::string out = "/";
    for (const char c : key) {
        if (c == '~')
            out += "~0";
        else if (c == '/')
            out += "~1";
        else
            out += c;
    }
    return out;
}

/// {"field": value, …}: all of them must be equal.
Status add_payload_filter(const std::string& json, Filter& filter) {
    if (Status valid = json::validate_json(json); !valid.ok())
        return base::with_context(std::move(valid).error(), "payload_filter");
    if (!json::is_object(json)) return wrong("payload_filter is a JSON object, {\"field\": value}");
    json::ObjectScanner fields(json);
    while (fields.next()) {
        std::string scratch;
        filter.fields.push_back({.pointer = pointer_step(json::unescaped(fields.raw_key(), scratch)),
                                 .operation = "=",
                                 .operand = std::string(fields.value())});
    }
    return {};
}

Status add_query(Parameters& parameters, Filter& filter) {
    std::vector<std::string> items = parameters.take_all("items");
    ASSIGN_OR_RETURN(const bool all, parameters.take_flag("all", false));
    if (items.size() > 1) return wrong("items is given more than once");
    if (items.empty()) {
        if (all) filter.query = Query{.all = true};
        return {};
    }
    if (all) return wrong("items and all exclude each other");
    if (Status valid = json::validate_json(items.front()); !valid.ok())
        return base::with_context(std::move(valid).error(), "items");
    Result<Query> query = embedded::parse_query(json::trimmed(items.front()));
    if (!query.ok()) return base::with_context(std::move(query).error(), "items");
    filter.query = std::move(*query);
    return {};
}

Status take_optional(Parameters& parameters, std::string_view name, std::optional<std::string>& to) {
    ASSIGN_OR_RETURN(to, parameters.take(name));
    return {};
}

}  // namespace

Result<std::optional<Timestamp>> take_time(Parameters& parameters, std::string_view name, Timestamp now) {
    ASSIGN_OR_RETURN(const std::optional<std::string> text, parameters.take(name));
    if (!text) return std::optional<Timestamp>();
    Result<Timestamp> time = parse_time(*text, now);
    if (!time.ok()) return base::with_context(std::move(time).error(), name);
    return std::optional<Timestamp>(*time);
}

Result<std::optional<Position>> take_position(Parameters& parameters, std::string_view name) {
    ASSIGN_OR_RETURN(const std::optional<std::string> text, parameters.take(name));
    if (!text) return std::optional<Position>();
    Position position;
    const char* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, position.value);
    if (error == std::errc() && stop == end) return std::optional<Position>(position);
    std::string message = std::string(name) + "=" + base::shortened(*text) + ": a position is a whole number from 0 on";
    if (parse_time(*text, {}).ok())
        message += "; for a time use known_at (what was recorded by then) or as_of (what had happened by then)";
    return wrong(std::move(message));
}

Result<std::uint32_t> take_limit(Parameters& parameters, std::uint32_t otherwise, std::uint32_t max) {
    ASSIGN_OR_RETURN(const std::optional<std::uint64_t> limit, parameters.take_number("limit"));
    if (!limit) return otherwise;
    if (*limit >= 1 && *limit <= max) return static_cast<std::uint32_t>(*limit);
    const std::string advice = *limit == 0
                                   ? "to count only, ask for limit=1 and read total_count where the answer has one"
                                   : "for more go on from where the page ends";
    return base::fail(ErrorCode::kLimitExceeded,
                      "limit=" + std::to_string(*limit) + ": 1 to " + std::to_string(max) + " is possible; " + advice);
}

Result<std::string> take_branch(Parameters& parameters) {
    ASSIGN_OR_RETURN(const std::optional<std::string> fork, parameters.take("fork"));
    ASSIGN_OR_RETURN(const std::optional<std::string> branch, parameters.take("branch"));
    if (fork && branch) return wrong("fork and branch mean the same; give one of them");
    const std::string name = fork.value_or(branch.value_or("main"));
    // What a script made of a variable that was not set must not become main.
    if (name.empty()) return wrong("fork is empty; name one, or leave it out to mean main");
    return name;
}

Result<ViewOptions> take_view(Parameters& parameters, Timestamp now) {
    ViewOptions view;
    ASSIGN_OR_RETURN(view.branch, take_branch(parameters));
    ASSIGN_OR_RETURN(view.at, take_position(parameters, "at"));
    ASSIGN_OR_RETURN(view.known_at, take_time(parameters, "known_at", now));
    ASSIGN_OR_RETURN(view.as_of, take_time(parameters, "as_of", now));
    ASSIGN_OR_RETURN(const auto time_travel, take_time(parameters, "time_travel", now));
    if (time_travel && view.as_of) return wrong("as_of and time_travel mean the same; give one of them");
    if (time_travel) view.as_of = time_travel;
    return view;
}

Result<Filter> take_filter(Parameters& parameters, Timestamp now) {
    Filter filter;
    filter.event_types = parameters.take_all("event_type");
    ASSIGN_OR_RETURN(filter.event_type_prefix, parameters.take_text("event_type_prefix"));
    filter.entity_ids = parameters.take_all("entity_id");
    ASSIGN_OR_RETURN(filter.entity_id_prefix, parameters.take_text("entity_id_prefix"));
    filter.tags = parameters.take_all("tag");
    ASSIGN_OR_RETURN(filter.since, take_time(parameters, "since", now));
    ASSIGN_OR_RETURN(filter.until, take_time(parameters, "until", now));
    ASSIGN_OR_RETURN(filter.occurred_since, take_time(parameters, "occurred_since", now));
    ASSIGN_OR_RETURN(filter.occurred_until, take_time(parameters, "occurred_until", now));
    RETURN_IF_ERROR(take_optional(parameters, "correlation_id", filter.correlation_id));
    RETURN_IF_ERROR(take_optional(parameters, "causation_id", filter.causation_id));
    RETURN_IF_ERROR(take_optional(parameters, "actor", filter.actor));
    for (const std::string& test : parameters.take_all("where")) {
        Result<FieldTest> parsed = parse_field_test(test);
        if (!parsed.ok()) return base::with_context(std::move(parsed).error(), "where");
        filter.fields.push_back(std::move(*parsed));
    }
    for (const std::string& json : parameters.take_all("payload_filter"))
        RETURN_IF_ERROR(add_payload_filter(json, filter));
    RETURN_IF_ERROR(add_query(parameters, filter));
    for (const std::vector<std::string>* names : {&filter.event_types, &filter.entity_ids, &filter.tags}) {
        for (const std::string& name : *names) {
            if (name.empty()) return wrong("event_type, entity_id and tag must not be empty; leave them out instead");
        }
    }
    return filter;
}

Result<StateOptions> take_fold(Parameters& parameters, Fold default_fold) {
    StateOptions options{.fold = default_fold};
    // merge-patch is what answers call it.
    ASSIGN_OR_RETURN(const std::string fold,
                     parameters.has("fold")
                         ? parameters.take_word("fold", {"merge", "merge-patch", "merge_patch", "shallow"})
                         : parameters.take_text("fold"));
    if (!fold.empty()) options.fold = fold == "shallow" ? Fold::kShallow : Fold::kMergePatch;
    ASSIGN_OR_RETURN(const std::string order, parameters.take_word("fold_order", {"stream", "occurred"}));
    options.order = order == "occurred" ? FoldOrder::kOccurred : FoldOrder::kStream;
    return options;
}

}  // namespace chronos::wire
