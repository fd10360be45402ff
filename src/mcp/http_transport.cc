#include "mcp/http_transport.h"

#include <utility>

#include "base/result.h"
#include "mcp/protocol.h"
#include "mcp/request_metadata.h"
#include "server/http/problem.h"
#include "server/live/live_count.h"
#include "server/log.h"
#include "server/reading.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kBodyMax = std::size_t{4} << 20;
/// Calls of one key at once, of those that all together may have: one that waits a lot keeps nobody else from asking.
constexpr std::size_t kCallsPerCallerMax = 32;
/// How long calls may still take when the server stops.
constexpr std::int64_t kFinishMs = 2'000;
constexpr std::string_view kMetadataPath = "/.well-known/oauth-protected-resource/mcp";

bool takes_events(const server::Request& request) {
    return request.header("accept").find("text/event-stream") != std::string_view::npos;
}

/// Requests of the modern era say so in their bodies or headers; all else is of the legacy one.
bool is_modern(const server::Request& request, const Message& message) {
    if (string_member(member(message.params, "_meta"), kMetaVersion)) return true;
    const std::string_view version = request.header("mcp-protocol-version");
    return (!version.empty() && !is_legacy_version(version)) || message.method == "server/discover";
}

server::Response failure(const Json& id, const RpcError& error, int status) {
    return json_response(status, error_message(id, error));
}

server::Response accepted() { return {.status = 202, .content_type = ""}; }

/// As the client reached the server.
std::string url_of(server::Call& call, std::string_view path) {
    const std::string scheme = call.services.is_tls ? "https://" : "http://";
    return scheme + std::string(call.request.header("host")) + std::string(path);
}

std::shared_ptr<client::Endpoint> endpoint_of_call(server::Call& call) {
    return client::endpoint_over(call.store, "the server's store");
}

Service::EndpointSource source_of(const std::shared_ptr<client::Endpoint>& endpoint) {
    return [endpoint]() -> Result<client::Endpoint*> { return endpoint.get(); };
}

server::Response streamed(const std::shared_ptr<SseStream>& stream, std::shared_ptr<SseStream::Reader> reader,
                          SseBody::Options options) {
    server::Response response{.content_type = "text/event-stream"};
    response.add_header("Cache-Control", "no-store");
    response.add_header("X-Accel-Buffering", "no");
    response.stream = std::make_unique<SseBody>(stream, std::move(reader), std::move(options));
    return response;
}

}  // namespace

HttpTransport::HttpTransport(const ServiceOptions& options, io::Environment world)
    : service_(options, world), sessions_(service_) {
    service_.set_look([this] { return look(); });
    service_.dispatcher().set_observer([](const CallRecord& call) {
        // Who changed something is of use later.
        const server::LogLevel level =
            call.scope == access::Scope::kRead ? server::LogLevel::kDebug : server::LogLevel::kInfo;
        if (!server::is_logged(level)) return;
        const std::string digest = Seal::binding_of(call.caller, "arguments", call.arguments).digest;
        server::log(level, "mcp: " + std::string(call.tool) + " " + std::string(call.outcome) + " in " +
                               std::to_string(call.ms) + " ms, key " + call.caller.key_id + ", arguments " + digest);
    });
}

