// Forks: made, listed, shown, extended, compared, merged, discarded.
#include <algorithm>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "json/scan.h"
#include "json/validate.h"
#include "json/writer.h"
#include "server/http/problem.h"
#include "server/reading.h"
#include "server/request_options.h"
#include "server/route_groups.h"
#include "server/services.h"
#include "wire/changes_json.h"
#include "wire/fork_changes.h"
#include "wire/fork_json.h"
#include "wire/merge_json.h"
#include "wire/parameters.h"
#include "wire/read_request.h"

namespace chronos::server {
namespace {

using access::Scope;
using wire::Parameters;

constexpr std::uint32_t kForksMax = 1'000;  // Of a page.
constexpr std::uint64_t kTtlSecondsMax = 10ULL * 366 * 86'400;

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

Result<std::int64_t> take_ttl(Parameters& parameters, std::int64_t otherwise) {
    ASSIGN_OR_RETURN(const auto seconds, parameters.take_number("ttl_seconds"));
    if (!seconds) return otherwise;
    return static_cast<std::int64_t>(std::min(*seconds, kTtlSecondsMax)) * 1'000'000'000;
}

/// Who the answer and the log name: what the request says, else the key.
Result<std::string> take_actor(Parameters& parameters, const char* name, const Call& call) {
    ASSIGN_OR_RETURN(std::string actor, parameters.take_text(name));
    return actor.empty() ? call.principal.name : actor;
}

Result<Parameters> body_of(const Call& call) {
    ASSIGN_OR_RETURN(Parameters parameters, Parameters::from_query(call.request.query));
    ASSIGN_OR_RETURN(Parameters body, Parameters::from_json(call.request.body));
    parameters.add_all(std::move(body));
    RETURN_IF_ERROR(check_tenant(parameters, call.principal));
    return parameters;
}

Response fork_response(const ForkInfo& fork, int status = 200) {
    Response response{.status = status};
    response.body = wire::fork_as_json(fork);
    response.add_header("Cache-Control", "no-cache");
    return response;
}

Result<Response> create_fork(Call& call) {
    ASSIGN_OR_RETURN(Parameters parameters, body_of(call));
    ForkOptions options;
    ASSIGN_OR_RETURN(const std::string parent, parameters.take_text("parent"));
    if (!parent.empty()) options.parent = parent;
    ASSIGN_OR_RETURN(options.name, parameters.take_text("name"));
    ASSIGN_OR_RETURN(options.at, wire::take_position(parameters, "at"));
    ASSIGN_OR_RETURN(options.known_at, wire::take_time(parameters, "known_at", call.services.now()));
    ASSIGN_OR_RETURN(options.ttl_ns, take_ttl(parameters, kForkTtlDefaultNs));
    ASSIGN_OR_RETURN(options.creator, take_actor(parameters, "creator", call));
    RETURN_IF_ERROR(parameters.check_all_taken());
    Result<ForkInfo> fork = call.store.create_fork(options);
    // That there are too many is no mistake of this request.
    if (!fork.ok() && fork.error().code == ErrorCode::kLimitExceeded)
        return problem(409, "limit-exceeded", fork.error().message);
    if (!fork.ok()) return std::move(fork).error();
    Response response = fork_response(*fork, 201);
    response.add_header("Location", "/api/v1/forks/" + fork->id);
    return response;
}

/// In the order in which they were made; a page goes on behind the fork it names, also when that has ended by then.
Result<Response> list_forks(Call& call) {
    ASSIGN_OR_RETURN(Parameters parameters, Parameters::from_query(call.request.query));
    ASSIGN_OR_RETURN(const bool all, parameters.take_flag("all", false));
    ASSIGN_OR_RETURN(const std::string after, parameters.take_text("after"));
    ASSIGN_OR_RETURN(const std::uint32_t limit, wire::take_limit(parameters, kForksMax, kForksMax));
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const std::vector<ForkInfo> forks, call.store.forks({.with_ended = all || !after.empty()}));
    auto next = forks.begin();
    if (!after.empty()) {
        next = std::find_if(forks.begin(), forks.end(), [&](const ForkInfo& fork) { return fork.id == after; });
        if (next == forks.end())
            return base::fail(
                ErrorCode::kInvalidArgument,
                "after is the id of a fork of the page before, and there is none such any more; begin again");
        ++next;
    }
    const auto is_listed = [all](const ForkInfo& fork) { return all || fork.status == ForkStatus::kLive; };
    std::string list = "[";
    std::uint64_t count = 0;
    const ForkInfo* last = nullptr;
    for (; count < limit; ++next, ++count) {
        next = std::find_if(next, forks.end(), is_listed);
        if (next == forks.end()) break;
        last = &*next;
        if (list.size() > 1) list += ',';
        list += wire::fork_as_json(*next);
    }
    const bool has_more = std::find_if(next, forks.end(), is_listed) != forks.end();
    Response response;
    json::ObjectWriter writer(response.body);
    writer.raw_field("forks", list + "]").field("count", count).field("has_more", has_more);
    if (has_more) writer.field("next_after", last->id);
    writer.end();
    response.add_header("Cache-Control", "no-cache");
    return response;
}

Result<Response> show_fork(Call& call) {
    ASSIGN_OR_RETURN(const ForkInfo fork, call.store.fork(call.id));
    return fork_response(fork);
}

Result<Response> extend_fork(Call& call) {
    ASSIGN_OR_RETURN(Parameters parameters, body_of(call));
    ASSIGN_OR_RETURN(const std::int64_t ttl_ns, take_ttl(parameters, kForkTtlDefaultNs));
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const ForkInfo fork, call.store.extend_fork(call.id, ttl_ns));
    return fork_response(fork);
}

