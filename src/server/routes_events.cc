// Appending: one event, a batch, a stream of lines; and an event by its id.
#include <algorithm>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "embedded/append_request.h"
#include "event/batch_content.h"
#include "json/scan.h"
#include "json/writer.h"
#include "server/api/parameters.h"
#include "server/bulk_upload.h"
#include "server/cloud_event_request.h"
#include "server/http/problem.h"
#include "server/reading.h"
#include "server/request_options.h"
#include "server/route_groups.h"
#include "server/services.h"
#include "wire/parameters.h"
#include "wire/read_request.h"

namespace chronos::server {
namespace {

using access::Scope;

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

/// What a request to append says besides its body.
struct AppendRequest {
    AppendOptions options;
    std::optional<ExpectedVersion> precondition;  ///< Of If-Match, If-None-Match.
    std::optional<Timestamp> expires_at;          ///< Of the fork that it goes to.
};

Result<AppendRequest> read_append_request(const Call& call) {
    const Request& request = call.request;
    AppendRequest append;
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_query(request.query));
    ASSIGN_OR_RETURN(append.options.branch, wire::take_branch(parameters));
    RETURN_IF_ERROR(parameters.check_all_taken());
    append.expires_at = resolve_fork(call.store, append.options.branch);
    if (request.has_header("idempotency-key")) {
        const std::string_view key = request.header("idempotency-key");
        if (key.empty()) return wrong("Idempotency-Key is empty; leave it out, or give a key of your own");
        constexpr std::size_t kKeyBytesMax = 256;
        if (key.size() > kKeyBytesMax) return wrong("Idempotency-Key is longer than 256 bytes");
        append.options.idempotency_key = std::string(key);
    }
    ASSIGN_OR_RETURN(append.options.durability, read_durability(request));
    ASSIGN_OR_RETURN(append.precondition, read_preconditions(request));
    return append;
}

/// Whether a retry of this batch would be recognised, or refused by its condition.
bool is_repeatable(const BatchBuilder& batch, const AppendOptions& options) {
    if (options.idempotency_key || options.batch_id) return true;
    const BatchBuilder::Content& content = batch.content();
    bool all_have_ids = batch.event_count() > 0;
    content.for_each_event(
        [&](const event::EventBytes& event) { all_have_ids = all_have_ids && event.has(event::kExplicitId); });
    return all_have_ids ||
           std::any_of(content.event_conditions.begin(), content.event_conditions.end(), [](const auto& condition) {
               return condition.expected.kind == ExpectedVersion::Kind::kExactly ||
                      condition.expected.kind == ExpectedVersion::Kind::kNone;
           });
}

void write_place(json::ObjectWriter& writer, const AppendedEvent& event, const std::string& recorded_at) {
    const std::string id = event.id.to_string();
    writer.field("event_id", id)
        .field("id", id)
        .field("timestamp", recorded_at)
        .field("version", event.version.value)
        .field("position", event.position.value);
}

/// Also under "data", where AllSource's TypeScript client looks for one event.
std::string under_data_too(std::string object) {
    const std::string copy = object;
    object.pop_back();
    return object + ",\"data\":" + copy + "}";
}

/// Which branch it went to, and when that ends.
void write_branch(json::ObjectWriter& writer, const AppendRequest& request) {
    writer.field("branch", request.options.branch);
    if (request.expires_at) writer.field("expires_at", request.expires_at->to_string());
}

std::string one_as_json(const AppendResult& result, const AppendRequest& request) {
    std::string out;
    json::ObjectWriter writer(out);
    write_place(writer, result.events.front(), result.recorded_at.to_string());
    write_branch(writer, request);
    writer.field("durability", durability_name(result.durability)).field("duplicate", result.duplicate).end();
    return under_data_too(std::move(out));
}

std::string batch_as_json(const AppendResult& result, const AppendRequest& request) {
    const std::string recorded_at = result.recorded_at.to_string();
    std::string events = "[";
    for (const AppendedEvent& event : result.events) {
        if (events.size() > 1) events += ',';
        json::ObjectWriter writer(events);
        write_place(writer, event, recorded_at);
        writer.end();
    }
    std::string out;
    json::ObjectWriter writer(out);
    events += ']';
    writer.field("total", result.events.size())
        .field("count", result.events.size())
        .field("ingested", result.duplicate ? 0 : result.events.size())
        .raw_field("events", events);
    write_branch(writer, request);
    writer.field("durability", durability_name(result.durability)).field("duplicate", result.duplicate);
    if (!result.events.empty()) writer.field("timestamp", recorded_at);
    // AllSource's TypeScript client takes the events from here, and their number from "count".
    writer.raw_field("data", events).end();
    return out;
}

/// Counts the bytes of an append as long as it is under way.
class InFlight {
public:
    static std::shared_ptr<InFlight> admit(Services& services, std::size_t bytes) {
        const std::size_t before = services.append_bytes_in_flight.fetch_add(bytes);
        std::shared_ptr<InFlight> in_flight(new InFlight(services, bytes));
        return before + bytes > services.limits.append_bytes_in_flight_max && before > 0 ? nullptr : in_flight;
    }
    ~InFlight() { services_.append_bytes_in_flight.fetch_sub(bytes_); }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;

private:
    InFlight(Services& services, std::size_t bytes) : services_(services), bytes_(bytes) {}
    Services& services_;
    std::size_t bytes_;
};

Response not_admitted(Services& services) {
    services.metrics.requests_refused.fetch_add(1);
    Response response =
        problem_of(Error{.code = ErrorCode::kWouldBlock,
                         .message = "more appends are under way than the disk keeps up with; try again in a moment"},
                   {.is_append = true});
    return response;
}

bool is_empty_object(std::string_view json) {
    const std::string_view text = json::trimmed(json);
    return text.size() >= 2 && text.starts_with('{') && json::trimmed(text.substr(1)) == "}";
}

enum class Shape : std::uint8_t { kOne, kBatch };

Result<BatchBuilder> read_batch(const Call& call, Shape shape, const AppendRequest& append) {
    const bool is_foreign = is_cloud_event(call.request);
    if (!is_foreign && json::trimmed(call.request.body).empty())
        return wrong("the body is empty; send " + std::string(shape == Shape::kOne ? "an event" : "{\"events\": […]}") +
                     " as JSON");
    if (!is_foreign && shape == Shape::kBatch && is_empty_object(call.request.body))
        return wrong("events are missing; send {\"events\": […]}, with conditions if there are any");
    ASSIGN_OR_RETURN(BatchBuilder batch,
                     is_foreign ? read_cloud_events(call.request)
                                : embedded::parse_append_request(call.request.body, call.principal.tenant));
    // An event beyond a limit is one too: the store refuses it with the limit's name.
    const std::size_t event_count = batch.event_count() + batch.content().refused_count;
    if (shape == Shape::kOne && (event_count != 1 || !batch.content().conditions.empty()))
        return wrong("one event is expected here; send several, or conditions, to /api/v1/events/batch");
    if (append.precondition && shape == Shape::kBatch)
        return wrong("If-Match is for single events; use expected_version or conditions in a batch");
    if (append.precondition) {
        auto& conditions = batch.content().event_conditions;
        if (!conditions.empty()) return wrong("expected_version and If-Match exclude each other");
        conditions.push_back({.event_index = 0, .expected = *append.precondition});
    }
    if (batch.event_count() > 10'000)
        return base::fail(ErrorCode::kLimitExceeded, "more than 10,000 events in a batch; use /api/v1/events/bulk");
    return batch;
}

void append(Call& call, Shape shape, const std::function<void(Response)>& done) {
    Services& services = call.services;
    Result<AppendRequest> read = read_append_request(call);
    if (!read.ok()) return done(problem_of(read.error(), {.is_append = true}));
    Result<BatchBuilder> batch = read_batch(call, shape, *read);
    if (!batch.ok()) return done(problem_of(batch.error(), {.is_append = true}));
    const ProblemContext context{.is_append = true,
                                 .is_repeatable = is_repeatable(*batch, read->options),
                                 .has_precondition = read->precondition.has_value()};
    const std::int64_t started = services.world.clock.monotonic_ns();
    auto in_flight = InFlight::admit(services, call.request.body.size() + 1'024);
    if (!in_flight) return done(not_admitted(services));
    const Status submitted = call.store.append_async(
        std::move(*batch), read->options,
        [done, context, request = *read, shape, in_flight, started, &services](Result<AppendResult> result) {
            services.metrics.append_seconds.record(services.world.clock.monotonic_ns() - started);
            if (!result.ok() && result.error().code == ErrorCode::kReadOnly) services.is_read_only.store(true);
            if (!result.ok()) return done(problem_of(result.error(), context));
            Response response;
            response.body = shape == Shape::kOne ? one_as_json(*result, request) : batch_as_json(*result, request);
            if (shape == Shape::kOne)
                response.add_header("ETag", "\"v" + std::to_string(result->events.front().version.value) + "\"");
            if (result->duplicate) response.add_header("Chronos-Duplicate", "true");
            done(std::move(response));
        });
    if (!submitted.ok()) done(problem_of(submitted.error(), context));
}

Result<Response> get_event(Call& call) {
    Result<Uuid> id = Uuid::parse(call.id);
    if (!id.ok()) return wrong("'" + base::shortened(call.id) + "' is no event id; ids are UUIDs");
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_query(call.request.query));
    ASSIGN_OR_RETURN(const ViewOptions options, wire::take_view(parameters, call.services.now()));
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const View view, call.store.view(options));
    Page page;
    RETURN_IF_ERROR(view.read_event(*id, page));
    Response response;
    // An event never changes; whether it can be seen here may.
    response.body = to_json(page.events().front());
    describe_view(response, call.request, view.info());
    return response;
}

}  // namespace

