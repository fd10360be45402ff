// The tool query_events: events by filter or id, in order, now or as they come.
#include <algorithm>
#include <chrono>
#include <thread>

#include "base/result.h"
#include "client/endpoint.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/event_rows.h"
#include "mcp/tools/request.h"
#include "mcp/tools/schema.h"
#include "mcp/tools/searched.h"
#include "mcp/tools/tool_list.h"
#include "wire/read_request.h"

namespace chronos::mcp {
namespace {

constexpr std::uint32_t kLimitDefault = 50;
constexpr std::uint32_t kLimitMax = 1'000;
constexpr std::size_t kIdsMax = 100;
/// Of an id in a list.
constexpr std::size_t kIdBytes = 39;
constexpr std::uint64_t kWaitMax = 25;
constexpr std::uint32_t kWaitStepMs = 250;

struct Request {
    ViewOptions view;
    ReadOptions read;
    std::vector<std::string> ids;
    RowShape shape;
    bool after_head = false;
    bool counts_only = false;
    std::uint64_t wait_seconds = 0;
    std::size_t bytes_max = 0;
};

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

Status take_place(wire::Parameters& parameters, Request& request) {
    ASSIGN_OR_RETURN(const std::string order, parameters.take_word("order", {"forward", "backward", "asc", "desc"}));
    request.read.order = order == "backward" || order == "desc" ? Order::kBackward : Order::kForward;
    wire::Parameters place;
    ASSIGN_OR_RETURN(const auto after, parameters.take("after"));
    request.after_head = after == "head";
    if (after && !request.after_head) place.add("after", *after);
    ASSIGN_OR_RETURN(request.read.after, wire::take_position(place, "after"));
    ASSIGN_OR_RETURN(const auto wait, parameters.take_number("wait_seconds"));
    request.wait_seconds = wait.value_or(0);
    if (request.wait_seconds > kWaitMax) return wrong("wait_seconds is at most 25; call again with the same after");
    const ViewOptions& view = request.view;
    const bool is_past = view.at || view.known_at || view.as_of || request.read.order == Order::kBackward;
    if (request.wait_seconds > 0 && is_past)
        return wrong("wait_seconds waits for what comes: leave at, known_at, as_of and backward order out");
    return {};
}

Result<Request> take_request(const Json& arguments) {
    Request request;
    ASSIGN_OR_RETURN(wire::Parameters parameters, parameters_of(arguments));
    ASSIGN_OR_RETURN(request.view, take_view(parameters));
    ASSIGN_OR_RETURN(request.read.filter, take_filter(parameters));
    RETURN_IF_ERROR(take_place(parameters, request));
    ASSIGN_OR_RETURN(const auto limit, parameters.take_number("limit"));
    if (limit && *limit > kLimitMax) return wrong("limit is at most 1000; for more go on with the cursor");
    request.counts_only = limit == 0;
    request.read.limit = static_cast<std::uint32_t>(std::max<std::uint64_t>(limit.value_or(kLimitDefault), 1));
    ASSIGN_OR_RETURN(request.shape.fields, take_pointers(parameters, "fields"));
    ASSIGN_OR_RETURN(const std::string format, parameters.take_word("format", {"json", "table"}));
    request.shape.is_table = format == "table";
    request.ids = parameters.take_all("ids");
    if (request.ids.size() > kIdsMax) return wrong("at most 100 ids in one call");
    if (!request.ids.empty() && request.after_head) return wrong("ids are not followed: leave after out");
    ASSIGN_OR_RETURN(request.bytes_max, take_budget(parameters));
    RETURN_IF_ERROR(parameters.check_all_taken());
    return request;
}

/// Each event with the caps that let about four of them fit.
Shown shown_for(std::size_t bytes_max) {
    return Shown({.string_bytes = std::clamp<std::size_t>(bytes_max / 8, 100, 4'000),
                  .element_count = std::clamp<std::size_t>(bytes_max / 200, 10, 200)});
}

void put_rows(Json& answer, EventRows& rows, const RowShape& shape, const Shown& shown) {
    answer["returned"] = rows.size();
    if (shown.cut_count() > 0) {
        answer["values_cut"] = shown.cut_count();
        mark_incomplete(answer, "long values were cut: name the payload fields that matter, or raise max_tokens");
    }
    Json& events = answer["untrusted"]["events"];
    if (!shape.is_table) {
        events = rows.take();
        return;
    }
    events["columns"] = event_columns();
    events["rows"] = rows.take();
}

Result<ToolAnswer> events_by_id(const client::EndpointView& view, const Request& request) {
    Json answer = begun_answer();
    answer["count"] = 0;
    answer["view"] = view_json(view.info());
    Shown shown = shown_for(request.bytes_max);
    EventRows rows(request.shape, bytes_left(answer, request.bytes_max));
    Json missing = Json::array();
    std::size_t missing_bytes = 0;
    std::uint64_t found_count = 0;
    // The place in the list, as positions are the place in the store.
    const std::size_t begin = request.read.after ? request.read.after->value : 0;
    std::optional<std::size_t> next;  // The first that has no room.
    for (std::size_t i = 0; i < request.ids.size(); ++i) {
        ASSIGN_OR_RETURN(const Uuid id, Uuid::parse(request.ids[i]));
        client::EventPage page;
        const Status read = view.read_event(id, page);
        if (!read.ok() && read.error().code != ErrorCode::kNotFound) return read.error();
        if (read.ok()) ++found_count;
        if (i < begin || next) continue;
        const bool fits = read.ok() ? rows.add(page.events().front(), shown, missing_bytes)
                                    : rows.has_room_for(missing_bytes + kIdBytes);
        if (!fits) {
            next = i;
        } else if (!read.ok()) {
            missing.push_back(id.to_string());
            missing_bytes += kIdBytes;
        }
    }
    answer["count"] = found_count;
    if (next) {
        answer["complete"] = false;
        answer["cursor"] = {{"after", *next}};
        pin_view(answer["cursor"], view.info());
    }
    if (!missing.empty()) answer["missing_ids"] = std::move(missing);
    put_rows(answer, rows, request.shape, shown);
    return answered(std::move(answer));
}

/// Waits on the store itself where it can, else a little while.
Status wait_a_step(client::Endpoint& endpoint, const Request& request, std::optional<Follower>& follower) {
    Store* store = endpoint.local();
    if (store == nullptr) {
        std::this_thread::sleep_for(std::chrono::milliseconds(kWaitStepMs));
        return {};
    }
    if (!follower) {
        ASSIGN_OR_RETURN(
            Follower opened,
            store->follow({.branch = request.view.branch, .filter = request.read.filter, .after = request.read.after}));
        follower.emplace(std::move(opened));
    }
    Page page;
    return follower->next(1, kWaitStepMs, page);
}

/// The view in which something matches, or the last one looked at.
Result<std::unique_ptr<client::EndpointView>> waited_view(CallContext& context, const Request& request,
                                                          client::EventPage& page) {
    std::optional<Follower> follower;
    const std::uint64_t steps = request.wait_seconds * 1'000 / kWaitStepMs;
    for (std::uint64_t step = 0;; ++step) {
        ASSIGN_OR_RETURN(auto view, context.endpoint.view(request.view));
        RETURN_IF_ERROR(view->read(request.read, page));
        if (!page.events().empty() || step == steps) return view;
        RETURN_IF_ERROR(check_not_cancelled(context));
        if (context.progress) context.progress(static_cast<double>(step), static_cast<double>(steps), "waiting");
        RETURN_IF_ERROR(wait_a_step(context.endpoint, request, follower));
    }
}

/// Says where the next call goes on: in the same view, behind the last event that was given.
void put_cursor(Json& answer, const ViewInfo& info, const EventView& last) {
    answer["complete"] = false;
    answer["cursor"] = {{"after", last.position.value}};
    pin_view(answer["cursor"], info);
}

/// Where the next call looks for what comes: behind all that this one gave or looked at, and in no fixed view.
void put_place_to_follow(Json& answer, const std::optional<Position>& place) {
    answer["cursor"] = {{"after", place ? Json(place->value) : Json("head")}};
}

Status explain_nothing(Json& answer, const client::EndpointView& view, const Request& request, const Json& arguments) {
    ASSIGN_OR_RETURN(answer["searched"], searched(view, arguments));
    answer["untrusted"]["events"] = Json::array();
    ASSIGN_OR_RETURN(Json meant, did_you_mean(view, request.read.filter));
    if (!meant.empty()) answer["untrusted"]["did_you_mean"] = std::move(meant);
    return {};
}

/// Those of the types of which the view has no event at all.
Result<Json> absent_types(const client::EndpointView& view, const std::vector<std::string>& types) {
    constexpr std::size_t kNamesMax = 20;
    Json absent = Json::array();
    for (const std::string& type : types) {
        ASSIGN_OR_RETURN(const std::uint64_t count, view.count({.event_types = {type}}));
        if (count == 0 && absent.size() < kNamesMax) absent.push_back(shown_word(type));
    }
    return absent;
}

Result<ToolAnswer> query_events(const Json& arguments, CallContext& context) {
    ASSIGN_OR_RETURN(Request request, take_request(arguments));
    ASSIGN_OR_RETURN(auto view, context.endpoint.view(request.view));
    if (!request.ids.empty()) return events_by_id(*view, request);
    if (request.after_head) request.read.after = view->info().at;
    client::EventPage page;
    if (request.wait_seconds > 0) {
        ASSIGN_OR_RETURN(view, waited_view(context, request, page));
    } else if (!request.counts_only) {
        RETURN_IF_ERROR(view->read(request.read, page));
    }
    Json answer = begun_answer();
    ASSIGN_OR_RETURN(const std::uint64_t count, view->count(request.read.filter));
    answer["count"] = count;
    answer["returned"] = 0;
    answer["view"] = view_json(view->info());
    if (request.counts_only) {
        if (count == 0) RETURN_IF_ERROR(explain_nothing(answer, *view, request, arguments));
        return answered(std::move(answer));
    }
    const bool is_following = request.after_head || request.wait_seconds > 0;
    if (page.events().empty()) {
        if (is_following) put_place_to_follow(answer, view->info().at);
        RETURN_IF_ERROR(explain_nothing(answer, *view, request, arguments));
        return answered(std::move(answer));
    }
    if (request.read.filter.event_types.size() > 1) {
        // That there are events of the one says nothing of the other.
        ASSIGN_OR_RETURN(Json similar, similar_types(*view, request.read.filter.event_types));
        if (!similar.empty()) {
            ASSIGN_OR_RETURN(answer["absent_types"], absent_types(*view, request.read.filter.event_types));
            answer["untrusted"]["did_you_mean"]["event_type"] = std::move(similar);
        }
    }
    Shown shown = shown_for(request.bytes_max);
    EventRows rows(request.shape, bytes_left(answer, request.bytes_max));
    std::size_t given = 0;
    while (given < page.events().size() && rows.add(page.events()[given], shown)) ++given;
    const bool has_more = given < page.events().size() || page.has_more();
    if (has_more) put_cursor(answer, view->info(), page.events()[given - 1]);
    if (is_following) put_place_to_follow(answer, has_more ? page.events()[given - 1].position : view->info().at);
    put_rows(answer, rows, request.shape, shown);
    return answered(std::move(answer));
}

}  // namespace

Tool query_events_tool() {
    Tool tool;
    tool.name = "query_events";
    tool.title = "Query events";
    tool.description =
        "Events by filter or ids, in order. `where`: \"/total >= 100\". limit 0 only counts. To follow: after \"head\" "
        "or a position, wait_seconds <= 25.";
    tool.input_schema = input_schema(
        R"({"ids":{"type":"array"},"correlation_id":{"type":"string"},
            "order":{"enum":["forward","backward"]},"limit":{"type":"integer"},"after":{},
            "wait_seconds":{"type":"integer"},"fields":{"type":"array"},
            "format":{"enum":["json","table"]}})",
        {Shared::kFilter, Shared::kView, Shared::kBudget});
    tool.output_schema = output_schema(
        R"({"complete":{"type":"boolean"},"cursor":{"type":["object","null"]},"count":{"type":"integer"},
            "returned":{"type":"integer"},"view":{"type":"object"},"searched":{"type":"object"},
            "untrusted":{"type":"object"}})",
        {"complete", "count", "view"});
    tool.is_idempotent = true;
    tool.run = answering(FallibleRun(query_events));
    tool.entity_of = [](const Json& arguments) {
        return lone_entity(arguments, {"order", "limit", "fields", "format", "max_tokens"});
    };
    return tool;
}

}  // namespace chronos::mcp
