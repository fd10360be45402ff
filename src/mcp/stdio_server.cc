#include "mcp/stdio_server.h"

#include "mcp/protocol.h"

namespace chronos::mcp {
namespace {

/// How long requests may still take when nothing more comes in.
constexpr std::int64_t kFinishMs = 2'000;

bool is_modern(const Message& message) {
    return string_member(member(message.params, "_meta"), kMetaVersion).has_value() ||
           message.method == "server/discover";
}

}  // namespace

void StdioServer::send(const Json& message) {
    const std::string line = text_of(message);
    const std::lock_guard lock(write_mutex_);
    options_.write(line);
}

void StdioServer::refuse_line(std::string_view why) {
    send(error_message({}, {.code = kInvalidRequest, .message = std::string(why)}));
}

void StdioServer::take(std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    Parsed parsed = parse_message(line);
    if (parsed.error) return send(error_message(parsed.message.id, *parsed.error));
    switch (parsed.message.kind) {
        case Message::Kind::kRequest: return take_request(std::move(parsed.message));
        case Message::Kind::kNotification: return take_notification(parsed.message);
        case Message::Kind::kResponse:
            if (session_) session_->take_response(parsed.message);
            return;
    }
}

void StdioServer::take_notification(const Message& message) {
    if (message.method != "notifications/cancelled") return;
    const Json& id = member(message.params, "requestId");
    modern_.cancel(id);
    if (session_) session_->in_flight().cancel(id);
}

void StdioServer::take_request(Message message) {
    if (message.method == "initialize" && !is_modern(message)) return initialize(message);
    // Before the handshake a client may see whether anybody is there.
    if (message.method == "ping" && !session_ && !is_modern(message))
        return send(result_message(message.id, Json::object()));
    if (session_ && !is_modern(message)) {
        if (!LegacySession::is_own(message.method)) return run(std::move(message), session_->client(), false);
        const std::string uri = string_member(message.params, "uri").value_or("");
        if (message.method == "resources/subscribe" && !uri.empty()) {
            if (const auto error = service_.dispatcher().refuse_to_watch({uri}))
                return send(error_message(message.id, *error));
        }
        const auto answer = session_->answer(message);
        if (const auto* error = std::get_if<RpcError>(&answer)) return send(error_message(message.id, *error));
        send(result_message(message.id, std::get<Json>(answer)));
        return watch_for_session();
    }
    auto client = service_.dispatcher().modern_client(message, options_.principal);
    if (const auto* error = std::get_if<RpcError>(&client)) return send(error_message(message.id, *error));
    if (message.method == "subscriptions/listen") return listen(message, std::get<Client>(client));
    run(std::move(message), std::get<Client>(std::move(client)), true);
}

void StdioServer::initialize(const Message& message) {
    if (session_)
        return send(error_message(message.id, {.code = kInvalidRequest, .message = "this connection is open already"}));
    Client client = Dispatcher::legacy_client(message, options_.principal);
    send(result_message(message.id, service_.dispatcher().initialize_result(client)));
    session_ = std::make_shared<LegacySession>(std::move(client));
    watch_for_session();
}

void StdioServer::watch_for_session() {
    if (session_listener_ != 0) return service_.subscriptions().set_filter(session_listener_, session_->filter());
    session_listener_ = service_.subscriptions().add(service_.listener(
        session_->filter(), options_.principal, options_.endpoint,
        [this](std::string_view method, Json params) { send(notification_message(method, std::move(params))); }));
}

void StdioServer::listen(const Message& message, const Client& client) {
    const Json id = message.id;
    const Result<SubscriptionFilter> filter = service_.subscription_filter(member(message.params, "notifications"));
    if (!filter.ok()) return send(error_message(id, {.code = kInvalidParams, .message = filter.error().message}));
    if (const auto error = service_.dispatcher().refuse_to_watch(filter->uris)) return send(error_message(id, *error));
    const auto tagged = [id](Json params) {
        params["_meta"][std::string(kMetaSubscription)] = id;
        return params;
    };
    // Called off by the client, so on the thread that takes lines: it hears nothing more.
    const auto on_cancel = [this, id] {
        const auto listener = listeners_.extract(id.dump());
        if (listener) service_.subscriptions().remove(listener.mapped().first);
        modern_.end(id);
    };
    if (!modern_.begin(id, on_cancel))
        return send(error_message(id, {.code = kInvalidRequest, .message = "this id is in use"}));
    send(notification_message("notifications/subscriptions/acknowledged", tagged({{"notifications", filter->json()}})));
    const std::uint64_t number = service_.subscriptions().add(service_.listener(
        *filter, client.principal, options_.endpoint, [this, tagged](std::string_view method, Json params) {
            send(notification_message(method, tagged(std::move(params))));
        }));
    if (number != 0) {
        const Json end = result_message(id, service_.dispatcher().finished(tagged(Json::object())));
        listeners_.emplace(id.dump(), std::pair(number, end));
        return;
    }
    modern_.end(id);
    send(error_message(id, {.code = kTooManyRequests, .message = "there are as many subscriptions as may be"}));
}

void StdioServer::run(Message message, Client client, bool is_modern_era) {
    const Json id = message.id;
    InFlight& in_flight = is_modern_era ? modern_ : session_->in_flight();
    const InFlight::Flag flag = in_flight.begin(id);
    if (!flag)
        return send(error_message(id, {.code = kInvalidRequest, .message = "a request with this id is under way"}));
    const bool is_quick = Service::is_quick(message.method);
    const auto is_cancelled = [this, flag] { return flag->load() || service_.is_stopping(); };
    Line line{.send =
                  [this, flag](const Json& sent) {
                      if (!flag->load()) send(sent);
                  },
              .ask = {},
              .is_cancelled = is_cancelled,
              .endpoint = options_.endpoint,
              .pause = {}};
    if (!is_modern_era) {
        line.ask = [session = session_, send = line.send, is_cancelled](std::string_view method, const Json& params) {
            return session->ask(method, params, send, is_cancelled);
        };
    }
    const auto exchange = std::make_shared<Exchange>(std::move(message), std::move(client), std::move(line));
    const auto work = [this, exchange, &in_flight] {
        const Json answer = service_.dispatcher().answer(*exchange);
        if (in_flight.end(exchange->request().id)) send(answer);
    };
    if (is_quick) return work();
    if (service_.executor().run(work)) return;
    in_flight.end(id);
    send(error_message(id, {.code = kTooManyRequests, .message = "too many requests are under way; wait for one"}));
}

void StdioServer::end_listeners() {
    for (const auto& [id, listener] : std::exchange(listeners_, {})) {
        service_.subscriptions().remove(listener.first);
        send(listener.second);
    }
}

void StdioServer::finish() {
    if (is_finished_) return;
    is_finished_ = true;
    service_.subscriptions().stop();
    end_listeners();
    if (session_listener_ != 0) service_.subscriptions().remove(session_listener_);
    // Questions to the client will not be answered any more.
    if (session_) session_->stop_asking();
    service_.executor().wait_until_idle(kFinishMs);
    modern_.cancel_all();
    if (session_) session_->close();
    service_.stop();
}

}  // namespace chronos::mcp