void HttpTransport::add_routes(server::Routes& routes) {
    const std::vector<std::string_view> headers = {"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id"};
    routes.add(
        {.method = "POST",
         .pattern = "/mcp",
         .action = "ask",
         .resource = "mcp",
         .scope = access::Scope::kRead,
         .summary = "A message of the Model Context Protocol; the tools that a key may call depend on its scopes",
         .body_max = kBodyMax,
         .parameters = std::vector<std::string_view>{},
         .request_headers = headers,
         .request_types = {"application/json"},
         .request_schema = "McpMessage",
         .answers = {{200, "McpMessage"},
                     {200, "", "text/event-stream"},
                     {202, "", ""},
                     {400, "McpMessage"},
                     {403, "McpMessage"},
                     {404, "McpMessage"},
                     {429, "McpMessage"}},
         .resource_metadata = kMetadataPath,
         .later = [this](server::Call& call, Done done) { post(call, std::move(done)); }});
    routes.add(
        {.method = "GET",
         .pattern = "/mcp",
         .action = "follow",
         .resource = "mcp",
         .scope = access::Scope::kRead,
         .summary = "What the server has to say in a session of MCP 2025-11-25 and before, as server-sent events",
         .parameters = std::vector<std::string_view>{},
         .request_headers = {"Mcp-Session-Id", "Last-Event-ID"},
         .answers = {{200, "", "text/event-stream"}},
         .problems = {404, 405, 406, 429},
         .resource_metadata = kMetadataPath,
         .worker = [this](server::Call& call) { return get(call); }});
    routes.add({.method = "DELETE",
                .pattern = "/mcp",
                .action = "end",
                .resource = "mcp",
                .scope = access::Scope::kRead,
                .summary = "Ends a session of MCP 2025-11-25 and before",
                .parameters = std::vector<std::string_view>{},
                .request_headers = {"Mcp-Session-Id"},
                .answers = {{204, "", ""}},
                .problems = {404, 405},
                .resource_metadata = kMetadataPath,
                .worker = [this](server::Call& call) { return remove(call); }});
    for (const char* path : {"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"}) {
        routes.add({.method = "GET",
                    .pattern = path,
                    .action = "describe",
                    .resource = "mcp",
                    .summary = "Which credentials /mcp takes, as RFC 9728 has it",
                    .answers = {{200, ""}},
                    .here = [this](server::Call& call) { return metadata(call); }});
    }
}

server::Response HttpTransport::metadata(server::Call& call) const {
    return json_response(200, {{"resource", url_of(call, "/mcp")},
                               {"resource_name", "Chronos"},
                               {"bearer_methods_supported", Json::array({"header"})},
                               {"scopes_supported", Json::array({"read", "write:forks", "write"})}});
}

void HttpTransport::post(server::Call& call, Done done) {
    Parsed parsed = parse_message(call.request.body);
    Message& message = parsed.message;
    if (parsed.error) return done(failure(message.id, *parsed.error, 400));
    if (is_modern(call.request, message)) return post_modern(call, std::move(message), done);
    post_legacy(call, std::move(message), done);
}

void HttpTransport::post_modern(server::Call& call, Message message, const Done& done) {
    if (message.kind == Message::Kind::kResponse)
        return done(failure(message.id, {.code = kInvalidRequest, .message = "clients send no responses"}, 400));
    // Closing the answer's stream is how a request is called off, so there is nothing to be told.
    if (message.kind == Message::Kind::kNotification) return done(accepted());
    const bool names_version = string_member(member(message.params, "_meta"), kMetaVersion).has_value();
    if (names_version) {
        const bool is_call = message.method == "tools/call";
        const Json* tool =
            is_call ? service_.dispatcher().tool_listing(string_member(message.params, "name").value_or("")) : nullptr;
        if (const auto error = mismatch_of(call.request, message, tool)) return done(failure(message.id, *error, 400));
    }
    auto client = service_.dispatcher().modern_client(message, call.principal);
    if (const auto* error = std::get_if<RpcError>(&client)) return done(failure(message.id, *error, 400));
    if (message.method == "subscriptions/listen") return listen(call, message, std::get<Client>(client), done);
    run_modern(call, std::move(message), std::get<Client>(std::move(client)), done);
}

void HttpTransport::run_modern(server::Call& call, Message message, Client client, const Done& done) {
    const auto http_call =
        std::make_shared<HttpCall>(HttpCall::Options{.era = Era::kModern,
                                                     .may_stream = takes_events(call.request),
                                                     .is_read = service_.dispatcher().is_read(message),
                                                     .stream = {},
                                                     .on_stream = {},
                                                     .metadata_url = url_of(call, kMetadataPath)},
                                   service_.world().clock.monotonic_ns(), done);
    const std::weak_ptr<HttpCall> weak = http_call;
    Line line{.send =
                  [weak](const Json& sent) {
                      if (const auto self = weak.lock()) self->send(sent);
                  },
              .ask = {},
              .is_cancelled =
                  [this, weak] {
                      const auto self = weak.lock();
                      return service_.is_stopping() || !self || self->is_cancelled();
                  },
              .endpoint = source_of(endpoint_of_call(call)),
              .pause = {}};
    const bool is_quick_one = is_quick(message, call);
    run(http_call, std::make_shared<Exchange>(std::move(message), std::move(client), std::move(line)), is_quick_one,
        [] { return true; });
}