Result<Response> discard_fork(Call& call) {
    ASSIGN_OR_RETURN(const ForkInfo fork, call.store.discard_fork(call.id));
    return fork_response(fork);
}

Result<Response> diff_fork(Call& call) {
    ASSIGN_OR_RETURN(Parameters parameters, Parameters::from_query(call.request.query));
    ASSIGN_OR_RETURN(const std::string against, parameters.take_text("against"));
    ChangesOptions options{.fold = call.services.default_fold};
    options.entity_ids = parameters.take_all("entity_id");
    ASSIGN_OR_RETURN(options.entity_id_prefix, parameters.take_text("entity_id_prefix"));
    ASSIGN_OR_RETURN(options.after, parameters.take_text("after"));
    ASSIGN_OR_RETURN(options.limit, wire::take_limit(parameters, 100, 1'000));
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const ForkInfo fork, call.store.fork(call.id));
    ASSIGN_OR_RETURN(const Changes changes, against.empty()
                                                ? wire::changes_of_fork(call.store, fork, options)
                                                : wire::changes_against(call.store, fork, against, options));
    Response response;
    response.body = wire::changes_as_json(changes);
    response.add_header("Cache-Control", "no-cache");
    return response;
}

Result<MergeResolution> resolution_of(const std::string& word) {
    if (word == "skip") return MergeResolution::kSkip;
    if (word == "force") return MergeResolution::kForce;
    return wrong("'" + base::shortened(word) + "' is no resolution; skip or force");
}

/// resolutions: {"order:1": "skip", "*": "force"}; * stands for all others.
Status take_resolutions(Parameters& parameters, MergeOptions& options) {
    ASSIGN_OR_RETURN(const auto json, parameters.take("resolutions"));
    if (!json) return {};
    if (Status valid = json::validate_json(*json); !valid.ok() || !json::is_object(*json))
        return wrong("resolutions is an object, {\"entity\": \"skip\" or \"force\", \"*\": … for all others}");
    json::ObjectScanner fields(*json);
    while (fields.next()) {
        std::string scratch;
        const std::string entity(json::unescaped(fields.raw_key(), scratch));
        std::string value_scratch;
        if (!fields.value().starts_with('"')) return wrong("a resolution is \"skip\" or \"force\"");
        ASSIGN_OR_RETURN(const MergeResolution resolution,
                         resolution_of(std::string(json::unescaped(json::string_body(fields.value()), value_scratch))));
        if (entity == "*")
            options.others = resolution;
        else
            options.entities.push_back({.entity_id = entity, .resolution = resolution});
    }
    return {};
}

Result<Response> merge_fork(Call& call) {
    ASSIGN_OR_RETURN(Parameters parameters, body_of(call));
    MergeOptions options;
    ASSIGN_OR_RETURN(options.dry_run, parameters.take_flag("dry_run", false));
    ASSIGN_OR_RETURN(const std::string on_moved, parameters.take_word("on_moved", {"refuse", "append"}));
    options.append_if_moved = on_moved == "append";
    RETURN_IF_ERROR(take_resolutions(parameters, options));
    ASSIGN_OR_RETURN(options.actor, take_actor(parameters, "actor", call));
    RETURN_IF_ERROR(parameters.check_all_taken());
    ASSIGN_OR_RETURN(const MergeResult result, call.store.merge_fork(call.id, options));
    Response response;
    response.body = wire::merge_as_json(result, options.dry_run);
    response.add_header("Cache-Control", "no-cache");
    if (result.merged || options.dry_run || result.conflict_count == 0) return response;
    // Refused: the report is the answer, as a problem that says what to do.
    const std::string report = std::exchange(response.body, {});
    response = problem(409, "merge-conflict",
                       "the fork was not merged, nothing was changed: " + std::to_string(result.conflict_count) +
                           " conflicts; repeat with resolutions {\"entity\": \"skip\" or \"force\"}, or with "
                           "on_moved=append where no condition stands in the way");
    response.body.pop_back();
    response.body += "," + report.substr(1);
    return response;
}

}  // namespace

