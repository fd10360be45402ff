// What the server says of itself: whether it lives, whether it is ready, what it is, what it counts.
#include <string>

#include "json/writer.h"
#include "server/api/description.h"
#include "server/http/problem.h"
#include "server/key_ring.h"
#include "server/live/consumer_json.h"
#include "server/reading.h"
#include "server/route_groups.h"
#include "server/services.h"
#include "server/version.h"

namespace chronos::server {
namespace {

using access::Scope;

Response json_answer(std::string body) {
    Response response;
    response.body = std::move(body);
    response.add_header("Cache-Control", "no-cache");
    return response;
}

Response health(Call& call) {
    std::string body;
    json::ObjectWriter writer(body);
    writer.field("status", "healthy").field("service", "chronos").field("version", kVersion);
    writer.field("mode", call.services.mode);
    // Nobody should take such a server for a safe one.
    writer.field("credentials", call.services.keys.needs_credentials() ? "required" : "none").end();
    return json_answer(std::move(body));
}

Response readiness(Call& call) {
    if (call.services.is_draining.load())
        return problem(503, "draining", "the server is stopping and takes nothing new");
    if (call.services.is_read_only.load())
        return problem(503, "read-only",
                       "a write failed and the store takes no more events; restart the server, which recovers it");
    Result<View> view = call.services.store.view();
    if (!view.ok()) return problem_of(view.error());
    return json_answer(R"({"status":"ready"})");
}

Response version(Call& call) {
    std::string body;
    json::ObjectWriter(body)
        .field("service", "chronos")
        .field("version", kVersion)
        .field("api", "v1")
        .field("database", call.services.store.database().to_string())
        .end();
    return json_answer(std::move(body));
}

void write_store_metrics(std::string& out, const Stats& stats) {
    const auto counter = [&out](std::string_view name, std::string_view help, std::uint64_t value) {
        write_metric(out, name, "counter", help, value);
    };
    const auto gauge = [&out](std::string_view name, std::string_view help, std::uint64_t value) {
        write_metric(out, name, "gauge", help, value);
    };
    gauge("chronos_events", "Events on main.", stats.event_count);
    gauge("chronos_entities", "Entities on main.", stats.entity_count);
    gauge("chronos_log_bytes", "Bytes of the log in use.", stats.log_bytes);
    gauge("chronos_file_bytes", "Bytes of the log's files.", stats.file_bytes);
    gauge("chronos_segments", "Segments of the log.", stats.segment_count);
    gauge("chronos_index_bytes", "Bytes of index files.", stats.index_bytes);
    gauge("chronos_memory_bytes", "Memory of indexes and log.", stats.memory_bytes);
    gauge("chronos_memory_budget_bytes", "Memory to keep to.", stats.memory_budget);
    counter("chronos_commits_total", "Commits since the store was opened.", stats.commits);
    write_histogram(out, "chronos_sync_duration_seconds", "Until what was written is durable.", stats.syncs);
    counter("chronos_spare_waits_total", "Appends that waited for an empty segment.", stats.spare_waits);
    counter("chronos_memory_waits_total", "Appends that waited for memory.", stats.memory_waits);
    counter("chronos_block_loads_total", "Blocks read that were not in memory.", stats.block_loads);
    counter("chronos_scrubbed_bytes_total", "Bytes read again in search of damage.", stats.scrubbed_bytes);
    gauge("chronos_scrub_findings", "Damaged places that were found.", stats.scrub_findings.size());
}

/// Nothing in it runs or is fetched from elsewhere.
Response docs(Call& call) {
    Response response{.content_type = "text/html; charset=utf-8"};
    response.body = docs_page(*call.services.routes);
    response.add_header("Content-Security-Policy",
                        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
                        "frame-ancestors 'none'");
    response.add_header("Referrer-Policy", "no-referrer");
    return response;
}

Response metrics(Call& call) {
    Response response{.content_type = "text/plain; version=0.0.4; charset=utf-8"};
    response.body = call.services.metrics.text();
    response.body += "# HELP chronos_build_info What is running.\n# TYPE chronos_build_info gauge\n";
    response.body += "chronos_build_info{version=\"" + std::string(kVersion) + "\"} 1\n";
    const Result<View> view = call.services.store.view();
    if (!view.ok()) return problem_of(view.error());
    const Result<Stats> stats = view->stats();
    if (!stats.ok()) return problem_of(stats.error());
    write_store_metrics(response.body, *stats);
    response.body += consumer_metrics(call.services.store, call.services.consumers->list("default"));
    return response;
}

}  // namespace

void add_service_routes(Routes& routes, bool metrics_need_credentials) {
    const auto add = [&routes](const char* pattern, const char* summary, Answer answer, Handler handler) {
        routes.add({.method = "GET",
                    .pattern = pattern,
                    .action = "read",
                    .resource = "service",
                    .summary = summary,
                    .answers = {answer},
                    .here = std::move(handler)});
    };
    add("/health", "Whether the server lives", {200, "Health"}, health);
    add("/healthz", "Whether the server lives", {200, "Health"}, health);
    add("/livez", "Whether the server lives", {200, "Health"}, health);
    add("/readyz", "Whether the server takes requests", {200, "Ready"}, readiness);
    add("/version", "What is running", {200, "Version"}, version);
    add("/openapi.json", "This description of the interface, OpenAPI 3.1", {200, ""},
        [](Call& call) { return json_answer(openapi_json(*call.services.routes)); });
    add("/docs", "The same for people", {200, "", "text/html"}, docs);
    add("/llms.txt", "The same for language models, briefly", {200, "", "text/plain"}, [](Call& call) {
        Response response{.content_type = "text/plain; charset=utf-8"};
        response.body = llms_text(*call.services.routes);
        return response;
    });
    routes.add({.method = "GET",
                .pattern = "/metrics",
                .action = "read",
                .resource = "service",
                .scope = metrics_need_credentials ? std::optional(Scope::kRead) : std::nullopt,
                .summary = "What the server counts, for Prometheus",
                .answers = {{200, "", "text/plain"}},
                .worker = metrics});
}

}  // namespace chronos::server
