// Reading events: filtered, a page at a time or as one stream of lines.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "json/writer.h"
#include "server/api/parameters.h"
#include "server/http/problem.h"
#include "server/reading.h"
#include "server/request_options.h"
#include "server/route_groups.h"
#include "server/services.h"
#include "wire/nearest_ids.h"
#include "wire/parameters.h"
#include "wire/payload_fields.h"
#include "wire/read_request.h"
#include "wire/relative_time.h"
#include "wire/similar_words.h"
#include "wire/stats_json.h"
#include "wire/view_json.h"

namespace chronos::server {
namespace {

using access::Scope;

constexpr std::uint32_t kLimitMax = 1'000;
/// Of one answer to a query without a limit.
constexpr std::uint32_t kAnswerEventsMax = 10'000;
/// Of an answer that is made on the thread that read the request.
constexpr std::uint32_t kBriefEventsMax = 100;
constexpr std::uint64_t kOffsetMax = 100'000;
/// What is asked of the store at once, and held while it is made text: so many events, and so many bytes of them.
constexpr std::uint32_t kPieceEvents = 1'000;
constexpr std::size_t kPieceBytes = 256 << 10;
/// What a piece may become: as much as that, or one event that is larger, and what stands around payloads.
constexpr std::size_t kPieceRoomBytes = (std::size_t{1} << 20) + kPieceBytes;
/// Types whose fields are looked for, the most frequent ones, and events of each that are looked at.
constexpr std::size_t kSampledTypes = 100;
constexpr std::uint32_t kSampleEvents = 20;
constexpr std::size_t kNearMax = 3;
constexpr std::size_t kAnswerBytesMax = 8 << 20;

struct EventQuery {
    Timestamp now;  ///< What relative times count from: with a cursor, when its first page was asked for.
    bool is_relative = false;
    ViewOptions view;
    ReadOptions read;
    std::uint64_t offset = 0;
    bool with_total = true;
    bool is_unlimited = false;  ///< As lines, and no limit was given: `read.limit` is that of a piece.
    /// Events that may still be looked at for the answer, or for a piece of it; never 0, which the store takes for any
    /// number.
    std::uint64_t examined_max = 0;
};

bool wants_lines(const Request& request) {
    return request.header("accept").find("application/x-ndjson") != std::string_view::npos;
}

Result<EventQuery> read_query(Call& call) {
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_query(call.request.query));
    if (call.request.method == "POST") {
        ASSIGN_OR_RETURN(wire::Parameters body, wire::Parameters::from_json(call.request.body));
        parameters.add_all(std::move(body));
        (void)parameters.take_all("min_position");  // waited for before
    }
    EventQuery query;
    query.is_relative = wire::has_relative_time(parameters);
    ASSIGN_OR_RETURN(query.read.cursor, parameters.take_text("cursor"));
    query.now = wire::take_moment(query.read.cursor, call.services.now());
    ASSIGN_OR_RETURN(query.view, wire::take_view(parameters, query.now));
    ASSIGN_OR_RETURN(query.read.filter, wire::take_filter(parameters, query.now));
    ASSIGN_OR_RETURN(const std::string order, parameters.take_word("order", {"asc", "desc", "forward", "backward"}));
    if (order == "desc" || order == "backward") query.read.order = Order::kBackward;
    ASSIGN_OR_RETURN(query.read.after, wire::take_position(parameters, "after"));
    query.is_unlimited = wants_lines(call.request) && !parameters.has("limit");
    query.examined_max = call.services.limits.events_examined_max;
    ASSIGN_OR_RETURN(query.read.limit,
                     wire::take_limit(parameters, query.is_unlimited ? kPieceEvents : kAnswerEventsMax, kLimitMax));
    ASSIGN_OR_RETURN(const auto offset, parameters.take_number("offset"));
    query.offset = offset.value_or(0);
    if (query.offset > kOffsetMax)
        return base::fail(ErrorCode::kLimitExceeded,
                          "offset is at most 100,000; go on with the cursor instead, which costs the same everywhere");
    ASSIGN_OR_RETURN(query.with_total, parameters.take_flag("total", !query.is_unlimited));
    const bool has_view = query.view.at || query.view.known_at || query.view.as_of;
    if (!query.read.cursor.empty() && (has_view || query.read.after || offset))
        return base::fail(ErrorCode::kInvalidArgument,
                          "a cursor knows its view and its place: leave out at, known_at, as_of, after and offset");
    RETURN_IF_ERROR(check_tenant(parameters, call.principal));
    RETURN_IF_ERROR(parameters.check_all_taken());
    return query;
}

/// The cursor as clients keep it.
std::string next_cursor(const EventQuery& query, const std::string& cursor) {
    return query.is_relative ? wire::dated_cursor(cursor, query.now) : cursor;
}

/// Passes over the first `offset` events that match; `read.after` or the cursor is behind them then, and fewer are left
/// to be looked at.
Status skip(const View& view, EventQuery& query) {
    ReadOptions read = query.read;
    read.bytes_max = kPieceBytes;
    Page page;
    std::uint64_t left = query.offset;
    while (left > 0) {
        read.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, kPieceEvents));
        read.examined_max = query.examined_max;
        RETURN_IF_ERROR(view.read(read, page));
        query.examined_max -= std::min(query.examined_max, page.examined());
        if (query.examined_max == 0 && page.has_more() && page.events().size() < left)
            return base::fail(ErrorCode::kLimitExceeded,
                              "too many events would have to be looked at to pass over so many that match; go on with "
                              "the cursor instead");
        query.examined_max = std::max<std::uint64_t>(query.examined_max, 1);
        left -= page.events().size();
        if (page.events().empty() || (!page.has_more() && left > 0)) {
            // Nothing is left: an answer without events.
            query.read.after = query.read.order == Order::kForward ? view.info().at : std::optional(Position{0});
            query.read.cursor.clear();
            return {};
        }
        read.cursor = page.next_cursor();
        if (read.cursor.empty()) {
            query.read.after = page.events().back().position;
            return {};
        }
    }
    query.read.cursor = read.cursor;
    query.read.after.reset();
    return {};
}