bool HttpTransport::is_quick(const Message& message, const server::Call& call) {
    if (Service::is_quick(message.method)) return true;
    const std::string entity_id = service_.dispatcher().entity_of(message);
    return !entity_id.empty() && server::is_at_hand(call.store, entity_id, {});
}

void HttpTransport::run(const std::shared_ptr<HttpCall>& http_call, const std::shared_ptr<Exchange>& exchange,
                        bool is_quick, const std::function<bool()>& is_answer_wanted) {
    const std::string holder = holder_of(exchange->client().principal);
    const auto work = [this, http_call, exchange, is_answer_wanted, holder, is_quick] {
        const Json answer = service_.dispatcher().answer(*exchange);
        if (!is_quick) leave(holder);
        // An old client that called it off still waits for the end of the stream.
        if (is_answer_wanted())
            http_call->finish(answer);
        else
            http_call->finish(error_message(exchange->request().id, {.code = kInternalError, .message = "called off"}));
    };
    if (is_quick) return work();
    if (enter(holder)) {
        look_after(http_call);
        if (service_.executor().run(work)) return;
        leave(holder);
    }
    (void)is_answer_wanted();
    http_call->finish(error_message(
        exchange->request().id, {.code = kTooManyRequests, .message = "too many requests are under way; try again"}));
}

bool HttpTransport::enter(const std::string& holder) {
    const std::lock_guard lock(mutex_);
    if (under_way_[holder] >= kCallsPerCallerMax) return false;
    ++under_way_[holder];
    return true;
}

void HttpTransport::leave(const std::string& holder) {
    const std::lock_guard lock(mutex_);
    const auto entry = under_way_.find(holder);
    if (--entry->second == 0) under_way_.erase(entry);
}

bool HttpTransport::run_counted(const std::string& holder, std::function<void()> work) {
    if (!enter(holder)) return false;
    const auto counted = [this, holder, work = std::move(work)] {
        work();
        leave(holder);
    };
    if (service_.executor().run(counted)) return true;
    leave(holder);
    return false;
}

void HttpTransport::look_after(const std::shared_ptr<HttpCall>& http_call) {
    bool is_first = false;
    {
        const std::lock_guard lock(mutex_);
        is_first = waiting_.empty();
        waiting_.push_back(http_call);
    }
    // With others there it is looked at soon anyway; waking a thread for each call costs more than many a call.
    if (is_first) service_.wake();
}

void HttpTransport::listen(server::Call& call, const Message& message, const Client& client, const Done& done) {
    const Json id = message.id;
    const Result<SubscriptionFilter> filter = service_.subscription_filter(member(message.params, "notifications"));
    if (!filter.ok()) return done(failure(id, {.code = kInvalidParams, .message = filter.error().message}, 400));
    if (const auto error = service_.dispatcher().refuse_to_watch(filter->uris)) return done(failure(id, *error, 400));
    Result<server::LiveCount> count = server::LiveCount::take(call.services);
    if (!count.ok()) return done(failure(id, {.code = kTooManyRequests, .message = count.error().message}, 429));
    if (!takes_events(call.request))
        return done(failure(id, {.code = kInvalidRequest, .message = "this is answered with text/event-stream"}, 400));
    // What is subscribed to is read now, which may take a while.
    const auto begin = [this, id, filter = *filter, principal = client.principal, endpoint = endpoint_of_call(call),
                        done, held = std::make_shared<server::LiveCount>(std::move(*count))] {
        done(begin_listening(id, filter, principal, endpoint, held));
    };
    if (!run_counted(holder_of(client.principal), begin))
        done(failure(id, {.code = kTooManyRequests, .message = "too many requests are under way; try again"}, 429));
}

