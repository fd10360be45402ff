#include "mcp/service.h"

#include <chrono>

#include "mcp/conformance_fixtures.h"

namespace chronos::mcp {
namespace {

constexpr auto kLookPeriod = std::chrono::milliseconds(100);
/// Resources are looked at every so many looks.
constexpr int kLooksPerResourceLook = 10;

/// What changes with every append and every fork.
std::string head_of(const Service::EndpointSource& source) {
    const Result<client::Endpoint*> endpoint = source();
    if (!endpoint.ok()) return "none";
    const auto view = (*endpoint)->view();
    if (!view.ok()) return "none";
    const std::optional<Position> at = (*view)->info().at;
    std::string head = at ? std::to_string(at->value) : "empty";
    const auto forks = (*endpoint)->forks();
    if (!forks.ok()) return head;
    for (const ForkInfo& fork : *forks) {
        head += "," + fork.name + ":" + std::to_string(fork.own_event_count);
    }
    return head;
}

}  // namespace

Service::Service(const ServiceOptions& options, io::Environment world)
    : world_(world), dispatcher_({.version = options.version}, world), executor_(options.threads) {
    dispatcher_.offers() = offers_of(store_catalog(), dispatcher_.seal());
    if (options.with_conformance_fixtures) add_conformance_fixtures(dispatcher_.offers(), subscriptions_);
    looker_ = std::thread([this] { look_now_and_then(); });
}

void Service::add_look(std::function<void()> look) {
    const std::lock_guard lock(mutex_);
    looks_.push_back(std::move(look));
}

void Service::look_now_and_then() {
    std::unique_lock lock(mutex_);
    for (int count = 1; !stopped_.wait_for(lock, kLookPeriod, [this] { return is_stopping(); }); ++count) {
        const std::vector<std::function<void()>> looks = looks_;
        lock.unlock();
        for (const auto& look : looks) look();
        if (count % kLooksPerResourceLook == 0) subscriptions_.look();
        lock.lock();
    }
}

bool Service::is_quick(std::string_view method) {
    return method == "server/discover" || method == "ping" || method == "tools/list" || method == "prompts/list" ||
           method == "resources/templates/list";
}

Subscriptions::Listener Service::listener(SubscriptionFilter filter, const access::Principal& principal,
                                          EndpointSource endpoint,
                                          std::function<void(std::string_view method, Json params)> send) {
    const auto content = [this, principal, endpoint](std::string_view uri) {
        Message request{
            .kind = Message::Kind::kRequest, .id = 0, .method = uri.empty() ? "resources/list" : "resources/read"};
        if (!uri.empty()) request.params["uri"] = uri;
        Exchange exchange(
            std::move(request), {.principal = principal},
            {.send = [](const Json&) {}, .ask = {}, .is_cancelled = {}, .endpoint = endpoint, .pause = {}});
        return text_of(dispatcher_.answer(exchange));
    };
    return {.filter = std::move(filter), .send = std::move(send), .content = content, .head = [endpoint] {
                return head_of(endpoint);
            }};
}

void Service::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    stopped_.notify_all();
    if (looker_.joinable()) looker_.join();
    executor_.stop();
}

}  // namespace chronos::mcp
