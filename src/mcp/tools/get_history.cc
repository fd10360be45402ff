// The tool get_history: how an entity became what it is, who did it, why, and how long it was so.
#include <algorithm>
#include <map>
#include <utility>

#include "base/result.h"
#include "client/endpoint.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/entity_absence.h"
#include "mcp/tools/event_rows.h"
#include "mcp/tools/request.h"
#include "mcp/tools/schema.h"
#include "mcp/tools/shown.h"
#include "mcp/tools/tool_list.h"
#include "mcp/tools/value_periods.h"
#include "wire/read_request.h"
#include "wire/similar_words.h"

namespace chronos::mcp {
namespace {

constexpr std::uint64_t kEventsMax = 100'000;
constexpr std::uint64_t kLimitDefault = 50;
constexpr std::uint64_t kLimitMax = 1'000;

using Entries = std::vector<HistoryEntry>;

struct Request {
    std::string entity_id, field;
    ViewOptions view;
    StateOptions fold;
    std::vector<std::string> expected_types;
    std::optional<std::uint64_t> after;
    bool is_backward = false;
    std::size_t limit = kLimitDefault;
    std::size_t bytes_max = 0;
};

Result<Request> take_request(const Json& arguments) {
    Request request;
    ASSIGN_OR_RETURN(wire::Parameters parameters, parameters_of(arguments));
    ASSIGN_OR_RETURN(request.entity_id, take_required(parameters, "entity_id"));
    ASSIGN_OR_RETURN(const auto fields, take_pointers(parameters, "field"));
    if (fields.size() > 1) return base::fail(ErrorCode::kInvalidArgument, "one field at a time");
    if (!fields.empty()) request.field = fields.front();
    ASSIGN_OR_RETURN(request.view, take_view(parameters));
    ASSIGN_OR_RETURN(request.fold, wire::take_fold(parameters, Fold::kMergePatch));
    request.expected_types = parameters.take_all("expect_types");
    ASSIGN_OR_RETURN(request.after, parameters.take_number("after"));
    ASSIGN_OR_RETURN(const std::string order, parameters.take_word("order", {"forward", "backward"}));
    request.is_backward = order == "backward";
    ASSIGN_OR_RETURN(const auto limit, parameters.take_number("limit"));
    if (limit && (*limit == 0 || *limit > kLimitMax))
        return base::fail(ErrorCode::kInvalidArgument, "limit is 1 to 1000; for more go on with the cursor");
    request.limit = limit.value_or(kLimitDefault);
    ASSIGN_OR_RETURN(request.bytes_max, take_budget(parameters));
    RETURN_IF_ERROR(parameters.check_all_taken());
    return request;
}

/// All of a history is made for any part of it.
Status check_size(const client::EndpointView& view, const std::string& entity_id) {
    client::EventPage page;
    RETURN_IF_ERROR(view.read_entity(entity_id, {.order = Order::kBackward, .limit = 1}, page));
    if (page.events().empty() || page.events().front().version.value <= kEventsMax) return {};
    return base::fail(ErrorCode::kLimitExceeded,
                      "the entity has more than 100,000 events: use query_events or aggregate, or an earlier view");
}

/// The time for which the view speaks: what has not ended by then lasts until then.
Result<Timestamp> end_of(const client::EndpointView& view, const ViewOptions& options) {
    if (options.as_of) return *options.as_of;
    if (options.known_at) return *options.known_at;
    if (!options.at) return this_second();
    client::EventPage page;
    RETURN_IF_ERROR(view.read({.order = Order::kBackward, .limit = 1}, page));
    return page.events().empty() ? now() : page.events().front().recorded_at;
}

bool is_inside(std::string_view pointer, std::string_view field) {
    return pointer == field || (pointer.starts_with(field) && pointer[field.size()] == '/');
}

bool changes_field(const HistoryEntry& entry, std::string_view field) {
    return field.empty() || std::any_of(entry.changes.begin(), entry.changes.end(), [field](const FieldChange& change) {
               return is_inside(change.pointer, field);
           });
}

Json change_row(const FieldChange& change, Shown& shown) {
    Json row;
    row["field"] = shown.text(change.pointer);
    if (change.before) row["before"] = shown.json(*change.before);
    if (change.after) row["after"] = shown.json(*change.after);
    return row;
}

/// What happened, by whom and why, before what it changed.
Json entry_row(const HistoryEntry& entry, std::string_view field, Shown& shown) {
    Json row;
    row["version"] = entry.event.version.value;
    row["position"] = entry.event.position.value;
    row["event_type"] = shown.text(entry.event.event_type);
    if (!entry.actor.empty()) row["actor"] = shown.text(entry.actor);
    if (!entry.reason.empty()) row["reason"] = shown.text(entry.reason);
    row["occurred_at"] = entry.event.occurred_at.to_string();
    if (entry.event.occurred_at != entry.event.recorded_at) row["recorded_at"] = entry.event.recorded_at.to_string();
    if (entry.duration_ns) row["after_previous"] = duration_json(*entry.duration_ns);
    for (const std::string_view name : {"causation_id", "correlation_id"}) {
        const std::string id = text_member(entry.event.metadata, name);
        if (!id.empty()) row[name] = shown.text(id);
    }
    row["changes"] = Json::array();
    for (const FieldChange& change : entry.changes) {
        if (field.empty() || is_inside(change.pointer, field)) row["changes"].push_back(change_row(change, shown));
    }
    return row;
}

Json counted(const std::map<std::string, std::uint64_t>& counts, Shown& shown) {
    constexpr std::size_t kNamesMax = 40;
    Json out = Json::object();
    for (const auto& [name, count] : counts) {
        if (out.size() == kNamesMax) {
            out["…"] = "+" + std::to_string(counts.size() - kNamesMax);
            break;
        }
        out[shown.text(name)] = count;
    }
    return out;
}

void put_totals(Json& answer, const Entries& entries) {
    const auto [first, last] = std::minmax_element(
        entries.begin(), entries.end(),
        [](const HistoryEntry& a, const HistoryEntry& b) { return a.event.occurred_at < b.event.occurred_at; });
    answer["events"] = entries.size();
    answer["first_occurred_at"] = first->event.occurred_at.to_string();
    answer["last_occurred_at"] = last->event.occurred_at.to_string();
    answer["span"] = duration_json(span_ns(first->event.occurred_at, last->event.occurred_at));
    std::size_t late = 0;
    for (const HistoryEntry& entry : entries) late += entry.duration_ns.value_or(0) < 0 ? 1 : 0;
    if (late > 0) {
        answer["late_events"] = late;
        answer["note"] =
            "entries stand in the order in which they were recorded; some occurred earlier than the entry before "
            "(negative after_previous). Periods of values are by the time at which they occurred";
    }
}

void put_absent_types(Json& answer, const Entries& entries, const std::vector<std::string>& expected) {
    if (expected.empty()) return;
    answer["absent_types"] = Json::array();
    answer["present_types"] = Json::object();
    for (const std::string& type : expected) {
        const auto count = std::count_if(entries.begin(), entries.end(),
                                         [&type](const HistoryEntry& entry) { return entry.event.event_type == type; });
        if (count == 0)
            answer["absent_types"].push_back(type);
        else
            answer["present_types"][type] = count;
    }
    if (!answer["absent_types"].empty())
        answer["absence"] = "no event of the absent types is in this view: there is no evidence that these happened";
}

void put_names(Json& untrusted, const Entries& entries, Shown& shown) {
    std::map<std::string, std::uint64_t> types;
    std::map<std::string, std::uint64_t> actors;
    for (const HistoryEntry& entry : entries) {
        ++types[entry.event.event_type];
        if (!entry.actor.empty()) ++actors[entry.actor];
    }
    untrusted["event_types"] = counted(types, shown);
    untrusted["actors"] = counted(actors, shown);
}

/// What every field is now, was before, and since when.
Json field_rows(const Entries& entries, Timestamp until, Shown& shown) {
    constexpr std::size_t kFieldsMax = 20;
    Json rows = Json::array();
    for (const FieldHistory& field : field_histories(entries)) {
        if (rows.size() == kFieldsMax) break;
        const HistoryEntry& entry = entries[field.entry_index];
        Json row;
        row["field"] = shown.text(field.pointer);
        row["value"] = shown.json(field.value);
        for (const FieldChange& change : entry.changes) {
            if (change.pointer == field.pointer && change.before) row["previous"] = shown.json(*change.before);
        }
        row["since"] = entry.event.occurred_at.to_string();
        row["held_for"] = duration_json(span_ns(entry.event.occurred_at, until))["text"];
        row["changes"] = field.change_count;
        row["version"] = entry.event.version.value;
        rows.push_back(std::move(row));
    }
    return rows;
}

/// The field that may have been meant, if no event ever changed this one.
void explain_unknown_field(Json& answer, const Entries& entries, const std::string& field, Shown& shown) {
    answer["field_ever_set"] = false;
    answer["absence"] = "no event in this view ever set this field: there is no evidence for any value of it";
    std::vector<std::string> known;
    for (const FieldHistory& history : field_histories(entries)) known.push_back(history.pointer);
    answer["untrusted"]["did_you_mean"] = Json::array();
    const std::vector<std::string> near = wire::similar_words(field, known, 5);
    for (const std::string& name : near.empty() ? known : near) {
        if (answer["untrusted"]["did_you_mean"].size() < 20)
            answer["untrusted"]["did_you_mean"].push_back(shown.text(name));
    }
}

void put_entries(Json& answer, const Request& request, std::vector<const HistoryEntry*> wanted, Shown& shown) {
    if (request.is_backward) std::reverse(wanted.begin(), wanted.end());
    Rows rows(bytes_left(answer, request.bytes_max));
    std::optional<std::uint64_t> last_version;
    std::size_t left_out = 0;
    for (const HistoryEntry* entry : wanted) {
        const std::uint64_t version = entry->event.version.value;
        const bool is_before =
            request.after && (request.is_backward ? version >= *request.after : version <= *request.after);
        if (is_before) continue;
        if (left_out > 0 || rows.size() == request.limit || !rows.add(entry_row(*entry, request.field, shown)))
            ++left_out;
        else
            last_version = version;
    }
    if (left_out > 0) {
        answer["complete"] = false;
        answer["cursor"] = {{"after", *last_version}};
        if (answer["view"].contains("at")) answer["cursor"]["at"] = answer["view"]["at"];
        answer["entries_left_out"] = left_out;
    }
    answer["untrusted"]["entries"] = rows.take();
}

Result<ToolAnswer> get_history(const Json& arguments, CallContext& context) {
    ASSIGN_OR_RETURN(const Request request, take_request(arguments));
    ASSIGN_OR_RETURN(const auto view, context.endpoint.view(request.view));
    RETURN_IF_ERROR(check_size(*view, request.entity_id));
    ASSIGN_OR_RETURN(const Entries entries, view->history(request.entity_id, request.fold));
    if (entries.empty()) {
        ASSIGN_OR_RETURN(const State state, view->state(request.entity_id, request.fold));
        ASSIGN_OR_RETURN(ToolAnswer absent, entity_absent(context.endpoint, *view, request.view.branch, state));
        put_absent_types(absent.structured, entries, request.expected_types);
        return absent;
    }
    ASSIGN_OR_RETURN(const Timestamp until, end_of(*view, request.view));
    Shown shown({.string_bytes = std::clamp<std::size_t>(request.bytes_max / 12, 100, 2'000), .element_count = 50});
    Json answer = begun_answer();
    answer["exists"] = true;
    answer["entity_id"] = request.entity_id;
    put_totals(answer, entries);
    answer["until"] = until.to_string();
    answer["uri"] = entity_uri(request.entity_id);
    answer["view"] = view_json(view->info());
    put_absent_types(answer, entries, request.expected_types);
    answer["untrusted"] = Json::object();
    put_names(answer["untrusted"], entries, shown);
    std::vector<const HistoryEntry*> wanted;
    for (const HistoryEntry& entry : entries) {
        if (changes_field(entry, request.field)) wanted.push_back(&entry);
    }
    if (!request.field.empty()) {
        answer["changes_of_field"] = wanted.size();
        if (wanted.empty())
            explain_unknown_field(answer, entries, request.field, shown);
        else
            put_value_periods(answer["untrusted"], entries, request.field, until, shown);
    } else if (!request.after) {
        answer["untrusted"]["fields"] = field_rows(entries, until, shown);
    }
    put_entries(answer, request, std::move(wanted), shown);
    if (shown.cut_count() > 0) answer["values_cut"] = shown.cut_count();
    return answered(std::move(answer));
}

}  // namespace

Tool get_history_tool() {
    Tool tool;
    tool.name = "get_history";
    tool.title = "Get history";
    tool.description =
        "Why, who, when, how long: an entity's events with actor, reason, changes, durations. `field`: periods of each "
        "value. `expect_types`: which never happened.";
    tool.input_schema = input_schema(
        R"({"entity_id":{"type":"string"},"field":{"type":"string"},"expect_types":{"type":"array"},
            "order":{"enum":["forward","backward"]},"limit":{"type":"integer"},"after":{"type":"integer"}})",
        {Shared::kView, Shared::kBudget}, {"entity_id"});
    tool.output_schema = output_schema(
        R"({"complete":{"type":"boolean"},"cursor":{"type":["object","null"]},"exists":{"type":"boolean"},
            "entity_id":{"type":"string"},"events":{"type":"integer"},"span":{"type":"object"},
            "absent_types":{"type":"array"},"changes_of_field":{"type":"integer"},"view":{"type":"object"},
            "untrusted":{"type":"object"}})",
        {"complete", "exists", "entity_id", "view"});
    tool.is_idempotent = true;
    tool.run = answering(FallibleRun(get_history));
    return tool;
}

}  // namespace chronos::mcp