void add_event_routes(Routes& routes, const HttpLimits& limits) {
    routes.add({.method = "POST",
                .pattern = "/api/v1/events",
                .action = "append",
                .resource = "events",
                .scope = Scope::kWriteForks,
                .summary = "Append one event",
                .body_max = limits.body_max,
                .appends_to_branch = true,
                .parameters = {{"fork", "branch"}},
                .request_headers = {"Idempotency-Key", "If-Match", "If-None-Match", "Prefer"},
                .request_types = {"application/json", "application/cloudevents+json"},
                .request_schema = "NewEvent",
                .answers = {{200, "Appended"}},
                .problems = {404, 409, 410, 412, 504, 507},
                .later = [](Call& call, std::function<void(Response)> done) { append(call, Shape::kOne, done); }});
    routes.add(
        {.method = "POST",
         .pattern = "/api/v1/events/batch",
         .action = "append",
         .resource = "events",
         .scope = Scope::kWriteForks,
         .summary = "Append events as one batch, all or nothing, with conditions",
         .body_max = limits.batch_max,
         .appends_to_branch = true,
         .parameters = {{"fork", "branch"}},
         .request_headers = {"Idempotency-Key", "Prefer"},
         .request_types = {"application/json", "application/cloudevents+json", "application/cloudevents-batch+json"},
         .request_schema = "NewBatch",
         .answers = {{200, "AppendedBatch"}},
         .problems = {404, 409, 410, 504, 507},
         .later = [](Call& call, std::function<void(Response)> done) { append(call, Shape::kBatch, done); }});
    routes.add({.method = "POST",
                .pattern = "/api/v1/events/bulk",
                .action = "append",
                .resource = "events",
                .scope = Scope::kWriteForks,
                .summary = "Append lines of events of any number; the last line of the answer is a summary",
                .appends_to_branch = true,
                .parameters = {{"fork", "branch", "mode", "batch"}},
                .request_headers = {"Content-Encoding", "Prefer"},
                .request_types = {"application/x-ndjson", "application/jsonl", "application/json", "text/plain",
                                  "application/octet-stream", "application/gzip", "application/zstd"},
                .request_schema = "NewEvent",
                .answers = {{200, "BulkSummary", "application/x-ndjson"},
                            {400, "BulkSummary", "application/x-ndjson"},
                            {404, "BulkSummary", "application/x-ndjson"},
                            {409, "BulkSummary", "application/x-ndjson"},
                            {410, "BulkSummary", "application/x-ndjson"},
                            {413, "BulkSummary", "application/x-ndjson"},
                            {503, "BulkSummary", "application/x-ndjson"}},
                .problems = {404, 410, 504, 507},
                .upload = [](Call& call) { return open_bulk_upload(call); }});
    routes.add({.method = "GET",
                .pattern = "/api/v1/events/{event_id}",
                .action = "read",
                .resource = "events",
                .scope = Scope::kRead,
                .summary = "One event by its id",
                .parameters = view_parameters(),
                .answers = {{200, "Event"}},
                .problems = {404, 410},
                .here = [](Call& call) { return answered(get_event(call)); }});
}

}  // namespace chronos::server