server::Response HttpTransport::begin_listening(const Json& id, const SubscriptionFilter& filter,
                                                const access::Principal& principal,
                                                const std::shared_ptr<client::Endpoint>& endpoint,
                                                const std::shared_ptr<server::LiveCount>& held) {
    const auto tagged = [id](Json params) {
        params["_meta"][std::string(kMetaSubscription)] = id;
        return params;
    };
    const auto stream = std::make_shared<SseStream>(SseStream::Options{});
    Result<std::shared_ptr<SseStream::Reader>> reader = stream->attach(0);
    if (!reader.ok()) return server::problem_of(reader.error());
    stream->send(
        notification_message("notifications/subscriptions/acknowledged", tagged({{"notifications", filter.json()}})));
    const std::uint64_t number = service_.subscriptions().add(service_.listener(
        filter, principal, source_of(endpoint), [stream, tagged](std::string_view method, Json params) {
            stream->send(notification_message(method, tagged(std::move(params))));
        }));
    if (number == 0)
        return failure(id, {.code = kTooManyRequests, .message = "there are as many subscriptions as may be"}, 429);
    const Json farewell = result_message(id, service_.dispatcher().finished(tagged(Json::object())));
    return streamed(stream, *std::move(reader),
                    {.is_live = true,
                     .farewell = text_of(farewell),
                     .on_gone = [this, number, held](bool /*complete*/) { service_.subscriptions().remove(number); }});
}

void HttpTransport::post_legacy(server::Call& call, Message message, const Done& done) {
    if (message.method == "initialize" && message.kind == Message::Kind::kRequest)
        return initialize(call, message, done);
    if (!call.request.has_header("mcp-session-id"))
        return done(failure(message.id,
                            {.code = kInvalidRequest,
                             .message = "name the session in Mcp-Session-Id, after \"initialize\"; or use revision " +
                                        std::string(kModernVersion) + ", which has none"},
                            400));
    const auto session = sessions_.find(call.request.header("mcp-session-id"), holder_of(call.principal));
    if (!session)
        return done(failure(
            message.id, {.code = kInvalidRequest, .message = "there is no such session (any more); initialize again"},
            404));
    LegacySession& legacy = session->legacy();
    if (message.kind == Message::Kind::kResponse) {
        legacy.take_response(message);
        return done(accepted());
    }
    if (message.kind == Message::Kind::kNotification) {
        if (message.method == "notifications/cancelled") legacy.in_flight().cancel(member(message.params, "requestId"));
        return done(accepted());
    }
    if (!LegacySession::is_own(message.method)) return run_legacy(call, std::move(message), session, done);
    const std::string uri = string_member(message.params, "uri").value_or("");
    if (message.method == "resources/subscribe" && !uri.empty()) {
        if (const auto error = service_.dispatcher().refuse_to_watch({uri}))
            return done(failure(message.id, *error, 200));
    }
    const auto answer = legacy.answer(message);
    if (const auto* error = std::get_if<RpcError>(&answer)) return done(failure(message.id, *error, 200));
    const Json result = result_message(message.id, std::get<Json>(answer));
    if (message.method == "logging/setLevel") return done(json_response(200, result));
    // What is subscribed to is read now, which may take a while.
    const auto watch = [this, session, done, result, id = message.id] {
        if (session->watch(service_)) return done(json_response(200, result));
        done(failure(id, {.code = kTooManyRequests, .message = "there are as many subscriptions as may be"}, 429));
    };
    if (!run_counted(session->holder(), watch))
        done(failure(message.id, {.code = kTooManyRequests, .message = "too many requests are under way; try again"},
                     429));
}

void HttpTransport::initialize(server::Call& call, const Message& message, const Done& done) {
    Client client = Dispatcher::legacy_client(message, call.principal);
    const Json result = service_.dispatcher().initialize_result(client);
    const std::string id = sessions_.add(std::make_shared<HttpSession>(std::move(client), endpoint_of_call(call)));
    if (id.empty())
        return done(failure(message.id,
                            {.code = kTooManyRequests,
                             .message = "there are as many sessions as may be; end some, or use revision " +
                                        std::string(kModernVersion) + ", which has none"},
                            429));
    server::Response response = json_response(200, result_message(message.id, result));
    response.add_header("Mcp-Session-Id", id);
    done(std::move(response));
}