void add_fork_routes(Routes& routes, const HttpLimits& limits) {
    struct Row {
        const char* method;
        const char* pattern;
        const char* action;
        Scope scope;
        const char* summary;
        std::vector<std::string_view> parameters;
        std::string_view request_schema;
        Answer answer;
        std::vector<int> problems;
    };
    const auto add = [&](const Row& row, Handler handler) {
        const bool has_body = !row.request_schema.empty();
        using Types = std::vector<std::string_view>;
        routes.add({.method = row.method,
                    .pattern = row.pattern,
                    .action = row.action,
                    .resource = "forks",
                    .scope = row.scope,
                    .summary = row.summary,
                    .body_max = has_body ? limits.body_max : 0,
                    .parameters = row.parameters,
                    .request_types = has_body ? Types{"application/json"} : Types{},
                    .request_schema = row.request_schema,
                    .answers = {row.answer},
                    .problems = row.problems,
                    .worker = std::move(handler)});
    };
    const Answer fork{200, "Fork"};
    add({"POST",
         "/api/v1/forks",
         "create",
         Scope::kWriteForks,
         "Make a fork",
         {"parent", "name", "at", "known_at", "ttl_seconds", "creator"},
         "NewFork",
         {201, "Fork"},
         {404, 409, 410}},
        [](Call& call) { return answered(create_fork(call)); });
    add({"GET",
         "/api/v1/forks",
         "read",
         Scope::kRead,
         "Forks that live; with all=true those that ended too",
         {"all", "limit", "after"},
         "",
         {200, "Forks"},
         {}},
        [](Call& call) { return answered(list_forks(call)); });
    add({"GET", "/api/v1/forks/{fork}", "read", Scope::kRead, "One fork, by id or name", {}, "", fork, {404, 410}},
        [](Call& call) { return answered(show_fork(call)); });
    add({"DELETE",
         "/api/v1/forks/{fork}",
         "discard",
         Scope::kWriteForks,
         "Throw a fork and its events away",
         {},
         "",
         fork,
         {404, 409, 410}},
        [](Call& call) { return answered(discard_fork(call)); });
    add({"POST",
         "/api/v1/forks/{fork}/discard",
         "discard",
         Scope::kWriteForks,
         "Throw a fork and its events away",
         {},
         "",
         fork,
         {404, 409, 410}},
        [](Call& call) { return answered(discard_fork(call)); });
    add({"POST",
         "/api/v1/forks/{fork}/extend",
         "extend",
         Scope::kWriteForks,
         "Let a fork live ttl_seconds from now",
         {"ttl_seconds"},
         "ExtendFork",
         fork,
         {404, 409, 410}},
        [](Call& call) { return answered(extend_fork(call)); });
    add({"GET",
         "/api/v1/forks/{fork}/diff",
         "read",
         Scope::kRead,
         "What the fork changed: against where it began, or against another branch",
         {"against", "entity_id", "entity_id_prefix", "after", "limit"},
         "",
         {200, "Changes"},
         {404, 410}},
        [](Call& call) { return answered(diff_fork(call)); });
    add({"POST",
         "/api/v1/forks/{fork}/merge",
         "merge",
         Scope::kWrite,
         "Append the fork's events to its parent, all or none",
         {"dry_run", "on_moved", "resolutions", "actor"},
         "MergeFork",
         {200, "Merge"},
         {404, 409, 410, 504, 507}},
        [](Call& call) { return answered(merge_fork(call)); });
}

}  // namespace chronos::server