/// The view that is asked for; with a cursor the one that its first page was read in, which the answer then tells.
Result<View> view_of(const Call& call, const EventQuery& query) {
    ASSIGN_OR_RETURN(View view, call.store.view(query.view));
    if (query.read.cursor.empty()) return view;
    return view.of_cursor(query.read.cursor);
}

std::string names_as_json(const std::vector<std::string>& names) {
    std::string list = "[";
    for (const std::string& name : names) {
        if (list.size() > 1) list += ',';
        json::append_string(list, name);
    }
    return list + "]";
}

/// What is nearly as the entity or the type that was asked for and is not there; empty: nothing is.
Result<std::string> did_you_mean(const View& view, const Filter& filter) {
    std::string out;
    json::ObjectWriter writer(out);
    if (filter.entity_ids.size() == 1) {
        const auto ids = [&view](std::string_view prefix, std::uint32_t limit) {
            return view.entities(prefix, "", limit);
        };
        ASSIGN_OR_RETURN(const auto near, wire::nearest_ids(ids, filter.entity_ids.front(), kNearMax));
        const bool is_there = !near.empty() && near.front() == filter.entity_ids.front();
        if (!is_there && !near.empty()) writer.raw_field("entity_id", names_as_json(near));
    }
    if (filter.event_types.size() == 1) {
        ASSIGN_OR_RETURN(const Stats stats, view.stats());
        std::vector<std::string> types;
        for (const EventTypeCount& type : stats.event_types) types.push_back(type.event_type);
        const bool is_there = std::find(types.begin(), types.end(), filter.event_types.front()) != types.end();
        const auto near = wire::similar_words(filter.event_types.front(), types, kNearMax);
        if (!is_there && !near.empty()) writer.raw_field("event_type", names_as_json(near));
    }
    writer.end();
    return out == "{}" ? std::string() : out;
}

