// The tool get_history: how an entity became what it is, who did it, why, and how long it was so.
#include <algorithm>
#include <map>
#include <utility>

#include "base/result.h"
#include "client/endpoint.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/entity_absence.h"
#include "mcp/tools/event_rows.h"
#include "mcp/tools/refold.h"
#include "mcp/tools/request.h"
#include "mcp/tools/schema.h"
#include "mcp/tools/searched.h"
#include "mcp/tools/shown.h"
#include "mcp/tools/tool_list.h"
#include "mcp/tools/value_periods.h"
#include "mcp/tools/view_end.h"
#include "wire/late_events.h"
#include "wire/read_request.h"
#include "wire/similar_words.h"

namespace chronos::mcp {
namespace {

constexpr std::uint64_t kEventsMax = 100'000;
constexpr std::string_view kHowToSeeMore = "raise max_tokens, or ask for one field, or aggregate by type or actor";
constexpr std::string_view kHowToSeeMoreOfField = "raise max_tokens, or name a field inside of this one";
constexpr std::uint64_t kLimitDefault = 50;
constexpr std::uint64_t kLimitMax = 1'000;

using Entries = std::vector<HistoryEntry>;

struct Request {
    std::string entity_id, field;
    ViewOptions view;
    StateOptions fold;
    std::vector<std::string> expected_types;
    std::optional<std::uint64_t> after;
    std::optional<Timestamp> now;  ///< Of the first page.
    bool is_backward = false;
    bool has_order = false;
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
    const bool has_order = parameters.has("fold_order");
    ASSIGN_OR_RETURN(request.fold, wire::take_fold(parameters, Fold::kMergePatch));
    // How long a value held is a question about what happened, not about when it was told.
    if (!has_order && !request.field.empty()) request.fold.order = FoldOrder::kOccurred;
    request.expected_types = parameters.take_all("expect_types");
    RETURN_IF_ERROR(check_whole_types(request.expected_types, "expect_types"));
    ASSIGN_OR_RETURN(request.after, parameters.take_number("after"));
    ASSIGN_OR_RETURN(request.now, wire::take_time(parameters, "now", now()));
    request.has_order = parameters.has("order");
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

Json change_row(const FieldChange& change, Shown& shown) {
    Json row;
    row["field"] = shown.text(change.pointer);
    if (change.before) row["before"] = shown.json(*change.before);
    if (change.after) row["after"] = shown.json(*change.after);
    return row;
}

/// What happened, by whom and why, before what it changed.
Json entry_row(const HistoryEntry& entry, const Request& request, Shown& shown) {
    const std::string& field = request.field;
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
    // A row takes no more than a part of an answer, if it need not.
    Rows changes(request.bytes_max / 3);
    std::size_t left_out = 0;
    for (const FieldChange& change : entry.changes) {
        const bool is_wanted = field.empty() || is_inside(change.pointer, field) || is_inside(field, change.pointer);
        if (is_wanted && (left_out > 0 || !changes.add(change_row(change, shown)))) ++left_out;
    }
    row["changes"] = changes.take();
    if (left_out > 0) row["changes_left_out"] = left_out;
    return row;
}

void put_totals(Json& answer, const Entries& by_version, FoldOrder order) {
    Timestamp first = by_version.front().event.occurred_at;
    Timestamp last = first;
    std::size_t late = 0;
    for (const HistoryEntry& entry : by_version) {
        first = std::min(first, entry.event.occurred_at);
        if (entry.event.occurred_at < last) ++late;
        last = std::max(last, entry.event.occurred_at);
    }
    answer["events"] = by_version.size();
    answer["first_occurred_at"] = first.to_string();
    answer["last_occurred_at"] = last.to_string();
    answer["span"] = duration_json(span_ns(first, last));
    answer["fold_order"] = order == FoldOrder::kOccurred ? "occurred" : "stream";
    if (late == 0) return;
    answer["late_events"] = late;
    answer["note"] = order == FoldOrder::kOccurred ? "late events count where they occurred; entries stand as recorded"
                                                   : "fold_order=occurred puts late events where they belong";
}

std::optional<Timestamp> last_occurred_at(const Entries& entries) {
    std::optional<Timestamp> last;
    for (const HistoryEntry& entry : entries) last = std::max(last, std::optional(entry.event.occurred_at));
    return last;
}

Status put_absent_types(Json& answer, const client::EndpointView& view, const Entries& entries,
                        const Request& request) {
    const std::vector<std::string>& expected = request.expected_types;
    if (expected.empty()) return {};
    std::size_t bytes = 0;
    std::size_t left_out = 0;
    answer["absent_types"] = Json::array();
    answer["present_types"] = Json::object();
    for (const std::string& type : expected) {
        const std::string word = shown_word(type);
        bytes += word.size() + std::string_view("\"\":99999,").size();
        if (bytes > request.bytes_max / 6) {
            ++left_out;
            continue;
        }
        const auto count = std::count_if(entries.begin(), entries.end(),
                                         [&type](const HistoryEntry& entry) { return entry.event.event_type == type; });
        if (count == 0)
            answer["absent_types"].push_back(word);
        else
            answer["present_types"][word] = count;
    }
    if (left_out > 0) {
        answer["types_left_out"] = left_out;
        mark_incomplete(answer, "fewer expect_types in one call, or raise max_tokens");
    }
    if (answer["absent_types"].empty()) return {};
    answer["absence"] = "no event of the absent types is in this view: there is no evidence that these happened";
    ASSIGN_OR_RETURN(Json similar, similar_types(view, expected));
    if (similar.empty()) return {};
    answer["untrusted"]["similar_types"] = std::move(similar);
    return {};
}

/// The most frequent names, as many as fit; answers whether all of them did.
bool put_counts(Json& untrusted, std::string_view name, const std::map<std::string, std::uint64_t>& counts,
                std::size_t bytes_max, Shown& shown) {
    constexpr std::size_t kNamesMax = 40;
    std::vector<std::pair<std::string, std::uint64_t>> sorted(counts.begin(), counts.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    Json out = Json::object();
    std::size_t bytes = 0;
    std::size_t left_out = 0;
    for (const auto& [text, count] : sorted) {
        const std::string key = left_out == 0 ? shown.text(text) : std::string();
        bytes += key.size() + std::string_view("\"\":99,").size();
        if (left_out > 0 || out.size() == kNamesMax || bytes > bytes_max)
            ++left_out;
        else
            out[key] = count;
    }
    if (left_out > 0) out["…"] = "+" + std::to_string(left_out);
    untrusted[name] = std::move(out);
    return left_out == 0;
}

bool put_names(Json& untrusted, const Entries& entries, std::size_t bytes_max, Shown& shown) {
    std::map<std::string, std::uint64_t> types;
    std::map<std::string, std::uint64_t> actors;
    for (const HistoryEntry& entry : entries) {
        ++types[entry.event.event_type];
        if (!entry.actor.empty()) ++actors[entry.actor];
    }
    const bool has_all_types = put_counts(untrusted, "event_types", types, bytes_max / 2, shown);
    return put_counts(untrusted, "actors", actors, bytes_max / 2, shown) && has_all_types;
}

/// What every field is now, was before, and since when: as many as fit.
void put_fields(Json& answer, const Entries& entries, Timestamp until, std::size_t bytes_max, Shown& shown) {
    constexpr std::size_t kFieldsMax = 20;
    constexpr std::int64_t kSecondNs = 1'000'000'000;  // `until` is in whole seconds where it is now.
    const bool may_be_late = answer.contains("late_events") && answer["fold_order"] == "stream";
    Rows rows(bytes_max);
    const std::vector<FieldHistory> fields = field_histories(entries);
    for (const FieldHistory& field : fields) {
        if (rows.size() == kFieldsMax) break;
        const HistoryEntry& entry = entries[field.entry_index];
        Json row;
        row["field"] = shown.text(field.pointer);
        row["value"] = shown.json(field.value);
        for (const FieldChange& change : entry.changes) {
            if (change.pointer == field.pointer && change.before) row["previous"] = shown.json(*change.before);
        }
        const bool is_late = may_be_late && wire::is_set_late(entries, field);
        const Timestamp since = is_late ? entry.event.recorded_at : entry.event.occurred_at;
        // A view that ends by occurrence says nothing of what was recorded behind its end.
        const bool is_behind_end = is_late && span_ns(until, since) >= kSecondNs;
        if (!is_behind_end) row["since"] = since.to_string();
        if (is_late) row["since_is"] = is_behind_end ? "recorded after the end of the view" : "recorded";
        // By an end that is a time of occurrence it cannot be said how long something is recorded.
        if (!is_late || span_ns(until, since) < kSecondNs)
            row["held_for"] = duration_json(std::max<std::int64_t>(span_ns(since, until), 0))["text"];
        row["changes"] = field.change_count;
        row["version"] = entry.event.version.value;
        if (!rows.add_if_it_fits(std::move(row))) break;
    }
    if (rows.size() < fields.size()) {
        answer["fields_left_out"] = fields.size() - rows.size();
        mark_incomplete(answer, kHowToSeeMore);
    }
    answer["untrusted"]["fields"] = rows.take();
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

/// Says where the next page goes on: in the same view, behind this version, with the same now.
void put_cursor(Json& answer, const Request& request, const ViewInfo& info, std::uint64_t last_version) {
    answer["complete"] = false;
    answer["cursor"] = {{"after", last_version}};
    pin_view(answer["cursor"], info);
    if (request.now || !request.view.at) answer["cursor"]["now"] = answer["until"];
}

void put_entries(Json& answer, const Request& request, const ViewInfo& info, const Entries& entries, Shown& shown) {
    std::vector<const HistoryEntry*> wanted;
    for (const HistoryEntry& entry : entries) wanted.push_back(&entry);
    std::sort(wanted.begin(), wanted.end(),
              [](const HistoryEntry* a, const HistoryEntry* b) { return a->event.version < b->event.version; });
    if (request.is_backward) std::reverse(wanted.begin(), wanted.end());
    Rows rows(bytes_left(answer, request.bytes_max));
    std::optional<std::uint64_t> last_version;
    std::size_t left_out = 0;
    for (const HistoryEntry* entry : wanted) {
        const std::uint64_t version = entry->event.version.value;
        const bool is_before =
            request.after && (request.is_backward ? version >= *request.after : version <= *request.after);
        if (is_before) continue;
        if (left_out > 0 || rows.size() == request.limit || !rows.add(entry_row(*entry, request, shown)))
            ++left_out;
        else
            last_version = version;
    }
    if (left_out > 0) answer["entries_left_out"] = left_out;
    if (left_out > 0 && last_version) put_cursor(answer, request, info, *last_version);
    answer["untrusted"]["entries"] = rows.take();
}

/// The values that a field had, each with the events that changed it.
Status put_field(Json& answer, const Request& request, const ViewInfo& info, const Entries& entries, Timestamp until,
                 Shown& shown) {
    const PeriodRequest wanted{
        .field = request.field,
        .fold = request.fold,
        .until = until,
        .after = request.after,
        .is_backward = !request.has_order || request.is_backward,
        .limit = request.limit,
        .bytes_max = bytes_left(answer, request.bytes_max),
        .entry_row = [&](const HistoryEntry& entry) { return entry_row(entry, request, shown); }};
    ASSIGN_OR_RETURN(PeriodPage page, value_periods(entries, wanted, shown));
    if (page.left_out > 0 && page.last) {
        answer["periods_left_out"] = page.left_out;
        put_cursor(answer, request, info, *page.last);
    }
    if (page.entries_left_out > 0) answer["entries_left_out"] = page.entries_left_out;
    if (page.entries_left_out > 0 || page.has_totals_left_out) mark_incomplete(answer, kHowToSeeMoreOfField);
    answer["untrusted"]["periods"] = std::move(page.periods);
    if (!page.time_by_value.is_null()) answer["untrusted"]["time_by_value"] = std::move(page.time_by_value);
    if (request.is_backward) std::reverse(page.entries.begin(), page.entries.end());
    answer["untrusted"]["entries"] = std::move(page.entries);
    return {};
}

Result<ToolAnswer> get_history(const Json& arguments, CallContext& context) {
    ASSIGN_OR_RETURN(const Request request, take_request(arguments));
    ASSIGN_OR_RETURN(const auto view, context.endpoint.view(request.view));
    RETURN_IF_ERROR(check_size(*view, request.entity_id));
    ASSIGN_OR_RETURN(Entries entries, view->history(request.entity_id, {.fold = request.fold.fold}));
    if (entries.empty()) {
        ASSIGN_OR_RETURN(const State state, view->state(request.entity_id, request.fold));
        ASSIGN_OR_RETURN(ToolAnswer absent, entity_absent(context.endpoint, *view, request.view.branch, state));
        RETURN_IF_ERROR(put_absent_types(absent.structured, *view, entries, request));
        return absent;
    }
    Shown shown({.string_bytes = std::clamp<std::size_t>(request.bytes_max / 12, 60, 2'000), .element_count = 50});
    Json answer = begun_answer();
    answer["exists"] = true;
    answer["entity_id"] = request.entity_id;
    put_totals(answer, entries, request.fold.order);
    ASSIGN_OR_RETURN(const Timestamp until, end_of(*view, request.view, last_occurred_at(entries), request.now));
    answer["until"] = until.to_string();
    answer["uri"] = entity_uri(request.entity_id, request.view, view->info());
    answer["view"] = view_json(view->info());
    answer["untrusted"] = Json::object();
    RETURN_IF_ERROR(put_absent_types(answer, *view, entries, request));
    // Those of later pages are the same.
    if (!request.after && !put_names(answer["untrusted"], entries, bytes_left(answer, request.bytes_max) / 4, shown))
        mark_incomplete(answer, request.field.empty() ? kHowToSeeMore : kHowToSeeMoreOfField);
    if (request.fold.order == FoldOrder::kOccurred) {
        ASSIGN_OR_RETURN(entries, by_occurrence(std::move(entries), request.fold.fold));
    }
    if (request.field.empty()) {
        if (!request.after) put_fields(answer, entries, until, bytes_left(answer, request.bytes_max) / 2, shown);
        put_entries(answer, request, view->info(), entries, shown);
    } else {
        const auto changes = std::count_if(entries.begin(), entries.end(), [&request](const HistoryEntry& entry) {
            return touches(entry, request.field);
        });
        answer["changes_of_field"] = changes;
        if (changes == 0) explain_unknown_field(answer, entries, request.field, shown);
        RETURN_IF_ERROR(put_field(answer, request, view->info(), entries, until, shown));
    }
    const Json& rows = answer["untrusted"]["entries"];
    if (std::any_of(rows.begin(), rows.end(), [](const Json& row) { return row.contains("changes_left_out"); }))
        mark_incomplete(answer, request.field.empty() ? kHowToSeeMore : kHowToSeeMoreOfField);
    if (shown.cut_count() > 0) {
        answer["values_cut"] = shown.cut_count();
        mark_incomplete(answer, request.field.empty() ? kHowToSeeMore : kHowToSeeMoreOfField);
    }
    return answered(std::move(answer));
}

}  // namespace

Tool get_history_tool() {
    Tool tool;
    tool.name = "get_history";
    tool.title = "Get history";
    tool.description =
        "Why, who, when, how long: an entity's events and their changes. `field`: periods of each "
        "value. `expect_types`: which never happened.";
    tool.input_schema = input_schema(
        R"({"entity_id":{"type":"string"},"field":{"type":"string"},"expect_types":{"type":"array"},
            "fold_order":{"enum":["stream","occurred"]},"order":{"enum":["forward","backward"]},
            "limit":{"type":"integer"},"after":{"type":"integer"},"now":{"type":"string"}})",
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
