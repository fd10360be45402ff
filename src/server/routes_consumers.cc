// Durable consumers: made, shown, read from, moved, deleted.
#include <string>
#include <utility>

#include "base/result.h"
#include "json/writer.h"
#include "server/http/problem.h"
#include "server/live/consumer_batch.h"
#include "server/live/consumer_json.h"
#include "server/live/consumer_registry.h"
#include "server/reading.h"
#include "server/request_options.h"
#include "server/route_groups.h"
#include "server/services.h"
#include "wire/parameters.h"
#include "wire/read_request.h"

namespace chronos::server {
namespace {

using access::Scope;
using wire::Parameters;

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

Result<Parameters> body_of(const Call& call) {
    ASSIGN_OR_RETURN(Parameters parameters, Parameters::from_query(call.request.query));
    ASSIGN_OR_RETURN(Parameters body,
                     Parameters::from_json(without_empty_list(call.request.body, "event_type_filters")));
    parameters.add_all(std::move(body));
    RETURN_IF_ERROR(check_tenant(parameters, call.principal));
    return parameters;
}

Response consumer_response(const Store& store, const ConsumerInfo& info, int status = 200) {
    Response response{.status = status};
    response.body = consumer_as_json(info, head_of(store, info));
    response.add_header("Cache-Control", "no-cache");
    return response;
}

Status check_not_beyond(const Store& store, const std::string& branch, Position position) {
    ASSIGN_OR_RETURN(const View view, store.view({.branch = branch}));
    const std::optional<Position> head = view.info().at;
    if (head && position <= *head) return {};
    return wrong("position " + std::to_string(position.value) + " is beyond the head, which is " +
                 (head ? std::to_string(head->value) : "before the first event"));
}

/// The last position that is not wanted: of "start", "head", a position, or the time from which on events are wanted.
/// `name`: the parameter that said it.
Result<std::optional<Position>> resolve_place(const Call& call, const std::string& branch, const std::string& name,
                                              const std::string& text) {
    Parameters one;
    one.add(name, text);
    if (text.find_first_not_of("0123456789") == std::string::npos || text == "head" || text == "start") {
        ASSIGN_OR_RETURN(const StreamStart place, take_after(one, name));
        if (place.after) RETURN_IF_ERROR(check_not_beyond(call.store, branch, *place.after));
        if (!place.is_head) return place.after;
        ASSIGN_OR_RETURN(const View view, call.store.view({.branch = branch}));
        return view.info().at;
    }
    ASSIGN_OR_RETURN(const std::optional<Timestamp> time, wire::take_time(one, name, call.services.now()));
    ASSIGN_OR_RETURN(const View view, call.store.view({.branch = branch, .known_at = Timestamp{time->ns - 1}}));
    return view.info().at;
}

/// The id of the branch that `fork` names.
Result<std::string> take_branch_id(Parameters& parameters, const Store& store) {
    ASSIGN_OR_RETURN(const std::string branch, wire::take_branch(parameters));
    if (branch == "main") return branch;
    ASSIGN_OR_RETURN(const ForkInfo info, store.fork(branch));
    return info.id;
}

Result<Response> create_consumer(Call& call) {
    ASSIGN_OR_RETURN(Parameters parameters, body_of(call));
    const Timestamp now = call.services.now();
    ConsumerInfo consumer{.tenant = call.principal.tenant, .created_at = now, .filters_at = now};
    ASSIGN_OR_RETURN(consumer.name, parameters.take_text("name"));
    ASSIGN_OR_RETURN(const std::string id, parameters.take_text("consumer_id"));
    if (!consumer.name.empty() && !id.empty() && consumer.name != id)
        return wrong("name and consumer_id mean the same; give one of them");
    if (consumer.name.empty()) consumer.name = id;
    if (consumer.name.empty()) return wrong("a consumer has a name");
    ASSIGN_OR_RETURN(const std::string filters, parameters.take_text("filters"));
    if (!filters.empty()) consumer.filters = filters;
    ASSIGN_OR_RETURN(const std::string branch, take_branch_id(parameters, call.store));
    ASSIGN_OR_RETURN(consumer.source,
                     parse_consumer_source(branch, consumer.filters, parameters.take_all("event_type_filters"),
                                           consumer.filters_at));
    ASSIGN_OR_RETURN(const std::string start, parameters.take_text("start"));
    ASSIGN_OR_RETURN(const std::string owner, take_owner(parameters, call));
    RETURN_IF_ERROR(parameters.check_all_taken());
    // Opened once, so that filters that no read would take are refused now.
    ASSIGN_OR_RETURN(const EventSource source, EventSource::open(call.store, consumer.source, {}));
    (void)source;
    if (!start.empty()) {
        ASSIGN_OR_RETURN(consumer.position, resolve_place(call, branch, "start", start));
    }
    ASSIGN_OR_RETURN(ConsumerRegistry::Made made, call.services.consumers->create(consumer));
    if (!made.is_new) {
        ASSIGN_OR_RETURN(ConsumerRegistry::LeaseAnswer changed, call.services.consumers->set_filters(consumer, owner));
        if (!changed.is_granted) return refuse_leased(changed.info);
        made.info = std::move(changed.info);
    }
    Response response = consumer_response(call.store, made.info, made.is_new ? 201 : 200);
    response.add_header("Location", "/api/v1/consumers/" + made.info.name);
    return response;
}

Result<Response> list_consumers(Call& call) {
    std::string list = "[";
    const std::vector<ConsumerInfo> consumers = call.services.consumers->list(call.principal.tenant);
    for (const ConsumerInfo& info : consumers) {
        if (list.size() > 1) list += ',';
        list += consumer_as_json(info, head_of(call.store, info));
    }
    Response response;
    json::ObjectWriter(response.body).raw_field("consumers", list + "]").field("count", consumers.size()).end();
    response.add_header("Cache-Control", "no-cache");
    return response;
}

Result<Response> show_consumer(Call& call) {
    ASSIGN_OR_RETURN(const ConsumerInfo info, call.services.consumers->find(call.principal.tenant, call.id));
    return consumer_response(call.store, info);
}

Result<Response> acknowledge(Call& call) {
    ASSIGN_OR_RETURN(Parameters parameters, body_of(call));
    ASSIGN_OR_RETURN(const auto position, wire::take_position(parameters, "position"));
    ASSIGN_OR_RETURN(const bool is_durable, parameters.take_flag("durable", false));
    ASSIGN_OR_RETURN(const bool releases, parameters.take_flag("release", false));
    ASSIGN_OR_RETURN(const std::string owner, take_owner(parameters, call));
    ASSIGN_OR_RETURN(const std::uint32_t lease_seconds, take_lease_seconds(parameters));
    RETURN_IF_ERROR(parameters.check_all_taken());
    if (!position && !releases) return wrong("position is missing: the last one that was processed");
    ConsumerRegistry& consumers = *call.services.consumers;
    const std::string& tenant = call.principal.tenant;
    ASSIGN_OR_RETURN(const ConsumerInfo before, consumers.find(tenant, call.id));
    if (position) RETURN_IF_ERROR(check_not_beyond(call.store, before.source.branch, *position));
    ASSIGN_OR_RETURN(const ConsumerRegistry::LeaseAnswer lease,
                     consumers.take_lease(tenant, call.id, owner, lease_seconds));
    if (!lease.is_granted) return refuse_leased(lease.info);
    if (position) {
        ASSIGN_OR_RETURN(const ConsumerInfo moved, consumers.acknowledge(tenant, call.id, *position, is_durable));
        (void)moved;
    }
    if (releases) {
        ASSIGN_OR_RETURN(const ConsumerRegistry::LeaseAnswer released, consumers.take_lease(tenant, call.id, owner, 0));
        (void)released;
    }
    return show_consumer(call);
}

Result<Response> reset_consumer(Call& call) {
    ASSIGN_OR_RETURN(Parameters parameters, body_of(call));
    ASSIGN_OR_RETURN(const auto position, parameters.take("position"));
    ASSIGN_OR_RETURN(const auto time, parameters.take("time"));
    ASSIGN_OR_RETURN(const auto to, parameters.take("to"));
    ASSIGN_OR_RETURN(const bool is_forced, parameters.take_flag("force", false));
    ASSIGN_OR_RETURN(const std::string owner, take_owner(parameters, call));
    RETURN_IF_ERROR(parameters.check_all_taken());
    if (int{position.has_value()} + int{time.has_value()} + int{to.has_value()} != 1)
        return wrong("say where to: position (the last one that is not wanted), time, or to: \"start\" or \"head\"");
    ConsumerRegistry& consumers = *call.services.consumers;
    ASSIGN_OR_RETURN(const ConsumerInfo info, consumers.find(call.principal.tenant, call.id));
    const std::string name = position ? "position" : time ? "time" : "to";
    ASSIGN_OR_RETURN(const auto place, resolve_place(call, info.source.branch, name,
                                                     position ? *position
                                                     : time   ? *time
                                                              : *to));
    const std::optional<std::string> wanted_owner = is_forced ? std::nullopt : std::optional(owner);
    ASSIGN_OR_RETURN(const auto moved, consumers.reset(call.principal.tenant, call.id, place, wanted_owner));
    return moved.is_granted ? consumer_response(call.store, moved.info) : refuse_leased(moved.info);
}

Result<Response> delete_consumer(Call& call) {
    RETURN_IF_ERROR(call.services.consumers->remove(call.principal.tenant, call.id));
    return Response{.status = 204};
}

}  // namespace

void add_consumer_routes(Routes& routes, const HttpLimits& limits) {
    using Names = std::vector<std::string_view>;
    struct Row {
        const char* method;
        const char* pattern;
        const char* action;
        Scope scope;
        const char* summary;
        Names parameters;
        std::string_view request_schema;
        std::vector<Answer> answers;
        std::vector<int> problems;
    };
    const auto add = [&](const Row& row, Handler handler) {
        const bool has_body = row.method == std::string("POST");
        routes.add({.method = row.method,
                    .pattern = row.pattern,
                    .action = row.action,
                    .resource = "consumers",
                    .scope = row.scope,
                    .summary = row.summary,
                    .body_max = has_body ? limits.body_max : 0,
                    .parameters = row.parameters,
                    .request_types = has_body ? Names{"application/json"} : Names{},
                    .request_schema = row.request_schema,
                    .answers = row.answers,
                    .problems = row.problems,
                    .worker = std::move(handler),
                    // Taking events takes the lease.
                    .takes_head = row.scope == Scope::kRead});
    };
    const Answer consumer{200, "Consumer"};
    add({"POST",
         "/api/v1/consumers",
         "create",
         Scope::kWrite,
         "Make a durable consumer, or change its filters",
         {"name", "consumer_id", "filters", "event_type_filters", "fork", "branch", "start", "owner"},
         "NewConsumer",
         {{201, "Consumer"}, consumer},
         {404, 409, 410}},
        [](Call& call) { return answered(create_consumer(call)); });
    add({"GET",
         "/api/v1/consumers",
         "read",
         Scope::kRead,
         "Durable consumers, with position and lag",
         {},
         "",
         {{200, "Consumers"}},
         {}},
        [](Call& call) { return answered(list_consumers(call)); });
    add({"GET",
         "/api/v1/consumers/{consumer}",
         "read",
         Scope::kRead,
         "One durable consumer",
         {},
         "",
         {consumer},
         {404}},
        [](Call& call) { return answered(show_consumer(call)); });
    add({"DELETE",
         "/api/v1/consumers/{consumer}",
         "delete",
         Scope::kWrite,
         "Forget a durable consumer",
         {},
         "",
         {{204}},
         {404}},
        [](Call& call) { return answered(delete_consumer(call)); });
    add({"GET",
         "/api/v1/consumers/{consumer}/events",
         "process",
         Scope::kWrite,
         "The next events for the one owner; waits up to wait_seconds for the first",
         {"limit", "wait_seconds", "owner", "lease_seconds"},
         "",
         {{200, "ConsumerBatch"}},
         {404, 409, 410}},
        [](Call& call) { return answered(next_batch(call)); });
    add({"POST",
         "/api/v1/consumers/{consumer}/ack",
         "process",
         Scope::kWrite,
         "Everything up to position was processed",
         {"position", "durable", "release", "owner", "lease_seconds"},
         "Acknowledgement",
         {consumer},
         {404, 409, 410}},
        [](Call& call) { return answered(acknowledge(call)); });
    add({"POST",
         "/api/v1/consumers/{consumer}/reset",
         "process",
         Scope::kWrite,
         "Begin again at a position, a time, the start or the head",
         {"position", "time", "to", "force", "owner"},
         "ConsumerReset",
         {consumer},
         {404, 409, 410}},
        [](Call& call) { return answered(reset_consumer(call)); });
}

}  // namespace chronos::server