/// Events of one answer, as JSON, and how to go on.
struct EventList {
    std::string json = "[";
    std::size_t count = 0;
    std::uint64_t examined = 0;
    bool has_more = false;
    std::string cursor;
};

/// As many as `read.limit` says and the bytes of an answer allow, but one at least if there is one.
Result<EventList> list_events(const View& view, const EventQuery& query) {
    EventList list;
    Page page;
    ReadOptions read = query.read;
    const std::uint32_t limit = read.limit;
    read.bytes_max = kPieceBytes;
    do {
        read.limit = std::min(limit - static_cast<std::uint32_t>(list.count), kPieceEvents);
        read.examined_max = query.examined_max - list.examined;
        RETURN_IF_ERROR(view.read(read, page));
        list.examined += page.examined();
        std::uint32_t taken = 0;
        for (const EventView& event : page.events()) {
            if (list.json.size() + event.payload.size() > kAnswerBytesMax && list.count > 0) break;
            if (list.count++ > 0) list.json += ',';
            list.json += to_json(event);
            ++taken;
        }
        if (taken < page.events().size()) {
            // The rest comes with the next page: its cursor is that of a page which ends here, or the one of before.
            list.has_more = true;
            if (taken == 0) break;
            read.limit = taken;
            RETURN_IF_ERROR(view.read(read, page));
            list.cursor = page.next_cursor();
            break;
        }
        list.has_more = page.has_more();
        list.cursor = page.next_cursor();
        read.cursor = list.cursor;
        read.after.reset();
    } while (list.has_more && list.count < limit && list.examined < query.examined_max);
    list.json += ']';
    return list;
}

Result<Response> query_page(Call& call, EventQuery query) {
    ASSIGN_OR_RETURN(const View view, view_of(call, query));
    if (query.offset > 0) RETURN_IF_ERROR(skip(view, query));
    ASSIGN_OR_RETURN(const EventList list, list_events(view, query));
    Response response;
    json::ObjectWriter writer(response.body);
    response.body.reserve(list.json.size() + 512);
    writer.raw_field("events", list.json).field("count", list.count).field("has_more", list.has_more);
    if (query.with_total) {
        ASSIGN_OR_RETURN(const MatchCount total,
                         view.count_within(query.read.filter, call.services.limits.events_examined_max));
        writer.field("total_count", total.count);
        if (!total.is_complete) writer.field("total_is_partial", true);
    }
    if (list.has_more && !list.cursor.empty()) {
        const std::string cursor = next_cursor(query, list.cursor);
        writer.field("next_cursor", cursor);
        if (call.request.method == "GET")
            add_next_link(response, call.request,
                          {"cursor", "at", "known_at", "as_of", "time_travel", "after", "offset"}, "cursor=" + cursor,
                          query.now);
    }
    if (list.count == 0) {
        writer.field("examined", list.examined);
        ASSIGN_OR_RETURN(const std::string meant, did_you_mean(view, query.read.filter));
        if (!meant.empty()) writer.raw_field("did_you_mean", meant);
    }
    writer.raw_field("view", wire::view_as_json(view.info())).end();
    describe_view(response, call.request, view.info());
    return response;
}

/// All events that match, a line each; then, if that was not all, a line with the cursor.
class EventLinesBody final : public BodyStream {
public:
    /// `examined_max`: events looked at for a piece.
    EventLinesBody(View view, EventQuery query, std::uint64_t examined_max)
        : view_(std::move(view)), query_(std::move(query)), examined_max_(examined_max), left_(query_.read.limit) {}

