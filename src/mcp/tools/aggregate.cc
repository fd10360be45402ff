// The tool aggregate: arithmetic over events, done here and not by the model.
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/result.h"
#include "client/endpoint.h"
#include "mcp/tools/aggregation.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/request.h"
#include "mcp/tools/schema.h"
#include "mcp/tools/searched.h"
#include "mcp/tools/shown.h"
#include "mcp/tools/tool_list.h"

namespace chronos::mcp {
namespace {

constexpr std::uint64_t kEventsMax = 500'000;
constexpr std::uint32_t kPage = 1'000;
constexpr std::uint64_t kLimitDefault = 50;
constexpr std::uint64_t kLimitMax = 1'000;

const std::vector<std::string> kOperations{"count", "sum", "avg", "min", "max", "distinct", "duration", "sequence"};

struct Request {
    Aggregation aggregation;
    ViewOptions view;
    Filter filter;
    std::size_t limit = kLimitDefault;
    std::size_t after = 0;  ///< Groups of the pages before.
    std::size_t bytes_max = 0;
};

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

Status check(const Aggregation& wanted) {
    const bool needs_field = wanted.operation == "sum" || wanted.operation == "avg" || wanted.operation == "min" ||
                             wanted.operation == "max" || wanted.operation == "distinct";
    if (needs_field && wanted.field.empty())
        return wrong("op " + wanted.operation + " needs field, a JSON pointer into the payload such as /total");
    if (wanted.operation == "duration" && (wanted.from_type.empty() || wanted.to_type.empty()))
        return wrong(
            "op duration needs from_type and to_type: the event types at which it begins and ends, per entity");
    static constexpr std::array<std::string_view, 6> kGroups{"type", "entity", "actor", "day", "hour", "month"};
    const bool is_known = wanted.by.empty() || wanted.by.starts_with('/') ||
                          std::find(kGroups.begin(), kGroups.end(), wanted.by) != kGroups.end();
    if (!is_known) return wrong("by is type, entity, actor, day, hour, month, or a JSON pointer such as /status");
    return {};
}

Result<Request> take_request(const Json& arguments) {
    Request request;
    ASSIGN_OR_RETURN(wire::Parameters parameters, parameters_of(arguments));
    Aggregation& wanted = request.aggregation;
    ASSIGN_OR_RETURN(wanted.operation, take_required(parameters, "op"));
    if (std::find(kOperations.begin(), kOperations.end(), wanted.operation) == kOperations.end())
        return wrong("op is one of count, sum, avg, min, max, distinct, duration, sequence");
    ASSIGN_OR_RETURN(const auto fields, take_pointers(parameters, "field"));
    if (fields.size() > 1) return wrong("one field at a time");
    if (!fields.empty()) wanted.field = fields.front();
    ASSIGN_OR_RETURN(wanted.by, parameters.take_text("by"));
    ASSIGN_OR_RETURN(wanted.from_type, parameters.take_text("from_type"));
    ASSIGN_OR_RETURN(wanted.to_type, parameters.take_text("to_type"));
    ASSIGN_OR_RETURN(request.view, take_view(parameters));
    ASSIGN_OR_RETURN(request.filter, take_filter(parameters));
    ASSIGN_OR_RETURN(const auto limit, parameters.take_number("limit"));
    if (limit && (*limit == 0 || *limit > kLimitMax)) return wrong("limit is 1 to 1000 groups");
    request.limit = limit.value_or(kLimitDefault);
    ASSIGN_OR_RETURN(const auto after, parameters.take_number("after"));
    request.after = after.value_or(0);
    ASSIGN_OR_RETURN(request.bytes_max, take_budget(parameters));
    RETURN_IF_ERROR(parameters.check_all_taken());
    RETURN_IF_ERROR(check(wanted));
    RETURN_IF_ERROR(check_whole_types({wanted.from_type}, "from_type"));
    RETURN_IF_ERROR(check_whole_types({wanted.to_type}, "to_type"));
    if (wanted.operation == "duration" && request.filter.event_types.empty())
        request.filter.event_types = {wanted.from_type, wanted.to_type};
    return request;
}

/// Whether every event that matches was looked at.
Result<bool> look_at_all(const client::EndpointView& view, const Request& request, Aggregator& aggregator,
                         CallContext& context) {
    ReadOptions options{.filter = request.filter, .limit = kPage};
    client::EventPage page;
    std::uint64_t looked_at = 0;
    do {
        RETURN_IF_ERROR(check_not_cancelled(context));
        RETURN_IF_ERROR(view.read(options, page));
        for (const EventView& event : page.events()) aggregator.add(event);
        looked_at += page.events().size();
        options.cursor = page.next_cursor();
        if (context.progress) context.progress(static_cast<double>(looked_at), 0, "events");
    } while (page.has_more() && looked_at < kEventsMax);
    return !page.has_more();
}

/// What needs no look at the events themselves.
bool is_plain_count(const Aggregation& wanted) {
    return wanted.operation == "count" && wanted.field.empty() && wanted.by.empty();
}

/// What may have been meant by names that nothing has.
Status explain_absence(Json& answer, const client::EndpointView& view, const Request& request,
                       const Aggregator& aggregator, const Json& arguments) {
    const Aggregation& wanted = request.aggregation;
    Json meant = Json::object();
    if (answer["events"] == 0) {
        ASSIGN_OR_RETURN(meant, did_you_mean(view, request.filter));
    } else {
        // That there are events of one type says nothing of another.
        std::vector<std::string> types;
        if (request.filter.event_types.size() > 1) types = request.filter.event_types;
        if (wanted.operation == "duration") types.insert(types.end(), {wanted.from_type, wanted.to_type});
        if (!types.empty()) {
            ASSIGN_OR_RETURN(Json similar, similar_types(view, types));
            if (!similar.empty()) meant["event_type"] = std::move(similar);
        }
    }
    for (const auto& [lacks, field] :
         {std::pair(aggregator.lacks_field(), wanted.field), std::pair(aggregator.lacks_group_field(), wanted.by)}) {
        if (!lacks) continue;
        ASSIGN_OR_RETURN(Json fields, similar_fields(view, request.filter.event_types, field));
        if (!fields.empty()) meant["field"] = std::move(fields);
    }
    if (answer["events"] == 0 || !meant.empty()) {
        ASSIGN_OR_RETURN(answer["searched"], searched(view, arguments));
    }
    if (!meant.empty()) answer["untrusted"]["did_you_mean"] = std::move(meant);
    return {};
}

Result<ToolAnswer> aggregate(const Json& arguments, CallContext& context) {
    ASSIGN_OR_RETURN(const Request request, take_request(arguments));
    ASSIGN_OR_RETURN(const auto view, context.endpoint.view(request.view));
    Json answer = begun_answer();
    answer["op"] = request.aggregation.operation;
    Aggregator aggregator(request.aggregation);
    if (is_plain_count(request.aggregation)) {
        ASSIGN_OR_RETURN(const std::uint64_t count, view->count(request.filter));
        answer["events"] = count;
        answer["result"] = {{"count", count}};
    } else {
        ASSIGN_OR_RETURN(const bool is_complete, look_at_all(*view, request, aggregator, context));
        aggregator.finish();
        answer["complete"] = is_complete;
        answer["events"] = aggregator.event_count();
        if (!is_complete)
            answer["try"] = "only the first 500,000 events that match were counted; narrow the filter or the times";
        aggregator.put_result(answer);
    }
    answer["view"] = view_json(view->info());
    answer["untrusted"] = Json::object();
    RETURN_IF_ERROR(explain_absence(answer, *view, request, aggregator, arguments));
    Shown shown({.string_bytes = 200, .element_count = 20});
    const GroupPage page{
        .after = request.after, .limit = request.limit, .bytes_max = bytes_left(answer, request.bytes_max)};
    Json stored = aggregator.rows(page, shown);
    if (stored.contains("left_out")) {
        answer["groups_left_out"] = stored["left_out"];
        answer["complete"] = false;
        answer["cursor"] = {{"after", stored["next_after"]}};
        pin_view(answer["cursor"], view->info());
        stored.erase("left_out");
        stored.erase("next_after");
    }
    if (shown.cut_count() > 0) mark_incomplete(answer, "long values were cut: narrow the filter, or query_events");
    answer["untrusted"].update(stored);
    return answered(std::move(answer));
}

}  // namespace

Tool aggregate_tool() {
    Tool tool;
    tool.name = "aggregate";
    tool.title = "Aggregate";
    tool.description =
        "Arithmetic over events. `by`: type, entity, actor, day, hour, month or /field. duration: "
        "from_type to to_type per entity. sequence: what follows what.";
    tool.input_schema = input_schema(
        R"({"op":{"enum":["count","sum","avg","min","max","distinct","duration","sequence"]},"field":{"type":"string"},
            "by":{"type":"string"},"from_type":{"type":"string"},"to_type":{"type":"string"},
            "limit":{"type":"integer"},"after":{"type":"integer"}})",
        {Shared::kFilter, Shared::kView, Shared::kBudget}, {"op"});
    tool.output_schema = output_schema(
        R"({"complete":{"type":"boolean"},"cursor":{"type":["object","null"]},"op":{"type":"string"},"events":{"type":"integer"},
            "result":{"type":"object"},"groups":{"type":"integer"},"view":{"type":"object"},
            "searched":{"type":"object"},"untrusted":{"type":"object"}})",
        {"complete", "op", "events", "view"});
    tool.is_idempotent = true;
    tool.run = answering(FallibleRun(aggregate));
    return tool;
}

}  // namespace chronos::mcp