void HttpTransport::run_legacy(server::Call& call, Message message, const std::shared_ptr<HttpSession>& session,
                               const Done& done) {
    const Json id = message.id;
    InFlight& in_flight = session->legacy().in_flight();
    const InFlight::Flag flag = in_flight.begin(id);
    if (!flag)
        return done(failure(id, {.code = kInvalidRequest, .message = "a request with this id is under way"}, 400));
    const auto http_call = std::make_shared<HttpCall>(
        HttpCall::Options{.era = Era::kLegacy,
                          .may_stream = takes_events(call.request),
                          .is_read = service_.dispatcher().is_read(message),
                          .stream = session->next_stream(),
                          .on_stream = [session](const std::shared_ptr<SseStream>& stream) { session->keep(stream); },
                          .metadata_url = url_of(call, kMetadataPath)},
        service_.world().clock.monotonic_ns(), done);
    const std::weak_ptr<HttpCall> weak = http_call;
    const auto send = [weak, flag](const Json& sent) {
        if (const auto self = weak.lock(); self && !flag->load()) self->send(sent);
    };
    const auto is_cancelled = [this, flag] { return service_.is_stopping() || flag->load(); };
    Line line{.send = send,
              .ask = {},
              .is_cancelled = is_cancelled,
              .endpoint = source_of(session->endpoint()),
              .pause = [weak] {
                  if (const auto self = weak.lock()) self->pause();
              }};
    if (takes_events(call.request)) {
        line.ask = [session, send, is_cancelled](std::string_view method, const Json& params) {
            return session->legacy().ask(method, params, send, is_cancelled);
        };
    }
    const bool is_quick_one = is_quick(message, call);
    run(http_call, std::make_shared<Exchange>(std::move(message), session->legacy().client(), std::move(line)),
        is_quick_one, [session, id] { return session->legacy().in_flight().end(id); });
}

server::Response HttpTransport::get(server::Call& call) {
    const std::string_view id = call.request.header("mcp-session-id");
    if (id.empty()) {
        server::Response refusal = server::problem(
            405, "method-not-allowed", "messages are sent with POST; GET belongs to sessions, named in Mcp-Session-Id");
        refusal.add_header("Allow", "POST");
        return refusal;
    }
    const auto session = sessions_.find(id, holder_of(call.principal));
    if (!session) return server::problem(404, "not-found", "there is no such session (any more); initialize again");
    if (!takes_events(call.request))
        return server::problem(406, "not-acceptable", "this is answered with text/event-stream");
    Result<server::LiveCount> count = server::LiveCount::take(call.services);
    if (!count.ok()) return server::problem_of(count.error());
    const std::string_view last = call.request.header("last-event-id");
    HttpSession::Place place{.stream = session->standalone()};
    if (!last.empty()) {
        if (auto behind = session->behind(last)) place = *std::move(behind);
    }
    Result<std::shared_ptr<SseStream::Reader>> reader = place.stream->attach(place.next);
    if (!reader.ok()) return server::problem_of(reader.error());
    // Without a listener it still is where messages that were missed are taken up.
    (void)session->watch(service_);
    const auto held = std::make_shared<server::LiveCount>(std::move(*count));
    return streamed(place.stream, *std::move(reader),
                    {.is_live = true, .farewell = {}, .on_gone = [held](bool /*complete*/) {}});
}

server::Response HttpTransport::remove(server::Call& call) {
    const std::string_view id = call.request.header("mcp-session-id");
    if (id.empty()) {
        server::Response refusal =
            server::problem(405, "method-not-allowed", "only sessions are ended, named in Mcp-Session-Id");
        refusal.add_header("Allow", "POST");
        return refusal;
    }
    if (!sessions_.find(id, holder_of(call.principal)))
        return server::problem(404, "not-found", "there is no such session (any more)");
    sessions_.remove(id);
    return {.status = 204, .content_type = ""};
}

bool HttpTransport::look() {
    std::list<std::weak_ptr<HttpCall>> waiting;
    {
        const std::lock_guard lock(mutex_);
        waiting.swap(waiting_);
    }
    const std::int64_t now = service_.world().clock.monotonic_ns();
    waiting.remove_if([now](const std::weak_ptr<HttpCall>& weak) {
        const auto call = weak.lock();
        return !call || !call->begin_if_slow(now);
    });
    sessions_.expire();
    const std::lock_guard lock(mutex_);
    waiting_.splice(waiting_.end(), waiting);
    return !waiting_.empty();
}

void HttpTransport::stop() {
    const std::lock_guard lock(stop_mutex_);
    if (std::exchange(is_stopped_, true)) return;
    service_.subscriptions().stop();
    service_.executor().wait_until_idle(kFinishMs);
    sessions_.end_all();
    service_.stop();
}

}  // namespace chronos::mcp