    Step next(std::string& out) override {
        ReadOptions& read = query_.read;
        std::uint64_t examined = 0;
        Page page;
        // Others have work as well: a piece ends where enough was looked at for it, whether or not it has a line.
        while (out.empty() && examined < examined_max_) {
            read.limit = std::min(left_, kPieceEvents);
            read.bytes_max = kPieceBytes;
            read.examined_max = examined_max_ - examined;
            if (Status status = view_.read(read, page); !status.ok()) {
                out += problem_json(status.error()) + "\n";
                return Step::kEnd;
            }
            for (const EventView& event : page.events()) out += to_json(event) + "\n";
            examined += page.examined();
            if (!query_.is_unlimited) left_ -= static_cast<std::uint32_t>(page.events().size());
            read.cursor = page.next_cursor();
            read.after.reset();
            if (!page.has_more()) return Step::kEnd;
            if (left_ == 0) {
                json::ObjectWriter(out).field("next_cursor", next_cursor(query_, read.cursor)).end();
                out += '\n';
                return Step::kEnd;
            }
        }
        return Step::kMore;
    }
    [[nodiscard]] std::size_t piece_bytes() const override { return kPieceRoomBytes; }
    [[nodiscard]] std::string farewell(Ending ending) const override {
        if (ending != Ending::kOverloaded) return {};
        return problem(503, "overloaded",
                       "the server holds as many answers as it may, so this one ends before it is complete; try again "
                       "in a moment, behind the last event that came")
                   .body +
               "\n";
    }

private:
    View view_;
    EventQuery query_;
    const std::uint64_t examined_max_;
    std::uint32_t left_;  ///< Of a limit that was given.
};

Result<Response> query_events(Call& call) {
    ASSIGN_OR_RETURN(EventQuery query, read_query(call));
    if (!wants_lines(call.request)) return query_page(call, std::move(query));
    ASSIGN_OR_RETURN(View view, view_of(call, query));
    if (query.offset > 0) RETURN_IF_ERROR(skip(view, query));
    // What is wrong with the request is said with a status, not in the middle of lines.
    Page first;
    ReadOptions probe = query.read;
    probe.limit = 1;
    probe.examined_max = 1;
    RETURN_IF_ERROR(view.read(probe, first));
    Response response{.content_type = "application/x-ndjson"};
    response.add_header("Chronos-View", wire::view_as_json(view.info()));
    const ViewInfo info = view.info();
    response.stream =
        std::make_unique<EventLinesBody>(std::move(view), std::move(query), call.services.limits.events_examined_max);
    describe_view(response, call.request, info);
    return response;
}

/// The last events of one entity, which are small and in memory, and nothing that would take a look at more.
bool is_brief(const Call& call) {
    if (call.request.method != "GET" || wants_lines(call.request)) return false;
    Result<wire::Parameters> parameters = wire::Parameters::from_query(call.request.query);
    if (!parameters.ok()) return false;
    const Result<std::string> entity_id = parameters->take_text("entity_id");
    const Result<std::string> order = parameters->take_text("order");
    const bool has_limit = parameters->has("limit");
    const Result<std::uint32_t> limit = wire::take_limit(*parameters, kBriefEventsMax, kBriefEventsMax);
    const bool is_newest_first = order.ok() && (*order == "backward" || *order == "desc");
    if (!entity_id.ok() || entity_id->empty() || !is_newest_first || !limit.ok() || !parameters->check_all_taken().ok())
        return false;
    // One more than the limit is read to tell whether there is more.
    AtHand wanted{.last_count = *limit + 1};
    if (!has_limit) wanted.events_max = kBriefEventsMax;
    return is_at_hand(call.store, *entity_id, wanted);
}

/// Of some of the last events of a type.
Result<std::string> fields_of(const View& view, const std::string& event_type) {
    ReadOptions read{.order = Order::kBackward, .limit = kSampleEvents};
    read.filter.event_types = {event_type};
    Page page;
    RETURN_IF_ERROR(view.read(read, page));
    wire::FieldKinds kinds;
    for (const EventView& event : page.events()) wire::add_field_kinds(event.payload, kinds);
    return wire::field_kinds_as_json(kinds);
}

Result<Response> list_event_types(Call& call) {
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_query(call.request.query));
    ASSIGN_OR_RETURN(const ViewOptions options, wire::take_view(parameters, call.services.now()));
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const View view, call.store.view(options));
    ASSIGN_OR_RETURN(const Stats stats, view.stats());
    std::string types = "[";
    std::size_t sampled = 0;
    for (const EventTypeCount& type : stats.event_types) {
        if (types.size() > 1) types += ',';
        types += wire::event_type_as_json(type);
        if (++sampled > kSampledTypes) continue;
        ASSIGN_OR_RETURN(const std::string fields, fields_of(view, type.event_type));
        types.pop_back();
        types += ",\"fields\":" + fields + "}";
    }
    Response response;
    json::ObjectWriter(response.body)
        .raw_field("event_types", types + "]")
        .field("total", stats.event_types.size())
        .raw_field("view", wire::view_as_json(view.info()))
        .end();
    describe_view(response, call.request, view.info());
    return response;
}

Result<Response> show_stats(Call& call) {
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_query(call.request.query));
    ASSIGN_OR_RETURN(const ViewOptions options, wire::take_view(parameters, call.services.now()));
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const View view, call.store.view(options));
    ASSIGN_OR_RETURN(const Stats stats, view.stats());
    Response response;
    response.body = wire::stats_as_json(stats, wire::view_as_json(view.info()));
    response.body.pop_back();
    std::string compatible;
    json::ObjectWriter(compatible)
        .field("total_events", stats.event_count)
        .field("total_entities", stats.entity_count)
        .field("total_event_types", stats.event_types.size())
        .field("total_ingested", stats.event_count)
        .end();
    response.body += "," + compatible.substr(1);
    response.add_header("Cache-Control", "no-cache");
    return response;
}

}  // namespace

void add_query_routes(Routes& routes, const HttpLimits& limits) {
    using Types = std::vector<std::string_view>;
    for (const char* method : {"GET", "POST"}) {
        routes.add({.method = method,
                    .pattern = "/api/v1/events/query",
                    .action = "read",
                    .resource = "events",
                    .scope = Scope::kRead,
                    .summary = "Events that match, a page at a time, or all of them as application/x-ndjson",
                    .body_max = method == std::string("GET") ? 0 : limits.body_max,
                    .parameters = query_parameters(),
                    .request_headers = {"Accept", "If-None-Match"},
                    .request_types = method == std::string("GET") ? Types{} : Types{"application/json"},
                    .request_schema = method == std::string("GET") ? "" : "EventQuery",
                    .answers = {{200, "EventPage"}, {200, "Event", "application/x-ndjson"}, {304}},
                    .problems = {404, 410},
                    .worker =
                        [](Call& call) {
                            const std::int64_t began_ns = call.services.world.clock.monotonic_ns();
                            Response response = answered(query_events(call));
                            response.is_of_read = true;
                            call.services.metrics.query_seconds.record(call.services.world.clock.monotonic_ns() -
                                                                       began_ns);
                            return response;
                        },
                    .is_brief = is_brief});
    }
    routes.add({.method = "GET",
                .pattern = "/api/v1/event-types",
                .action = "read",
                .resource = "event-types",
                .scope = Scope::kRead,
                .summary = "Event types with their counts, first and last times",
                .parameters = view_parameters(),
                .request_headers = {"If-None-Match"},
                .answers = {{200, "EventTypes"}, {304}},
                .problems = {404, 410},
                .worker = [](Call& call) { return answered(list_event_types(call)); }});
    routes.add({.method = "GET",
                .pattern = "/api/v1/stats",
                .action = "read",
                .resource = "stats",
                .scope = Scope::kRead,
                .summary = "How much of what is in the store",
                .parameters = view_parameters(),
                .request_headers = {"If-None-Match"},
                .answers = {{200, "Stats"}, {304}},
                .problems = {404, 410},
                .worker = [](Call& call) { return answered(show_stats(call)); }});
}

}  // namespace chronos::server
